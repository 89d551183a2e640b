"""The accrual fan of `odisea calendar` on its own: how many will have been randomised by when, beside what is needed.

It reads `calendar.json` alone; the power report has the same figure. Bands are quantiles over simulated calendars (5 to 95 %
and 25 to 75 %), the line is their median; the straight dashed line is the even pace that would randomise the total by the
last possible day.
"""

from pathlib import Path

from odisea.errors import DataError, Problem
from odisea.report.calendar_files import Accrual, accrual_fan
from odisea.report.content import Trace
from odisea.report.figures import draw
from odisea.report.numbers import Traced
from odisea.report.results import read_part
from odisea.report.speech import Speaker


def read_accrual(path: Path) -> Accrual:
    """Return the accrual of a `calendar.json`.

    Raises
    ------
    DataError
        The file is missing, is no JSON, or lacks something.
    """
    accrual = read_part(path, Accrual)
    if not accrual.accrual:
        raise DataError(Problem(f"{path}: /accrual", "there is no week", "", "Run `odisea calendar` again"))
    return accrual


def draw_accrual(accrual: Accrual, language: str) -> str:
    """Return the fan on its own as an SVG document, the same bytes for the same data.

    Parameters
    ----------
    accrual : Accrual
    language : str
        `en` or `es`.
    """
    total = Traced(float(accrual.participants), Trace("calendar.json", "/participants"))
    return draw(accrual_fan(accrual, total), "accrual", Speaker(language).text)
