"""The randomisation plan as declared, and its lowering to the plain numbers that compiled code reads.

One model for two uses: the simulated trial's plan (in the assumptions) and a real site's restricted document. Only the
fields that the method reads may be given, so that nothing declared is without effect. A published default stands in for a
number that is left out: Efron's coin 2/3, minimisation 0.8, big stick 3, Wei's urn with 0 balls at the start and 1 added.
"""

from math import gcd, isfinite, prod
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from odisea.allocation.methods import LARGEST_BLOCK, MAX_STRATA, Measure, Method, Scheme
from odisea.errors import Problem, ProtocolError
from odisea.protocol.fact import Frozen

Ints = NDArray[np.int64]

MethodName = Literal["simple", "permuted_blocks", "urn", "biased_coin", "big_stick", "minimisation"]
MeasureName = Literal["range", "variance"]

LIST_METHODS: tuple[MethodName, ...] = ("simple", "permuted_blocks")  # a whole list can be drawn before the first participant comes
READS: dict[MethodName, tuple[str, ...]] = {
    "simple": ("stratify_by",),
    "permuted_blocks": ("block_sizes", "stratify_by"),
    "urn": ("urn_start", "urn_added", "stratify_by"),
    "biased_coin": ("bias", "stratify_by"),
    "big_stick": ("limit", "stratify_by"),
    "minimisation": ("bias", "measure", "minimise_over"),
}
NEEDS: dict[MethodName, tuple[str, ...]] = {"permuted_blocks": ("block_sizes",), "minimisation": ("minimise_over",)}
OPTIONS = ("block_sizes", "bias", "limit", "urn_start", "urn_added", "measure", "stratify_by", "minimise_over")

EFRON_BIAS = 2.0 / 3.0
MINIMISATION_BIAS = 0.8
BIG_STICK_LIMIT = 3
URN_START, URN_ADDED = 0.0, 1.0
MAX_TICKETS = 1_000
MAX_FACTORS = 32


class Factor(Frozen):
    """A baseline characteristic with its levels.

    Parameters
    ----------
    column : str
        Where the value stands in the data.
    levels : tuple of str
        The codes of a category; for a number, names for the ranges between the cuts, from low to high.
    cuts : tuple of float
        Of a number only: rising; a value that equals a cut belongs to the range above it.
    """

    column: str = Field(min_length=1)
    levels: tuple[str, ...] = Field(min_length=2)
    cuts: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _levels_and_cuts_agree(self) -> Self:
        faults = []
        if len(set(self.levels)) < len(self.levels):
            faults.append(f"a level is given twice in {', '.join(self.levels)}")
        if self.cuts is not None and len(self.cuts) != len(self.levels) - 1:
            faults.append(f"{len(self.levels)} levels need {len(self.levels) - 1} cuts, found {len(self.cuts)}")
        if self.cuts is not None and any(low >= high for low, high in zip(self.cuts, self.cuts[1:], strict=False)):
            faults.append(f"the cuts {', '.join(f'{cut:g}' for cut in self.cuts)} must rise")
        _refuse(faults)
        return self


class MinimisationFactor(Frozen):
    """A factor that minimisation balances, and its weight beside the others."""

    factor: str
    weight: float = Field(default=1.0, gt=0.0)


class RandomisationPlan(Frozen):
    """A method of randomisation with what it needs.

    Parameters
    ----------
    method : str
        One of `MethodName`.
    block_sizes : tuple of int
        Permuted blocks: each a multiple of the ratio's sum; drawn with equal probability.
    bias : float
        Biased coin, minimisation: chance of the favoured arm where that is the arm with the smallest part of the ratio.
    limit : int
        Big stick: largest difference allowed; with unequal ratios between the participants per part of the ratio.
    urn_start, urn_added : float
        Urn: balls of each kind at the start, and balls of the other kinds added after a draw.
    measure : str
        Minimisation: the imbalance of a level is the range of its counts, or their variance.
    stratify_by : tuple of str
        Factors whose combinations have a sequence of their own.
    minimise_over : tuple of MinimisationFactor
        Factors that minimisation balances.
    factors : dict
        Every factor that is named above, and no other.
    """

    method: MethodName
    block_sizes: tuple[int, ...] | None = Field(default=None, min_length=1)
    bias: float | None = Field(default=None, gt=0.0, le=1.0)
    limit: int | None = Field(default=None, ge=1)
    urn_start: float | None = Field(default=None, ge=0.0)
    urn_added: float | None = Field(default=None, gt=0.0)
    measure: MeasureName | None = None
    stratify_by: tuple[str, ...] = ()
    minimise_over: tuple[MinimisationFactor, ...] = ()
    factors: dict[str, Factor] = Field(default_factory=dict, max_length=MAX_FACTORS)

    @model_validator(mode="after")
    def _only_what_the_method_reads(self) -> Self:
        given = [name for name in OPTIONS if getattr(self, name) not in (None, ())]
        faults = [
            *(f"{self.method} does not read {name}" for name in given if name not in READS[self.method]),
            *(f"{self.method} needs {name}" for name in NEEDS.get(self.method, ()) if name not in given),
            *_factor_faults(self),
        ]
        _refuse(faults)
        return self

    @property
    def is_list_method(self) -> bool:
        """Whether the whole list can be drawn before the first participant comes."""
        return self.method in LIST_METHODS


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ValueError("; ".join(faults))


