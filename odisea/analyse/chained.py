"""Multiple imputation of an incomplete outcome with the help of what was recorded between baseline and outcome.

Within each arm: where whoever lacks a variable lacks all that are missing more often (a monotone pattern), each incomplete
variable is drawn from its regression on the baseline variables and those before it, which is exact and needs no
iteration. Where there are gaps, these draws start chained equations: each incomplete variable in turn from its regression
on all others, over `SWEEPS` sweeps. Each regression is normal with the flat prior on (coefficients, log sigma); nothing is
rounded, clipped or stabilised.

Specification: docs/statistics/multiple_imputation.md, section 7. Sources: Rubin, Multiple Imputation for Nonresponse in
Surveys (1987), section 5.4 (monotone patterns); van Buuren, Flexible Imputation of Missing Data, 2nd ed., algorithms 3.1
and 4.3 (chained equations).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.analyse.design import dot, fill_dots, orthonormalise, present
from odisea.analyse.imputation import DRAWS, MAX_COEFFICIENTS, MAX_IMPUTATIONS
from odisea.analyse.imputation_model import FEWEST_DF
from odisea.compiled import compiled
from odisea.data.trial import Analysis, Floats, Ints, Reason, Trial
from odisea.lanes import add_combination
from odisea.streams import Purpose, chi_square, fill_normal

SWEEPS = 10
SPARE = 5  # an auxiliary is kept while a regression has more than so many observations beyond its coefficients
DEPENDENT = 1e-10  # of a predictor's squared length left beside the others; sums of squares carry half the digits
STEP = 1 << 8  # a purpose's numbers end below; the word's upper bits count the regressions of a chain
FITTED = -1
NO_MODEL = -2
Room = tuple[Floats, Floats, Floats]


class ArmData(NamedTuple):
    """One arm's data as the chain sees it.

    Parameters
    ----------
    participants : int64 (n,)
        Their places in the trial.
    base : float64 (q, n)
        Orthonormal rows that span intercept and baseline variables.
    series : float64 (r, n)
        Auxiliaries in order and the outcome last, each with mean 0 and variance 1 among its observed; NaN is missing.
    rows : int64 (r,)
        Their rows in the data set.
    centre, scale : float
        Turn the outcome back: value = centre + scale x standardised.
    """

    participants: Ints
    base: Floats
    series: Floats
    rows: Ints
    centre: float
    scale: float


class Pattern(NamedTuple):
    """Who has what, and in which order the chain goes.

    Parameters
    ----------
    places : int64 (r, n)
        For each row of the series the places of those who have it, then of those who lack it.
    observed : int64 (r,)
        How many have it.
    order : int64 (r,)
        Rows by rising number of missing values, ties as given: the sequence of the first pass.
    monotone : bool
        Whether whoever lacks a row lacks all later rows in that order.
    """

    places: Ints
    observed: Ints
    order: Ints
    monotone: bool


class Dropped(NamedTuple):
    """An auxiliary that an arm's model leaves out: its row, the arm, and why."""

    row: int
    arm: int
    why: str


class Completed(NamedTuple):
    """The completed outcomes of a contrast.

    Parameters
    ----------
    values : float64 (m, n)
        All participants of the trial; NaN stays in arms outside the contrast.
    missing : bool (n,)
        Whose outcome is imputed.
    used : int64
        Auxiliaries used in at least one arm.
    dropped : tuple of Dropped
        Auxiliaries recorded in an arm and yet left out of its model.
    sweeps : int
        Sweeps of chained equations; 0 where every pattern is monotone.
    reason : int
        `Reason.NONE`, or why there are no imputations (all NaN then).
    """

    values: Floats
    missing: NDArray[np.bool_]
    used: Ints
    dropped: tuple[Dropped, ...]
    sweeps: int
    reason: int


@compiled
def _factor(gram: Floats, r: int) -> int:
    """Replace a Gram matrix's lower triangle (r predictors, then the target) by its Cholesky factor; return `FITTED` or a dependent row."""
    for a in range(r + 1):
        whole = gram[a, a]
        for b in range(a):
            gram[a, b] = (gram[a, b] - dot(gram[a], gram[b], b)) / gram[b, b]
        left = whole - dot(gram[a], gram[a], a)
        if a < r and left <= DEPENDENT * whole:
            return a
        gram[a, a] = np.sqrt(max(left, 0.0))
    return FITTED


