"""One way of reading a claim: a convention, an effect, a structure, a formula and a treatment of clusters."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from odisea.closed_form import cluster_inflation, completer_share
from odisea.protocol.claims.claim import Claim
from odisea.protocol.claims.convention import Convention
from odisea.protocol.claims.effect import Effect
from odisea.protocol.claims.formula import Formula, Question, formulas
from odisea.protocol.claims.layout import Layout, Structure, compared, first_arm, structures

Clustering = Literal["none", "all_arms", "one_arm"]
Basis = Literal["as_stated", "after_loss", "as_randomised"]


class Reading(NamedTuple):
    """One way of reading a claim."""

    claim: Claim
    layout: Layout
    convention: Convention
    effect: Effect
    structure: Structure
    formula: Formula
    clustering: Clustering

    @property
    def question(self) -> Question:
        """What the formula is asked."""
        claim, convention = self.claim, self.convention
        n_1, n_2 = compared(self.layout.shares, self.structure)
        r_squared, n_covariates = (0.0, claim.n_covariates or 1) if self.effect.kind == "adjusted" else covariates(claim)
        return Question(
            self.effect.size,
            convention.power,
            convention.alpha,
            convention.sides,
            n_2 / n_1,
            len(self.layout.shares),
            r_squared,
            n_covariates,
            claim.correlation or 0.0,
            claim.control_proportion or 0.0,
        )

    @property
    def inflation(self) -> float:
        """What clusters multiply the variance by."""
        return variance_inflation(self.claim, self.clustering, self.question.ratio)

    def number(self) -> float | None:
        """Return the real number analysed in the first arm; None where the formula has none."""
        n = attempt(lambda: self.formula.number(self.question))
        return None if n is None or n <= 0 else first_arm(n * self.inflation, self.layout.shares, self.structure)

    def power(self, arms: tuple[float, ...]) -> float | None:
        """Return the power of these analysed numbers per arm; None where the formula has none."""
        n_1, n_2 = compared(arms, self.structure)
        return attempt(lambda: self.formula.power(self.question, n_1 / self.inflation, n_2 / self.inflation))

    def ask(self, **changes: float) -> "Reading":
        """Return the reading with another size, alpha or correlation."""
        reading = self
        if "size" in changes:
            reading = reading._replace(effect=reading.effect._replace(size=changes["size"]))
        if "alpha" in changes:
            reading = reading._replace(convention=reading.convention._replace(alpha=changes["alpha"]))
        if "correlation" in changes:
            reading = reading._replace(claim=reading.claim._replace(correlation=changes["correlation"]))
        return reading


def readings(claim: Claim, layout: Layout, convention: Convention, effects: tuple[Effect, ...]) -> Iterator[Reading]:
    """Yield every applicable reading under one convention, the most usual first."""
    for effect in effects:
        if effect.kind == "f" and convention.sides == 1:  # an F test has no sides
            continue
        for structure in structures(claim, layout):
            for formula in formulas(claim, structure, effect.kind):
                for clustering in clusterings(claim, structure):
                    yield Reading(claim, layout, convention, effect, structure, formula, clustering)


def clusterings(claim: Claim, structure: Structure) -> tuple[Clustering, ...]:
    """Return the treatments of clusters to try; with stated clusters also that the calculation ignored them."""
    if not claim.icc or claim.cluster_size is None or claim.cluster_size == 1:
        return ("none",)
    return ("all_arms", "one_arm", "none") if structure in ("two_arms", "pairwise") else ("all_arms", "none")


def variance_inflation(claim: Claim, clustering: Clustering, ratio: float) -> float:
    """Return what clusters in all arms, or in the first arm only, multiply the variance of the difference by."""
    if clustering == "none" or claim.icc is None or claim.cluster_size is None:
        return 1.0
    inflation = float(cluster_inflation(claim.icc, claim.cluster_size))
    return inflation if clustering == "all_arms" else (inflation + 1 / ratio) / (1 + 1 / ratio)


def covariates(claim: Claim) -> tuple[float, int]:
    """Return R^2 and number of the covariates: as stated, else one covariate with the stated correlation."""
    if claim.r_squared is None and claim.correlation is None:
        return 0.0, 0
    r_squared = (claim.correlation or 0.0) ** 2 if claim.r_squared is None else claim.r_squared
    return r_squared, claim.n_covariates or 1


def bases(claim: Claim, layout: Layout) -> tuple[tuple[Basis, tuple[float, ...]], ...]:
    """Return the numbers per arm that may have been meant as analysed: as stated; after the loss; all who are randomised."""
    found: list[tuple[Basis, tuple[float, ...]]] = []
    if layout.analysed is not None:
        found.append(("as_stated", layout.analysed))
    if layout.randomised is not None:
        if claim.attrition and layout.analysed is None:
            share = completer_share(claim.attrition)
            found.append(("after_loss", tuple(n * share for n in layout.randomised)))
        found.append(("as_randomised", layout.randomised))
    return tuple(found)


def attempt(compute: Callable[[], float]) -> float | None:
    """Return a finite number, or None where a formula has no answer for what the claim says."""
    try:
        with np.errstate(all="ignore"):
            value = float(compute())
    except (ValueError, ArithmeticError, RuntimeError):
        return None
    return value if np.isfinite(value) else None
