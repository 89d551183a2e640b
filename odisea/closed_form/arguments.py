"""What a design may be: each check returns its argument as an array or refuses it with a clear message."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def finite(name: str, value: ArrayLike) -> Floats:
    """Return the argument as an array of finite numbers."""
    array = np.asarray(value, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, found {value!r}")
    return array


def positive(name: str, value: ArrayLike) -> Floats:
    """Return the argument as an array of finite numbers above 0."""
    array = finite(name, value)
    if np.any(array <= 0):
        raise ValueError(f"{name} must be positive, found {value!r}")
    return array


def at_least(name: str, value: ArrayLike, smallest: float) -> Floats:
    """Return the argument as an array of finite numbers, none below `smallest`."""
    array = finite(name, value)
    if np.any(array < smallest):
        raise ValueError(f"{name} must be at least {smallest:g}, found {value!r}")
    return array


def probability(name: str, value: ArrayLike) -> Floats:
    """Return the argument as an array of numbers strictly between 0 and 1."""
    array = finite(name, value)
    if np.any((array <= 0) | (array >= 1)):
        raise ValueError(f"{name} must lie between 0 and 1, found {value!r}")
    return array


def check_covariates(r_squared: ArrayLike, n_covariates: int) -> None:
    """Refuse a share of explained variance or a number of covariates that cannot be."""
    r2 = finite("r_squared", r_squared)
    if np.any((r2 < 0) | (r2 >= 1)):
        raise ValueError(f"r_squared must be at least 0 and below 1, found {r_squared!r}")
    if n_covariates < 0 or n_covariates != int(n_covariates):
        raise ValueError(f"n_covariates must be a whole number, 0 or above, found {n_covariates!r}")
    if n_covariates == 0 and np.any(r2 > 0):
        raise ValueError(f"r_squared is {r_squared!r} although there is no covariate")


def residual_df(total: ArrayLike, groups: int, n_covariates: int) -> Floats:
    """Return the residual degrees of freedom of a model with these groups and covariates; at least 1."""
    df = np.asarray(total, dtype=np.float64) - groups - n_covariates
    if np.any(df < 1):
        raise ValueError(f"{np.min(total):g} participants leave {np.min(df):g} residual degrees of freedom; at least 1 is needed")
    return df


def check_solvable(power: float, alpha: float) -> None:
    """Refuse a wanted power that no positive effect has."""
    probability("alpha", alpha)
    if not alpha < power < 1:
        raise ValueError(f"power must lie between alpha ({alpha!r}) and 1, found {power!r}")
