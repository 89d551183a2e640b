"""What went wrong, said so that a reader can act on it.

Every error that a user can cause is an `OdiseaError` holding one `Problem` per fault; the command line prints all of
them, one line each, and exits with 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass


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
    """

    where: str
    found: str
    allowed: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        """Return the fault as one line."""
        parts = [part for part in (self.found, self.allowed) if part]
        line = f"{self.where}: {'; '.join(parts)}"
        return f"{line}. {self.remedy}" if self.remedy else line


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
