"""A plan of residency, and its replay: what it moves, and every rule it must keep. No algorithm is known here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from controller.plan.pack_problem import Buffer, violations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.plan.cosma_problem import Problem


@dataclass(frozen=True)
class Residence:
    """A tensor's stay in the scratchpad, from time `first` to time `last`, both included.

    The address is None where a plan counts bytes only, as on paged hardware.
    """

    tensor: int
    first: int
    last: int
    address: int | None


#: Stays that cannot lie in the scratchpad together.
Conflict = tuple[Residence, ...]


@dataclass(frozen=True)
class Traffic:
    """Non-compulsory bytes: written to DRAM to come back, and fetched again."""

    spilled: int
    retrieved: int

    @property
    def bytes(self) -> int:
        """Both."""
        return self.spilled + self.retrieved


@dataclass(frozen=True)
class Residency:
    """Steps in the order in which they run, one a time, and the stays of tensors."""

    order: tuple[int, ...]
    residences: tuple[Residence, ...]

    def stays(self, problem: Problem) -> list[list[Residence]]:
        """The stays of each tensor, in the order of time."""
        found: list[list[Residence]] = [[] for _ in problem.sizes]
        for one in sorted(self.residences, key=lambda one: one.first):
            found[one.tensor].append(one)
        return found


def resident_throughout(problem: Problem, order: Sequence[int]) -> Residency:
    """The plan that moves nothing: every tensor stays from its first use to its last."""
    stays = [Residence(tensor, times[0], times[-1], None) for tensor, times in enumerate(problem.uses(order)) if times]
    return Residency(tuple(order), tuple(stays))


def traffic(problem: Problem, plan: Residency) -> Traffic:
    """What a plan moves beyond what it must.

    A tensor is written at most once, since its copy stays valid; one that comes from DRAM is never written. Its first
    stay is free, every other is a fetch.
    """
    spilled = retrieved = 0
    for tensor, stays in enumerate(plan.stays(problem)):
        size = problem.sizes[tensor]
        retrieved += size * max(0, len(stays) - 1)
        spilled += size if len(stays) > 1 and problem.producer[tensor] is not None else 0
    return Traffic(spilled, retrieved)


def broken_rules(problem: Problem, plan: Residency, capacity: int) -> Iterator[str]:
    """A sentence for each rule that a plan breaks in a scratchpad of so many bytes."""
    if sorted(plan.order) != list(problem.framework_order):
        yield "the order must name each step once"
        return
    time = {step: place for place, step in enumerate(plan.order)}
    for step, needed in enumerate(problem.predecessors):
        for other in sorted(needed):
            if time[other] >= time[step]:
                yield f"{problem.steps[step].name} must not run before {problem.steps[other].name}, which it reads from"
    stays = plan.stays(problem)
    for tensor, some in enumerate(stays):
        yield from _broken_stays(problem, tensor, some, time)
    for place, step in enumerate(plan.order):
        for tensor in problem.steps[step].operands:
            if not any(one.first <= place <= one.last for one in stays[tensor]):
                name, user = problem.tensors[tensor], problem.steps[step].name
                yield f"{name} must be resident at time {place}, when {user} runs"
    yield from _broken_space(problem, plan, capacity)


def _broken_stays(problem: Problem, tensor: int, stays: Sequence[Residence], time: dict[int, int]) -> Iterator[str]:
    name, made = problem.tensors[tensor], problem.producer[tensor]
    before = -1
    for one in stays:
        if not 0 <= one.first <= one.last < len(time):
            yield f"{name} must stay within the plan, not from {one.first} to {one.last}"
        if one.first <= before:
            yield f"{name} must not be in two places at time {one.first}"
        before = one.last
    if stays and made is not None and stays[0].first != time[made]:
        yield f"{name} must first be resident at time {time[made]}, when it is made, not at {stays[0].first}"


def _broken_space(problem: Problem, plan: Residency, capacity: int) -> Iterator[str]:
    used = [0] * (len(plan.order) + 1)
    for one in plan.residences:
        used[one.first] += problem.sizes[one.tensor]
        used[one.last + 1] -= problem.sizes[one.tensor]
    total = 0
    for place, change in enumerate(used):
        total += change
        if total > capacity:
            yield f"at most {capacity} bytes must be resident, not {total} as at time {place}"
    placed = [one for one in plan.residences if one.address is not None]
    if placed and len(placed) != len(plan.residences):
        yield "either every stay must have an address or none"
    yield from violations(buffers(problem, placed), [one.address or 0 for one in placed], capacity)


def buffers(problem: Problem, residences: Sequence[Residence]) -> list[Buffer]:
    """Stays as buffers to be packed."""
    return [
        Buffer(problem.tensors[one.tensor], one.first, one.last + 1, problem.sizes[one.tensor]) for one in residences
    ]


def counted(plan: Residency) -> Residency:
    """The same stays without addresses, as pages have them."""
    return replace(plan, residences=tuple(replace(one, address=None) for one in plan.residences))