@compiled
def _solve(gram: Floats, r: int, sigma: float, u: Floats, coefficients: Floats) -> None:
    """Write a draw of the coefficients, L^-T (L^-1 X'y + sigma u), L being the factor and its row r the projected target."""
    for a in range(r - 1, -1, -1):
        value = gram[r, a] + sigma * u[a]
        for c in range(a + 1, r):
            value -= gram[c, a] * coefficients[c]
        coefficients[a] = value / gram[a, a]


@compiled
def _gather_rows(state: Floats, predictors: Ints, target: int, places: Ints, n_observed: int, seen: Floats, unseen: Floats) -> None:
    """Write the predictors, and after them the target, of those who have the target; and the predictors of the others."""
    k = places.size - n_observed
    for a in range(predictors.size):
        row, own, other = state[predictors[a]], seen[a], unseen[a]
        for i in range(n_observed):
            own[i] = row[np.uint64(places[i])]
        for i in range(k):
            other[i] = row[np.uint64(places[n_observed + i])]
    row, own = state[target], seen[predictors.size]
    for i in range(n_observed):
        own[i] = row[np.uint64(places[i])]


@compiled
def _impute_row(
    state: Floats,
    predictors: Ints,
    target: int,
    places: Ints,
    n_observed: int,
    chi: float,
    u: Floats,
    z: Floats,
    room: Room,
) -> int:
    """Draw the missing values of one row from its regression on others; return `FITTED` or the predictor that depends on the others.

    Parameters
    ----------
    state : float64 (rows, n)
        Completed data; changed in row `target`.
    chi : float
        A chi-square number with as many degrees of freedom as the regression's residual has.
    u, z : float64
        Standard normal numbers for the coefficients, and for the missing values, which they become.
    room : (float64 (rows, n), float64 (rows, n), float64 (rows, rows))
        To work in.
    """
    seen, unseen, gram = room
    r = predictors.size
    _gather_rows(state, predictors, target, places, n_observed, seen, unseen)
    for a in range(r + 1):
        fill_dots(seen, 0, a + 1, seen[a], n_observed, gram[a])
    dependent = _factor(gram, r)
    if dependent != FITTED:
        return int(predictors[dependent])
    sigma, coefficients = gram[r, r] / np.sqrt(chi), np.empty(r)
    _solve(gram, r, sigma, u, coefficients)
    for i in range(z.size):
        z[i] *= sigma
    add_combination(z, coefficients, unseen[:r])
    row = state[target]
    for i in range(z.size):
        row[places[n_observed + i]] = z[i]
    return FITTED


@compiled
def _predictors(q: int, order: Ints, complete: int, turn: int, first_pass: bool) -> Ints:
    """Return the rows (base, then series) that predict the series row order[turn]: in the first pass those before it, else all others.

    The outcome comes before the auxiliaries, so that of rows that depend on each other an auxiliary is found the dependent one.
    """
    r = order.size
    chosen, n = np.empty(q + r, np.int64), q
    for a in range(q):
        chosen[a] = a
    for outcome in (True, False):
        for t in range(r):
            available = t < turn or t < complete or not first_pass
            if t != turn and available and (order[t] == r - 1) == outcome:
                chosen[n] = q + order[t]
                n += 1
    return chosen[:n]


