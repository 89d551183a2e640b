"""p values adjusted within a multiplicity family.

Holm (Scand J Stat 1979;6:65) holds the family's error whatever the tests' dependence and needs nothing but the p values, so
it is what a family gets beside its unadjusted p values; the others are for statisticians who ask. A test without a result
counts as one that did not reject. Computed by statsmodels; checked against R's p.adjust.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Adjustment = Literal["bonferroni", "holm", "hochberg", "hommel"]
NAMES = {"bonferroni": "bonferroni", "holm": "holm", "hochberg": "simes-hochberg", "hommel": "hommel"}


def adjusted(p_values: Sequence[float], method: Adjustment = "holm") -> tuple[float, ...]:
    """Return the adjusted p values in the order given; each from 0 to 1."""
    from statsmodels.stats.multitest import multipletests

    return tuple(float(p) for p in multipletests(list(p_values), method=NAMES[method])[1])


def family_p_values(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return Holm's p value of every analysis that belongs to a family, by its name PLAN.ID; None where it has no p value.

    A family is one plan's: two plans' families of the same name are two.
    """
    families: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["family"] is not None:
            families.setdefault((row["analysis"].partition(".")[0], row["family"]), []).append(row)
    found: dict[str, float | None] = {}
    for members in families.values():
        holm = adjusted([1.0 if row["p"] is None else row["p"] for row in members])
        found |= {row["analysis"]: None if row["p"] is None else p for row, p in zip(members, holm, strict=True)}
    return found
