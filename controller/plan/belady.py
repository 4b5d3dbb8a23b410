"""Whom to evict on line: Belady's farthest next use, or the least traffic of the moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Replacement(StrEnum):
    """Rules of eviction."""

    BELADY = "belady"
    GREEDY = "greedy"


@dataclass(frozen=True)
class Occupant:
    """A resident tensor: where it lies, when it is read next, what its leaving would cost; locked ones must stay."""

    tensor: int
    address: int
    size: int
    next_use: float
    cost: int
    locked: bool


class Arena(Protocol):
    """A scratchpad: says where bytes can go."""

    def room(self, size: int, occupants: Sequence[Occupant]) -> int | None:
        """An address for so many bytes beside these occupants, if there is one."""

    def cheapest(self, size: int, occupants: Sequence[Occupant]) -> list[Occupant] | None:
        """The unlocked occupants whose leaving makes room at the least cost, if any do."""


def victims(arena: Arena, size: int, occupants: Sequence[Occupant], rule: Replacement) -> list[Occupant] | None:
    """Who must leave for so many bytes; None if no one's leaving is enough.

    Belady's rule names occupants by falling next use until there is room; those of them that need not leave after all
    stay, nearest use first.
    """
    if rule is Replacement.GREEDY:
        return arena.cheapest(size, occupants)
    leaving: list[Occupant] = []
    staying = list(occupants)
    for one in sorted((one for one in occupants if not one.locked), key=lambda one: (-one.next_use, one.tensor)):
        if arena.room(size, staying) is not None:
            break
        leaving.append(one)
        staying.remove(one)
    if arena.room(size, staying) is None:
        return None
    for one in sorted(leaving, key=lambda one: (one.next_use, one.tensor)):
        if arena.room(size, [*staying, one]) is not None:
            staying.append(one)
            leaving.remove(one)
    return leaving


@dataclass(frozen=True)
class Counted:
    """Bytes are counted and lie anywhere: what pages make of a scratchpad."""

    capacity: int

    def room(self, size: int, occupants: Sequence[Occupant]) -> int | None:
        """Address 0 if so many bytes are free."""
        return 0 if sum(one.size for one in occupants) + size <= self.capacity else None

    def cheapest(self, size: int, occupants: Sequence[Occupant]) -> list[Occupant] | None:
        """Least cost, exactly: for each number of freed bytes the cheapest way to it."""
        missing = sum(one.size for one in occupants) + size - self.capacity
        best: dict[int, tuple[int, tuple[Occupant, ...]]] = {0: (0, ())}
        for one in occupants:
            if one.locked:
                continue
            for freed, (cost, leaving) in list(best.items()):
                reached = min(freed + one.size, max(missing, 0))
                if cost + one.cost < best.get(reached, (inf, ()))[0]:
                    best[reached] = cost + one.cost, (*leaving, one)
        found = best.get(max(missing, 0))
        return None if found is None else list(found[1])
