"""What tests of several folders share: the papers and data beside the repository, the declared study, and one store of calibrations."""

import os
from pathlib import Path

import pytest

from odisea.cli import read_study
from odisea.performance.power import Study

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("ODISEA_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of material that is no part of the repository; a test that needs it is skipped where it is not."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared material is not here: {SHARED} does not exist (set ODISEA_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def study() -> Study:
    """The declared trial with its assumptions and scenarios."""
    return read_study(ROOT / "protocol" / "nct07248813.yaml", None, None)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of this test session: each calibration is solved once."""
    return tmp_path_factory.mktemp("store")