def _used(plan: RandomisationPlan) -> list[str]:
    return [*plan.stratify_by, *(each.factor for each in plan.minimise_over)]


def _factor_faults(plan: RandomisationPlan) -> list[str]:
    """Return what is wrong with the names of factors: unknown, given twice, declared and not used."""
    used = _used(plan)
    return [
        *(f"the factor {name} is not declared under factors" for name in dict.fromkeys(used) if name not in plan.factors),
        *(f"the factor {name} is named {used.count(name)} times" for name in dict.fromkeys(used) if used.count(name) > 1),
        *(f"the factor {name} is declared and not used" for name in plan.factors if name not in used),
    ]


def level_of(factor: Factor, value: str | float) -> int:
    """Return the index of a value's level.

    Parameters
    ----------
    value : str or float
        A code of a category (a number stands for the code that it prints as), or the number to be cut.

    Raises
    ------
    ProtocolError
        The category has no such code, or what is to be cut is not a finite number.
    """
    if factor.cuts is None:
        code = value if isinstance(value, str) else f"{value:g}"
        if code in factor.levels:
            return factor.levels.index(code)
        raise ProtocolError(Problem(factor.column, f"the value is {code!r}", f"levels: {', '.join(factor.levels)}", "Give one of them"))
    if isinstance(value, str) or not isfinite(value):
        raise ProtocolError(Problem(factor.column, f"the value is {value!r}", "this factor is cut from a number", "Give a number"))
    return sum(cut <= value for cut in factor.cuts)


def scheme(plan: RandomisationPlan, ratio: tuple[int, ...], where: str = "randomisation") -> Scheme:
    """Return the plan as plain numbers for compiled code.

    Parameters
    ----------
    ratio : tuple of int
        Allocation ratio in the order of the arms; 2:2 is taken as 1:1.
    where : str
        File and field of the plan, for messages.

    Raises
    ------
    ProtocolError
        The ratio cannot be, a block size is not a multiple of the ratio's sum, the favoured arm would have less than its
        share, there are too many strata: every problem at once.
    """
    problems = _ratio_problems(ratio, where) or _plan_problems(plan, _reduced(ratio), where)
    if problems:
        raise ProtocolError(problems)
    rows = {name: row for row, name in enumerate(plan.factors)}
    weights = {each.factor: each.weight for each in plan.minimise_over}
    return Scheme(
        method=int(Method[plan.method.upper()]),
        ratio=np.array(_reduced(ratio), dtype=np.int64),
        sizes=np.array(plan.block_sizes or (sum(_reduced(ratio)),), dtype=np.int64),
        bias=_bias(plan),
        limit=plan.limit or BIG_STICK_LIMIT,
        urn_start=URN_START if plan.urn_start is None else plan.urn_start,
        urn_added=URN_ADDED if plan.urn_added is None else plan.urn_added,
        strata=np.array([rows[name] for name in plan.stratify_by], dtype=np.int64),
        levels=np.array([len(factor.levels) for factor in plan.factors.values()], dtype=np.int64),
        weights=np.array([weights.get(name, 0.0) for name in plan.factors], dtype=np.float64),
        measure=int(Measure[(plan.measure or "range").upper()]),
    )


def _reduced(ratio: tuple[int, ...]) -> tuple[int, ...]:
    divisor = gcd(*ratio)
    return tuple(part // divisor for part in ratio)


def _bias(plan: RandomisationPlan) -> float:
    default = MINIMISATION_BIAS if plan.method == "minimisation" else EFRON_BIAS
    return default if plan.bias is None else plan.bias


def _ratio_problems(ratio: tuple[int, ...], where: str) -> list[Problem]:
    shown = ":".join(map(str, ratio))
    if len(ratio) < 2 or min(ratio) < 1:
        return [Problem(where, f"the allocation ratio is {shown or 'empty'}", "two or more whole parts, each at least 1")]
    if sum(_reduced(ratio)) > MAX_TICKETS:
        return [Problem(where, f"the allocation ratio is {shown}", f"its parts may sum to {MAX_TICKETS:,} at most")]
    return []


def _plan_problems(plan: RandomisationPlan, ratio: tuple[int, ...], where: str) -> list[Problem]:
    """Return what the ratio and the plan make impossible together."""
    unit, shown, smallest = sum(ratio), ":".join(map(str, ratio)), min(ratio) / sum(ratio)
    problems = [
        Problem(f"{where}, block_sizes", f"the size is {size}", f"a multiple of {unit} (ratio {shown}) from {unit} to {LARGEST_BLOCK:,}")
        for size in plan.block_sizes or ()
        if size < unit or size % unit or size > LARGEST_BLOCK
    ]
    if "bias" in READS[plan.method] and _bias(plan) < smallest:
        allowed = f"from {smallest:.4g} (the smallest share of ratio {shown}) to 1"
        problems.append(Problem(f"{where}, bias", f"the favoured arm's chance is {_bias(plan):.4g}", allowed))
    strata = prod(len(plan.factors[name].levels) for name in plan.stratify_by)
    if strata > MAX_STRATA:
        remedy = "Stratify by fewer factors, or minimise over them"
        problems.append(Problem(f"{where}, stratify_by", f"there are {strata:,} strata", f"at most {MAX_STRATA:,}", remedy))
    return problems
