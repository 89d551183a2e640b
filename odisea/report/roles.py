"""The roles of planned analyses, in the order in which a reader wants them; rows of long tables stand under their role."""

from collections.abc import Callable, Iterable
from typing import TypeVar

ROLES = ("primary", "secondary", "sensitivity", "supplementary", "exploratory")
Item = TypeVar("Item")


def by_role(items: Iterable[Item], role: Callable[[Item], str]) -> dict[str, list[Item]]:
    """Return items by their role, roles in reading order and only those that occur; the order within a role is kept."""
    listed = list(items)
    found = {name: [item for item in listed if role(item) == name] for name in ROLES}
    return {name: own for name, own in found.items() if own}
