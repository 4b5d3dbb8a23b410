"""Contiguous packing: simple orders first, then the canonical search, then CP-SAT; the best at any moment is kept."""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import TYPE_CHECKING

from controller.plan import pack_model
from controller.plan.deadline import Deadline
from controller.plan.pack_problem import Packing, load
from controller.plan.pack_search import PREFERENCES, BudgetError, Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from controller.plan.pack_problem import Buffer

#: Placements of the canonical search for each order of preference, times buffers, before CP-SAT is asked.
_EFFORT = 20_000


def pack(
    buffers: Sequence[Buffer],
    capacity: int | None = None,
    *,
    deadline: Deadline | None = None,
    workers: int = 2,
    say: Callable[[str], None] = lambda _: None,
) -> Packing:
    """Offsets for buffers: no higher than the capacity if they can be found, else as low as they can be found.

    Without a capacity the lowest packing is sought. It ends by the deadline with the best packing and the best bound
    so far; without one it ends when both meet.
    """
    unit = gcd(*(one.size for one in buffers)) or 1
    scaled = [replace(one, size=one.size // unit) for one in buffers]
    goal = None if capacity is None else capacity // unit
    parts = [_Part(group) for group in components(scaled)]
    deadline = deadline or Deadline()
    for part in sorted(parts, key=lambda one: one.bound, reverse=True):
        lowest = max(one.bound for one in parts)
        say(f"packing {len(part.places)} buffers, at least {part.bound * unit:,} bytes")
        part.improve(lowest if goal is None else max(goal, lowest), deadline, workers)
    offsets = [0] * len(buffers)
    for part in parts:
        for place, offset in zip(part.places, part.offsets, strict=True):
            offsets[place] = offset * unit
    height, bound = max(part.height for part in parts), max(part.bound for part in parts)
    return Packing(tuple(offsets), height * unit, bound * unit)


class _Part:
    """Buffers that hang together in time, the best packing of them and a bound."""

    def __init__(self, group: Sequence[tuple[int, Buffer]]) -> None:
        self.places = [place for place, _ in group]
        self.buffers = [one for _, one in group]
        self.bound = load(self.buffers)
        self.offsets, self.height = min(simple(self.buffers), key=lambda pair: pair[1])

    def improve(self, goal: int, deadline: Deadline, workers: int) -> None:
        """Come down to the goal, or as near as time allows; the packing is always whole."""
        if self.height <= goal:
            return
        aim = max(goal, self.bound)
        for preference in PREFERENCES:
            search = Search(self.buffers, aim, preference, nodes=_EFFORT // len(self.buffers), deadline=deadline)
            try:
                found = search.run()
            except BudgetError:
                continue
            if found is None:
                self.bound = aim + 1
                break
            self.offsets, self.height = found, aim
            return
        while self.height > max(goal, self.bound) and not deadline.passed:
            found, self.bound = pack_model.solve(
                self.buffers, self.offsets, self.bound, self.height - 1, goal=goal, deadline=deadline,
                workers=workers,
            )  # fmt: skip
            if found is None:
                return
            self.offsets = found
            self.height = max(offset + one.size for offset, one in zip(found, self.buffers, strict=True))


def components(buffers: Sequence[Buffer]) -> Iterator[list[tuple[int, Buffer]]]:
    """Groups of buffers, with their places, none of which lives when one of another group does."""
    group: list[tuple[int, Buffer]] = []
    end = 0
    for place, one in sorted(enumerate(buffers), key=lambda pair: pair[1].lower):
        if group and one.lower >= end:
            yield group
            group = []
        end = max(end, one.upper) if group else one.upper
        group.append((place, one))
    if group:
        yield group


def simple(buffers: Sequence[Buffer]) -> Iterator[tuple[list[int], int]]:
    """Packings by first fit, and their heights: in an order of preference each goes to the lowest gap that holds it."""
    meeting = neighbours(buffers)
    for preference in PREFERENCES:
        offsets: dict[int, int] = {}
        for place in sorted(range(len(buffers)), key=lambda place: preference(buffers[place])):
            taken = sorted(
                (offsets[other], offsets[other] + buffers[other].size) for other in meeting[place] if other in offsets
            )
            offsets[place] = lowest_gap(taken, buffers[place].size)
        height = max(offset + buffers[place].size for place, offset in offsets.items())
        yield [offsets[place] for place in range(len(buffers))], height


def neighbours(buffers: Sequence[Buffer]) -> list[list[int]]:
    """For each buffer the places of those that are alive when it is."""
    found: list[list[int]] = [[] for _ in buffers]
    alive: list[int] = []
    for place in sorted(range(len(buffers)), key=lambda place: buffers[place].lower):
        alive = [other for other in alive if buffers[other].upper > buffers[place].lower]
        for other in alive:
            found[place].append(other)
            found[other].append(place)
        alive.append(place)
    return found


def lowest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """The lowest offset at which so many bytes meet none of the taken intervals, which ascend."""
    offset = 0
    for begin, end in taken:
        if begin - offset >= size:
            break
        offset = max(offset, end)
    return offset
