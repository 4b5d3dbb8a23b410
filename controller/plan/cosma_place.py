"""Addresses for stays; where there are none, a small conflict that says why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.plan.cosma_plan import Residence, Residency, buffers
from controller.plan.pack import pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.plan.cosma_plan import Conflict
    from controller.plan.cosma_problem import Problem
    from controller.plan.deadline import Deadline

#: What is asked of a small group of stays before it counts as unknown.
_PROBE_SECONDS = 2.0


def placed(
    problem: Problem, residency: Residency, capacity: int, *, deadline: Deadline, workers: int
) -> Residency | None:
    """The stays with addresses, or None if none were found by the deadline."""
    there = [one for one in residency.residences if problem.sizes[one.tensor]]
    packing = pack(buffers(problem, there), capacity, deadline=deadline, workers=workers)
    if packing.height > capacity:
        return None
    address = dict(zip(((one.tensor, one.first) for one in there), packing.offsets, strict=True))
    return replace(
        residency,
        residences=tuple(replace(one, address=address.get((one.tensor, one.first), 0)) for one in residency.residences),
    )


def conflicts(problem: Problem, residency: Residency, capacity: int, *, deadline: Deadline) -> Iterator[Conflict]:
    """Groups of stays, cut to a few times, that no packing has room for, from the shortest times that have any.

    None are found if the deadline comes first, or if the stays can be packed.
    """
    times = len(residency.order)
    length = 2
    while length < 2 * times:
        found = False
        busy = -1
        for begin in range(0, times, max(1, length // 2)):
            if begin <= busy:
                continue
            some = _cut(residency.residences, begin, begin + length - 1)
            if deadline.passed:
                return
            if _impossible(problem, some, capacity, deadline):
                conflict = _smallest(problem, some, capacity, deadline)
                busy = max(one.last for one in conflict)
                found = True
                yield conflict
        if found:
            return
        length *= 2


def _cut(stays: Sequence[Residence], begin: int, end: int) -> list[Residence]:
    """The parts of stays between two times."""
    return [
        Residence(one.tensor, max(one.first, begin), min(one.last, end), None)
        for one in stays
        if one.first <= end and one.last >= begin
    ]


def _impossible(problem: Problem, stays: Sequence[Residence], capacity: int, deadline: Deadline) -> bool:
    """Whether it is proven that these have no room together."""
    there = buffers(problem, [one for one in stays if problem.sizes[one.tensor]])
    return bool(there) and pack(there, capacity, deadline=deadline.within(_PROBE_SECONDS), workers=1).bound > capacity


def _smallest(problem: Problem, stays: list[Residence], capacity: int, deadline: Deadline) -> Conflict:
    """An impossible part of impossible stays that is possible when shortened or without any of its own, given time."""
    begin, end = min(one.first for one in stays), max(one.last for one in stays)
    while begin < end and _impossible(problem, _cut(stays, begin + 1, end), capacity, deadline):
        begin += 1
    while begin < end and _impossible(problem, _cut(stays, begin, end - 1), capacity, deadline):
        end -= 1
    stays = _cut(stays, begin, end)
    for one in sorted(stays, key=lambda one: problem.sizes[one.tensor]):
        fewer = [other for other in stays if other is not one]
        if _impossible(problem, fewer, capacity, deadline):
            stays = fewer
    return tuple(stays)
