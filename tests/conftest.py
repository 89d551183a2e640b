"""What tests of several folders share: the declared study and one store of calibrations."""

from pathlib import Path

import pytest

from odisea.cli import read_study
from odisea.performance.power import Study

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def study() -> Study:
    """The declared trial with its assumptions and scenarios."""
    return read_study(ROOT / "protocol" / "nct07248813.yaml", None, None)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of this test session: each calibration is solved once."""
    return tmp_path_factory.mktemp("store")
