"""What went wrong, said so that a reader can act on it.

Every error that a user can cause is an `OdiseaError` holding one `Problem` per fault; the command line prints all of
them, one line each, and exits with 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_PART = 1_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in an input.

    Parameters
    ----------
    where : str
        File with line and column, or file with row and column, or the name of an option.
    found : str
        What stands there.
    allowed : str
        What may stand there; empty when the remedy says it all.
    remedy : str
        What to do.
    rule : str
        Identifier of the rule that is broken, such as SYN-01; never printed.
    """

    where: str
    found: str
    allowed: str = ""
    remedy: str = ""
    rule: str = ""

    def __str__(self) -> str:
        """Return the fault as one line; what a file or its name puts into it can neither break the line nor drown it."""
        where, found, allowed, remedy = map(_visible, (self.where, self.found, self.allowed, self.remedy))
        line = f"{where}: {'; '.join(part for part in (found, allowed) if part)}"
        return f"{line}. {remedy}" if remedy else line


def _visible(text: str) -> str:
    """Return a text with line ends and hidden characters written as escapes, and cut where it is very long."""
    text = text if len(text) <= LONGEST_PART else f"{text[:LONGEST_PART]}..."
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class OdiseaError(Exception):
    """An error that the user can mend; holds every problem found, not only the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ProtocolError(OdiseaError):
    """A declaration (protocol, assumptions, scenarios, mapping, dictionary) cannot be used."""


class DataError(OdiseaError):
    """An export folder or a raw file breaks its contract."""


class AnalysisError(OdiseaError):
    """A planned analysis cannot be carried out or failed its double programming."""
