"""`odisea` as a user types it, run inside the test process so that its compiled code is loaded once."""

import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple
from unittest.mock import patch

from odisea.cli import main


class Said(NamedTuple):
    """What a command left behind: its exit code, its messages (lines of stderr) and its stdout."""

    code: int
    messages: tuple[str, ...]
    printed: str


def run_odisea(*words: object) -> Said:
    """Run a command line.

    Only an exit ends a command: any other exception is a traceback that a user would see, and fails the test.
    """
    messages, printed, code = StringIO(), StringIO(), 0
    with patch.object(sys, "argv", ["odisea", *map(str, words)]), redirect_stderr(messages), redirect_stdout(printed):
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return Said(code, tuple(messages.getvalue().splitlines()), printed.getvalue())


def succeed(*words: object) -> Said:
    """Run a command line that must succeed."""
    said = run_odisea(*words)
    assert said.code == 0, said.messages
    return said
