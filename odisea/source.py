"""Which code this is: one hash over every source file of the package, apart from the compiler so that it costs nothing to ask."""

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def source_hash() -> str:
    """Return the sha256 of all source files of the package, names included, as hexadecimal text."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(b"\0")
        digest.update(path.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()
