"""Re-randomisation test: how often the trial's own randomisation would have given a difference at least this large.

Under the null hypothesis that nobody's outcome depends on the arm, the outcomes are fixed and only the allocation is
random; so the allocation is drawn again by the method that made it, and the statistic computed for each draw. The test
needs no model: the covariates only sharpen it. Sources: Fisher 1935; Edgington and Onghena, Randomization Tests (4th ed.
2007); Rosenberger and Lachin, Randomization in Clinical Trials (2nd ed. 2016), chapter 6; p values of drawn allocations:
Phipson and Smyth, Stat Appl Genet Mol Biol 2010;9:39. Specification: docs/statistics/permutation.md.

Addresses of the draws: a draw of the allocation is keyed by (seed, replicate) as every list is, with the trial's seed and
a replicate that no trial has: bit 62 set, the trial's replicate above bit 24, the running number of the draw below. The
allocation room numbers its draws from 0 within each key, so that no two of these draws share a number with each other, nor
with a simulated trial's allocation.
"""

from collections.abc import Callable, Iterator
from itertools import chain, combinations, islice
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.blocks import draw_block
from odisea.allocation.methods import MAX_STRATA, Method, Scheme, allocate
from odisea.analyse.design import no_estimate, orthonormalise, project_out
from odisea.analyse.linear import Cases, ancova, complete_cases
from odisea.analyse.plan import PlannedAnalysis
from odisea.analyse.single import Circumstances, Randomised, Single
from odisea.compiled import compiled
from odisea.data.trial import Floats, Ints, Status, Trial

MOST_EXACT = 3_000_000  # allocations that are enumerated rather than drawn
DRAW_BITS, REPLICATE_BITS, FLAG = 24, 38, 62
MAX_PERMUTATIONS = 1 << DRAW_BITS
TIE = 1e-12  # relative difference below which two statistics are the same number
LIST = 1_000  # draws at a time: masks of 200 participants then take 2 MB

Masks = NDArray[np.bool_]


class Statistic(NamedTuple):
    """What the statistics of an allocation are computed from; none of it depends on the allocation.

    Parameters
    ----------
    residuals : float64 (n,)
        Of the fit of the observed outcomes on the covariates without the arm.
    basis : float64 (p, n)
        Orthonormal rows that span intercept and covariates; zeros for a dependent one.
    """

    residuals: Floats
    basis: Floats


class Tally(NamedTuple):
    """How the observed allocation stands among others.

    Parameters
    ----------
    observed : float64 (2,)
        Mean residual difference and analysis of covariance's coefficient, arm minus reference.
    extreme : int64 (2,)
        Allocations whose statistic is at least as far from 0.
    counted : int
        Allocations in which both arms have an observed outcome; the others have no statistic and do not count.
    """

    observed: Floats
    extreme: Ints
    counted: int


class Redraw(NamedTuple):
    """A way of giving the participants of a contrast other arms.

    Parameters
    ----------
    name : str
        What is drawn again.
    exact : bool
        Whether every allocation comes once; otherwise they are draws.
    masks : callable
        Number of draws (of no account where exact) -> blocks of masks (k, n): True in the arm, per participant observed.
    """

    name: str
    exact: bool
    masks: Callable[[int], Iterator[Masks]]


def make_statistic(cases: Cases) -> Statistic:
    """Return residuals and basis of the arm-free model."""
    basis = np.ascontiguousarray(np.vstack([np.ones((1, cases.response.size)), cases.covariates]))
    p, residuals = len(basis), cases.response.copy()
    orthonormalise(basis, residuals.size, np.zeros((p, p)))
    project_out(basis, 0, p, residuals, residuals.size, np.zeros(p))
    return Statistic(residuals, basis)


def statistics(parts: Statistic, masks: Masks) -> Floats:
    """Return mean residual difference and analysis of covariance's coefficient (k, 2) of allocations (k, n); NaN for an empty arm.

    With e the residuals and a the allocation, the first is a'e / n_1 - (1 - a)'e / n_0; the second a'e / a'(I - H)a with H
    the projection on the covariates (Frisch, Waugh, Lovell).
    """
    arm = masks.astype(np.float64)
    n_arm = arm.sum(axis=1)
    n_reference = arm.shape[1] - n_arm
    own, total = arm @ parts.residuals, float(parts.residuals.sum())
    length = n_arm - np.square(arm @ parts.basis.T).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = own / n_arm - (total - own) / n_reference
        coefficient = np.where(length > 1e-10 * n_arm, own / length, np.nan)
    both = (n_arm > 0.0) & (n_reference > 0.0)
    return np.where(both[:, None], np.column_stack([difference, coefficient]), np.nan)


