"""Finished batches on disk, so that an interrupted run goes on where it stopped.

A batch lies under the digest of everything that determines its numbers (protocol, scenario, calibration, plan, seed, code,
but not the number of replicates). It is written to a temporary name, flushed and renamed. A checksum over the whole array,
header included, follows it in the file and tells a damaged one, which is computed again.
"""

import hashlib
import io
import os
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from odisea.performance.batch import Job, run_batch

Floats = NDArray[np.float64]

BATCH = 500
CHECKSUM_BYTES = hashlib.sha256().digest_size


def batch_ranges(replicates: int) -> list[tuple[int, int]]:
    """Return the ranges of the batches: a fixed grid, the last one cut at the number of replicates."""
    return [(first, min(first + BATCH, replicates)) for first in range(0, replicates, BATCH)]


def read_batch(folder: Path, first: int, last: int) -> Floats | None:
    """Return a finished batch that covers the range, or None where there is none or it is damaged."""
    for path in sorted(folder.glob(f"{first:09d}-*.npy")):
        if int(path.stem.split("-")[1]) >= last:
            content = path.read_bytes()
            array, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
            if hashlib.sha256(array).digest() == checksum:
                results: Floats = np.load(io.BytesIO(array))
                return results[: last - first]
    return None


def write_batch(folder: Path, first: int, last: int, results: Floats) -> None:
    """Write a finished batch under its final name in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{first:09d}.{os.getpid()}.{threading.get_ident()}.tmp"
    array = io.BytesIO()
    np.save(array, results)
    with temporary.open("wb") as stream:
        stream.write(array.getvalue())
        stream.write(hashlib.sha256(array.getbuffer()).digest())
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(folder / f"{first:09d}-{last:09d}.npy")


def stored_batch(folder: Path, job: Job, span: tuple[int, int]) -> Floats:
    """Return a batch from the store, computing and keeping it first where needed."""
    first, last = span
    results = read_batch(folder, first, last)
    if results is None:
        results = run_batch(job, first, last)
        write_batch(folder, first, last, results)
    return results
