"""The rule catalogue: every rule of every domain, in the order of the report."""

from types import ModuleType

from odisea.protocol.rules import (
    analysis,
    blinding,
    design,
    estimands,
    ethics,
    gaps,
    harms,
    interventions,
    loader,
    outcomes,
    population,
    randomisation,
    registration,
    sample_size,
    schedule,
    waivers,
)
from odisea.protocol.rules.rule import Rule

DOMAINS: tuple[ModuleType, ...] = (
    loader,
    sample_size,
    outcomes,
    estimands,
    analysis,
    design,
    randomisation,
    blinding,
    population,
    interventions,
    schedule,
    harms,
    ethics,
    registration,
    gaps,
    waivers,
)


def rules_of(module: ModuleType) -> tuple[Rule, ...]:
    """Return the rules of a domain in the order of their identifiers."""
    return tuple(sorted((value for value in vars(module).values() if isinstance(value, Rule)), key=lambda each: each.id))


RULES: tuple[Rule, ...] = tuple(each for module in DOMAINS for each in rules_of(module))
