"""Lets the optional tests share the declarations of the unit tests, whichever folder runs alone."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "unit"))
