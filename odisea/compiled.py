"""The one decorator for compiled code, and the folder that holds what it compiled.

Numba's own cache looks at the file of the cached function only: after an edit in a function that another one inlines,
the caller would keep running the old code. So the cache folder is named by a hash of every source file of the package;
any edit opens a new one.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from odisea.source import PACKAGE, source_hash


def cache_folder() -> Path:
    """Return the folder of compiled code for exactly these sources (beside the package, else in the user's temporary folder)."""
    beside = PACKAGE.parent / ".numba_cache"
    writable = os.access(PACKAGE.parent, os.W_OK)
    base = beside if writable else Path(tempfile.gettempdir()) / f"odisea_numba_{os.getuid()}"
    return base / source_hash()[:16]


# Numba reads this when it is first imported; every compiled module imports this one before numba.
os.environ["NUMBA_CACHE_DIR"] = str(cache_folder())

import numba  # noqa: E402

numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function on its first call: no Python objects, no reordering of sums, cached on disk, free of the interpreter lock."""
    return cast(F, numba.njit(function, cache=True, nogil=True, fastmath=False, error_model="numpy"))


def inlined(function: F) -> F:
    """Compile a small function into each of its callers, so that a loop around it can be vectorised."""
    return cast(F, numba.njit(function, cache=True, nogil=True, fastmath=False, error_model="numpy", inline="always"))