def tally(parts: Statistic, treated: Masks, masks: Iterator[Masks]) -> Tally:
    """Count the allocations whose statistics are at least as far from 0 as those observed, ties by rounding included."""
    observed = statistics(parts, treated[None, :])[0]
    extreme, counted = np.zeros(2, dtype=np.int64), 0
    for block in masks:
        found = statistics(parts, block)
        counted += int((~np.isnan(found[:, 0])).sum())
        extreme += (np.abs(found) >= np.abs(observed) * (1.0 - TIE)).sum(axis=0)
    return Tally(observed, extreme, counted)


def p_value(extreme: int, counted: int, exact: bool) -> float:
    """Return the share of allocations at least as extreme; of drawn ones the observed allocation counts as one more."""
    return extreme / counted if exact else (1.0 + extreme) / (1.0 + counted)


def enumerate_masks(n: int, n_arm: int) -> Iterator[Masks]:
    """Yield every allocation of n_arm of n participants to the arm once, in blocks."""
    few = min(n_arm, n - n_arm)
    places = combinations(range(n), few)
    while chunk := list(islice(places, 50 * LIST)):
        members = np.fromiter(chain.from_iterable(chunk), dtype=np.int64, count=few * len(chunk)).reshape(len(chunk), few)
        masks = np.zeros((len(chunk), n), dtype=np.bool_)
        masks[np.arange(len(chunk))[:, None], members] = True
        yield masks if few == n_arm else ~masks


def first_replicate(replicate: int) -> int:
    """Return the replicate number of a trial's first drawn allocation; the next 2**24 - 1 are the others'."""
    return (1 << FLAG) | ((replicate & ((1 << REPLICATE_BITS) - 1)) << DRAW_BITS)


@compiled
def allocate_again(seed: int, first: int, scheme: Scheme, factors: Ints, order: Ints, out: Ints) -> None:
    """Write allocations by the trial's own method into the rows of `out`.

    Parameters
    ----------
    first : int
        Replicate number of the first row's draw; the next rows have the next numbers.
    factors : int64 (n_factors, n), order : int64 (n,)
        In order of randomisation: the factors' levels, and which participant it was.
    out : int64 (k, n)
        Receives arm indices by participant.
    """
    drawn = np.empty(order.size, dtype=np.int64)
    for row in range(out.shape[0]):
        allocate(seed, first + row, scheme, factors, drawn)
        for place in range(order.size):
            out[row, order[place]] = drawn[place]


@compiled
def permute_again(seed: int, first: int, starts: Ints, members: Ints, n_reference: Ints, out: Ints) -> None:
    """Write allocations that keep each stratum's numbers into the rows of `out`: one block per stratum with the realised ratio.

    Parameters
    ----------
    starts : int64 (n_strata + 1,)
        Stratum s has the members starts[s], ..., starts[s + 1] - 1.
    members : int64 (n,)
        Participants by stratum.
    n_reference : int64 (n_strata,)
        Participants of each stratum in the reference.
    out : int64 (k, n)
        Receives 1 in the arm, 0 in the reference.
    """
    block, ratio, size = np.empty(members.size, dtype=np.int64), np.empty(2, dtype=np.int64), np.empty(1, dtype=np.int64)
    for row in range(out.shape[0]):
        for s in range(n_reference.size):
            size[0] = starts[s + 1] - starts[s]
            ratio[0], ratio[1] = n_reference[s], size[0] - n_reference[s]
            draw_block(seed, first + row, s, 0, size[0], size, ratio, block)
            for place in range(size[0]):
                out[row, members[starts[s] + place]] = block[place]


