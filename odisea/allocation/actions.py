"""What `odisea randomise` can be asked to do, and which options belong to each request."""

from collections.abc import Collection
from typing import NamedTuple

from odisea.errors import OdiseaError, Problem

COMMAND = "odisea randomise"
LONGEST_NAME = 80


class Options(NamedTuple):
    """Options beside the one that names the request."""

    needed: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()


ACTIONS: dict[str, Options] = {
    "--plan": Options(("PROTOCOL", "--custodian", "-o"), ("--by",)),
    "--next": Options(("PROTOCOL", "--participant", "--identity", "-o"), ("--by",)),
    "--verify": Options(("PROTOCOL", "-o"), ("--identity", "--expect")),
    "--new-key": Options(),
}


def check_options(given: Collection[str]) -> None:
    """Refuse options of which nothing can be made.

    Parameters
    ----------
    given : collection of str
        Names of the options on the command line, PROTOCOL among them.

    Raises
    ------
    OdiseaError
        None or several of the requests are named, an option is missing, or one has no meaning here: every problem at once.
    """
    named = [name for name in ACTIONS if name in given]
    if len(named) != 1:
        found = f"{' and '.join(named)} were given" if named else "nothing is asked for"
        raise OdiseaError(Problem(COMMAND, found, f"one of {', '.join(ACTIONS)}", ""))
    (action,) = named
    needed, possible = ACTIONS[action]
    missing = [name for name in needed if name not in given]
    strange = [name for name in sorted(given) if name not in (action, *needed, *possible)]
    problems = [Problem(f"{COMMAND} {action}", f"{name} is missing", f"needed: {', '.join(needed)}", "") for name in missing]
    problems += [Problem(f"{COMMAND} {action}", f"{name} has no meaning here", "", "Leave it out") for name in strange]
    if problems:
        raise OdiseaError(problems)


def check_signature(by: str) -> None:
    """Refuse a name that a line of the log cannot hold.

    Raises
    ------
    OdiseaError
        It is empty, too long, or has characters that cannot be printed.
    """
    if not (by.strip() and by.isprintable() and len(by) <= LONGEST_NAME):
        raise OdiseaError(Problem("--by", f"the name is {by!r}", f"a name or role of 1 to {LONGEST_NAME} characters", ""))