@compiled
def impute_arm(key: tuple[int, int, int], units: Ints, base: Floats, series: Floats, pattern: Pattern, sweeps: int, out: Floats) -> int:
    """Write imputations of the last row of the series; return `FITTED`, or the number of a series row to leave out, or `NO_MODEL`.

    Four imputations share the addresses of their random numbers, which name the seed and replicate, the arm or the
    participant, the regression's place in the chain and the imputation; so the first 20 of 100 are those of 20.

    Parameters
    ----------
    key : (int, int, int)
        Seed, replicate, arm.
    units : int64 (n,)
        Ranks of the participants.
    base, series, pattern
        As in `ArmData` and `Pattern`; the series has at least one missing value in its last row.
    sweeps : int
        Sweeps of chained equations after the first pass.
    out : float64 (m, k)
        Written: standardised outcomes of the k participants without one.
    """
    q, r, n = base.shape[0], series.shape[0], units.size
    room = (np.empty((q + r, n)), np.empty((q + r, n)), np.empty((q + r, q + r)))
    state, complete = np.empty((DRAWS, q + r, n)), 0
    for t in range(r):
        complete += 1 if pattern.observed[t] == n else 0
    for block in range((out.shape[0] + DRAWS - 1) // DRAWS):
        for j in range(DRAWS):
            state[j, :q] = base
            state[j, q:] = series
        for sweep in range(sweeps + 1):
            for turn in range(complete, r):
                fault = _impute_turn(key, units, state, pattern, block, (sweep, turn, complete), room)
                if fault != FITTED:
                    return int(fault)
        outcome, k = state[:, q + r - 1], out.shape[1]
        for j in range(min(DRAWS, out.shape[0] - DRAWS * block)):
            for i in range(k):
                out[DRAWS * block + j, i] = outcome[j, pattern.places[r - 1, n - k + i]]
    return FITTED


@compiled
def _impute_turn(
    key: tuple[int, int, int],
    units: Ints,
    state: Floats,
    pattern: Pattern,
    block: int,
    at: tuple[int, int, int],
    room: Room,
) -> int:
    """Draw one row in four imputations; return `FITTED`, or the series row to leave out, or `NO_MODEL`."""
    (seed, replicate, arm), (sweep, turn, complete), r = key, at, pattern.order.size
    q, row = state.shape[1] - r, pattern.order[turn]
    places, n_observed = pattern.places[row], pattern.observed[row]
    predictors, step = _predictors(q, pattern.order, complete, turn, sweep == 0), STEP * (sweep * r + turn + 1)
    missing, coefficients = np.empty(places.size - n_observed, np.int64), np.empty(predictors.size, np.int64)
    for i in range(missing.size):
        missing[i] = units[places[n_observed + i]]
    for a in range(coefficients.size):
        coefficients[a] = arm * MAX_COEFFICIENTS + a
    z, u, df = np.empty((DRAWS, missing.size)), np.empty((DRAWS, coefficients.size)), float(n_observed - predictors.size)
    fill_normal(seed, replicate, Purpose.CHAINED_NOISE.value + step, block, missing, z)
    fill_normal(seed, replicate, Purpose.CHAINED_COEFFICIENTS.value + step, block, coefficients, u)
    for j in range(DRAWS):
        chi = chi_square(seed, replicate, Purpose.CHAINED_VARIANCE.value + step, arm * MAX_IMPUTATIONS + DRAWS * block + j, df)
        dependent = _impute_row(state[j], predictors, q + row, places, n_observed, chi, u[j], z[j], room)
        if dependent != FITTED:
            # A level of the base, or the outcome, that those who have the row do not let see: the row itself goes.
            culprit = dependent - q if q <= dependent < q + r - 1 else row
            return int(culprit) if culprit < r - 1 else NO_MODEL
    return FITTED


def find_pattern(series: Floats) -> Pattern:
    """Return who has what (NaN is missing) and the order of the chain."""
    gone = np.isnan(series)
    places = np.argsort(gone, axis=1, kind="stable").astype(np.int64)
    order = np.argsort(gone.sum(axis=1), kind="stable").astype(np.int64)
    monotone = bool(np.all(gone[order][:-1] <= gone[order][1:]))
    return Pattern(places, (~gone).sum(axis=1).astype(np.int64), order, monotone)


def arm_data(trial: Trial, analysis: Analysis, auxiliary: Ints, arm: int) -> ArmData | int:
    """Return an arm's data with the given auxiliaries, or the `Reason` why its outcome has no imputation model."""
    participants = np.flatnonzero(trial.arm == arm).astype(np.int64)
    baseline = trial.values[present(trial, analysis, analysis.imputation)][:, participants]
    base = np.ascontiguousarray(np.vstack([np.ones(participants.size), baseline]))
    rows = np.append(auxiliary, analysis.response).astype(np.int64)
    series = trial.values[rows][:, participants]
    seen = ~np.isnan(series[-1])
    reason = _refused(base, seen)
    if reason != Reason.NONE:
        return reason
    orthonormalise(base, participants.size, np.zeros((base.shape[0], base.shape[0])))
    centre, scale = np.nanmean(series, axis=1), np.nanstd(series, axis=1)
    scale[-1] = scale[-1] if scale[-1] > 0.0 else 1.0
    standard = np.ascontiguousarray((series - centre[:, None]) / scale[:, None])
    return ArmData(participants, base, standard, rows, float(centre[-1]), float(scale[-1]))


def _refused(base: Floats, seen: NDArray[np.bool_]) -> Reason:
    """Return why an outcome seen in some has no model on the baseline alone: the reasons of `imputation_model.arm_model`."""
    q, n_observed = base.shape[0], int(seen.sum())
    if np.isnan(base).any():
        return Reason.MISSING_COVARIATE
    if n_observed == 0:
        return Reason.EMPTY_ARM
    columns = np.ascontiguousarray(base[:, seen])
    if orthonormalise(columns, n_observed, np.zeros((q, q))) < q:
        return Reason.IMPUTATION_RANK_DEFICIENT
    return Reason.IMPUTATION_FEW_DF if n_observed - q <= FEWEST_DF else Reason.NONE


def usable(trial: Trial, analysis: Analysis, auxiliary: Ints, arm: int) -> tuple[Ints, list[Dropped]]:
    """Return the auxiliaries that an arm's data can carry, in their order, and those dropped from it.

    Not recorded in the arm at all: not used, which is no news. The same value for all who have it: dropped. Then, while
    the outcome's regression has `SPARE` or fewer observations beyond its coefficients, the auxiliary furthest from
    the outcome goes, the first in the given order; and so does one with gaps that is itself observed too rarely.
    """
    own, q = trial.values[:, trial.arm == arm], present(trial, analysis, analysis.imputation).size + 1
    count = {int(row): int(np.sum(~np.isnan(own[row]))) for row in (*auxiliary, analysis.response)}
    recorded = [int(row) for row in auxiliary if count[int(row)] > 0]
    dropped = [Dropped(row, arm, "constant") for row in recorded if np.nanmin(own[row]) == np.nanmax(own[row])]
    kept = [row for row in recorded if row not in {each.row for each in dropped}]
    while kept:
        few = count[analysis.response] <= q + len(kept) + SPARE
        rare = [row for row in kept if few or (count[row] < own.shape[1] and count[row] <= q + len(kept) + SPARE)]
        if not rare:
            break
        dropped.append(Dropped(rare[0], arm, "few_observed"))
        kept.remove(rare[0])
    return np.array(kept, dtype=np.int64), dropped


def _complete_arm(trial: Trial, analysis: Analysis, auxiliary: Ints, arm: int, values: Floats) -> tuple[Ints, list[Dropped], int, int]:
    """Write an arm's completed outcomes; return the auxiliaries used and dropped, the sweeps and a `Reason`."""
    kept, dropped = usable(trial, analysis, auxiliary, arm)
    key = (trial.seed, trial.replicate, arm)
    while True:
        data = arm_data(trial, analysis, kept, arm)
        if not isinstance(data, ArmData):
            return kept, dropped, 0, int(data)
        pattern = find_pattern(data.series)
        sweeps = 0 if pattern.monotone else SWEEPS
        missing = data.participants[pattern.places[-1, pattern.observed[-1] :]]
        out = np.empty((values.shape[0], missing.size))
        fault = impute_arm(key, data.participants, data.base, data.series, pattern, sweeps, out)
        if fault == FITTED:
            values[:, missing] = data.centre + data.scale * out
            return kept, dropped, sweeps, int(Reason.NONE)
        if fault == NO_MODEL:
            return kept, dropped, sweeps, int(Reason.IMPUTATION_RANK_DEFICIENT)
        dropped.append(Dropped(int(kept[fault]), arm, "dependent"))
        kept = np.delete(kept, fault)


def imputations_with_auxiliaries(trial: Trial, analysis: Analysis, auxiliary: Ints, m: int) -> Completed:
    """Return m imputations of the outcome under missing at random within arm given baseline variables and auxiliaries.

    Parameters
    ----------
    trial, analysis : Trial, Analysis
        `analysis.imputation` names the baseline variables (complete), the deltas are added to what is imputed;
        `analysis.m` and `analysis.assumption` are not read.
    auxiliary : int64
        Rows recorded after baseline, in order; gaps are allowed, and so is one arm only.
    m : int
        Number of imputations, at most `odisea.analyse.imputation.MAX_IMPUTATIONS`.
    """
    values = np.tile(trial.values[analysis.response], (m, 1))
    missing = np.isnan(trial.values[analysis.response]) & ((trial.arm == analysis.arm) | (trial.arm == analysis.reference))
    used: set[int] = set()
    dropped: list[Dropped] = []
    sweeps = 0
    for arm, delta in ((analysis.arm, analysis.delta_arm), (analysis.reference, analysis.delta_reference)):
        own = missing & (trial.arm == arm)
        if not own.any():
            continue
        kept, left_out, swept, reason = _complete_arm(trial, analysis, auxiliary, arm, values)
        if reason != Reason.NONE:
            return Completed(np.full_like(values, np.nan), missing, kept[:0], tuple(dropped + left_out), 0, reason)
        values[:, own] += delta
        used.update(kept.tolist())
        dropped += left_out
        sweeps = max(sweeps, swept)
    return Completed(values, missing, np.array(sorted(used), dtype=np.int64), tuple(dropped), sweeps, int(Reason.NONE))