def redraw(trial: Trial, planned: PlannedAnalysis, cases: Cases, randomised: Randomised | None) -> Redraw:
    """Return how the allocation is drawn again: by the trial's own method where it is known and has no third arm.

    The null hypothesis says nothing about a third arm, so its participants cannot be given other arms; and which draws of a
    method leave them where they are is not a list that could be drawn. There, and where the method is not known, the
    observed participants change places within strata, the numbers of both arms kept; without strata they all do.
    """
    whole = randomised is not None and randomised.order.size == trial.arm.size  # everybody has a place on the list
    if randomised is not None and randomised.scheme is not None and whole and randomised.scheme.ratio.size == 2:
        return _by_method(trial, planned.analysis.arm, cases, randomised, randomised.scheme)
    stratum = np.zeros(cases.treated.size, dtype=np.int64)
    if randomised is not None and whole:
        stratum = np.unique(randomised.stratum[cases.participants], return_inverse=True)[1].astype(np.int64)
    n_strata = int(stratum.max()) + 1
    if n_strata > 1 and n_strata <= MAX_STRATA:
        return _within(trial, "fixed_numbers_within_strata", cases, stratum)
    if comb(cases.treated.size, cases.n_arm) <= MOST_EXACT:
        return Redraw("fixed_numbers", True, lambda _: enumerate_masks(cases.treated.size, cases.n_arm))
    return _within(trial, "fixed_numbers", cases, np.zeros(cases.treated.size, dtype=np.int64))


def _by_method(trial: Trial, arm: int, cases: Cases, randomised: Randomised, scheme: Scheme) -> Redraw:
    """Return draws of all randomised by the trial's method; who is observed stays who was observed."""
    order = randomised.order.astype(np.int64)
    factors = np.ascontiguousarray(randomised.factors[:, order], dtype=np.int64)

    def fill(first: int, out: Ints) -> None:
        allocate_again(trial.seed, first, scheme, factors, order, out)

    name = Method(scheme.method).name.lower()
    return Redraw(name, False, lambda draws: _blocks(trial, draws, trial.arm.size, fill, lambda out: out[:, cases.participants] == arm))


def _within(trial: Trial, name: str, cases: Cases, stratum: Ints) -> Redraw:
    """Return draws among the observed that keep both arms' numbers in every stratum."""
    members = np.argsort(stratum, kind="stable")
    starts = np.searchsorted(stratum[members], np.arange(stratum.max() + 2)).astype(np.int64)
    untreated = np.bincount(stratum, weights=1.0 - cases.treated).astype(np.int64)

    def fill(first: int, out: Ints) -> None:
        permute_again(trial.seed, first, starts, members, untreated, out)

    return Redraw(name, False, lambda draws: _blocks(trial, draws, cases.treated.size, fill, lambda out: out == 1))


def _blocks(trial: Trial, draws: int, n: int, fill: Callable[[int, Ints], None], mask: Callable[[Ints], Masks]) -> Iterator[Masks]:
    """Yield the masks of so many draws, some at a time."""
    first = first_replicate(trial.replicate)
    for start in range(0, draws, LIST):
        out = np.empty((min(LIST, draws - start), n), dtype=np.int64)
        fill(first + start, out)
        yield mask(out)


def carry_out(trial: Trial, planned: PlannedAnalysis, circumstances: Circumstances) -> Single:
    """Return the analysis of covariance's effect with the p value of the re-randomisation test of the mean residual difference.

    The complete cases are tested: who is observed is part of what the null hypothesis holds fixed.
    """
    effect, cases = ancova(trial, planned.analysis), complete_cases(trial, planned.analysis)
    if int(effect.status) != Status.OK:
        return Single(no_estimate(int(effect.reason), cases.n_arm, cases.n_reference))
    way = redraw(trial, planned, cases, circumstances.randomised)
    draws = min(int(planned.spec.permutations or 0), MAX_PERMUTATIONS)
    found = tally(make_statistic(cases), cases.treated > 0.5, way.masks(draws))
    p = [p_value(int(extreme), found.counted, way.exact) for extreme in found.extreme]
    flags = (f"rerandomised: {way.name}", *(["exact"] if way.exact else []))
    return Single(effect, flags, _details(way, found, p, draws), p=p[0])


def _details(way: Redraw, found: Tally, p: list[float], draws: int) -> dict[str, Any]:
    """Return both statistics with their p values and Monte Carlo errors."""
    errors = [0.0 if way.exact else float(np.sqrt(value * (1.0 - value) / (found.counted + 1))) for value in p]
    names = ("mean_residual_difference", "ancova_coefficient")
    return {
        "rerandomised": way.name,
        "exact": way.exact,
        "allocations": found.counted,
        "without_statistic": 0 if way.exact else draws - found.counted,
        **{name: {"observed": float(found.observed[j]), "p": p[j], "p_mcse": errors[j]} for j, name in enumerate(names)},
    }
