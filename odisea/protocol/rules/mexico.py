"""Whether what holds in Mexico, or in the Mexican Institute of Social Security (IMSS), applies to a trial."""

import re

from odisea.protocol.rules.rule import CannotRun, Case, NotApplicable, known

COUNTRY = ("mexico", "méxico", "mx", "mex")
IMSS = re.compile(
    r"\bIMSS\b|instituto mexicano del seguro social|mexican (?:institute of social security|social security institute)", re.IGNORECASE
)


def is_imss(name: str) -> bool:
    """Return whether the name of an institution or unit is that of the IMSS."""
    return IMSS.search(name) is not None


def require_imss(case: Case) -> None:
    """Return where the IMSS approved the trial.

    Raises
    ------
    NotApplicable, CannotRun
        Another institution did, or none is named.
    """
    pointer = "/ethics/institution"
    if not is_imss(known(case.protocol.ethics.institution, pointer)):
        raise NotApplicable(pointer)


def in_mexico(case: Case) -> bool:
    """Return whether a site lies in Mexico or the approving institution is the IMSS.

    Raises
    ------
    CannotRun
        No site is known to lie there, and not every site's country is known.
    """
    countries = [site.country.value for site in case.protocol.sites]
    if any((country or "").casefold() in COUNTRY for country in countries) or is_imss(case.protocol.ethics.institution.value or ""):
        return True
    if not countries or None in countries:
        raise CannotRun("/sites")
    return False


def require_mexico(case: Case) -> None:
    """Return where a site lies in Mexico; raises as `in_mexico`, and NotApplicable where none does."""
    if not in_mexico(case):
        raise NotApplicable("/sites")
