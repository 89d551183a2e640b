"""One-way analysis of variance by Cohen's f: power and number of participants."""

import numpy as np

from odisea.closed_form.arguments import check_solvable, positive
from odisea.closed_form.power import groups_power
from odisea.closed_form.size import LARGEST, increasing_root


def anova_power(f: float, n_groups: int, n_per_group: float, alpha: float) -> float:
    """Return the power of the overall F test of equally large groups.

    Parameters
    ----------
    f : float
        Cohen's f: standard deviation of the group means (divisor: number of groups) over the SD within groups; 0 or above.
    n_groups : int
        At least 2.
    n_per_group : float
        Analysed participants per group.
    alpha : float
        Level of the test.

    Raises
    ------
    ValueError
        An impossible argument, or fewer than one residual degree of freedom.

    Examples
    --------
    >>> round(anova_power(0.4, 3, 22, 0.05), 4)
    0.8181
    """
    if not np.isfinite(f) or f < 0:
        raise ValueError(f"f must be 0 or above, found {f!r}")
    if n_groups < 2:
        raise ValueError(f"n_groups is {n_groups!r}; at least two groups are needed")
    # The power depends on the means through f only: two groups apart, the others half-way.
    means = np.zeros(n_groups)
    means[0], means[-1] = -1.0, 1.0
    return groups_power(means * f * np.sqrt(n_groups / 2), 1.0, n_per_group, alpha)


def anova_n_per_group(f: float, n_groups: int, power: float, alpha: float) -> float:
    """Return the real number per group at which the overall F test has exactly the given power; parameters as in `anova_power`.

    Examples
    --------
    >>> round(3 * anova_n_per_group(0.4, 3, 0.8, 0.05), 2)
    63.31
    """
    check_solvable(power, alpha)
    positive("f", f)
    return increasing_root(lambda n: anova_power(f, n_groups, n, alpha) - power, 1.0 + 1.0 / n_groups, LARGEST)
