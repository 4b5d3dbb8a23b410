"""When each step may run: at one time if the schedule is fixed, between its past and its future if it is free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.cosma_problem import Problem


@dataclass(frozen=True)
class Windows:
    """For each step the first and the last time at which it may run."""

    first: tuple[int, ...]
    last: tuple[int, ...]

    def width(self) -> int:
        """How many choices there are beyond one a step."""
        return sum(last - first for first, last in zip(self.first, self.last, strict=True))


def free(problem: Problem) -> Windows:
    """As many steps come before a step as it depends on, and as many after as depend on it."""
    count = len(problem.steps)
    before, after = [0] * count, [0] * count
    for step in problem.framework_order:
        for other in problem.predecessors[step]:
            before[step] |= before[other] | 1 << other
    for step in reversed(problem.framework_order):
        for other in problem.predecessors[step]:
            after[other] |= after[step] | 1 << step
    return Windows(
        tuple(steps.bit_count() for steps in before), tuple(count - 1 - steps.bit_count() for steps in after)
    )


def fixed(order: Sequence[int]) -> Windows:
    """Each step at its time in an order."""
    times = [0] * len(order)
    for time, step in enumerate(order):
        times[step] = time
    return Windows(tuple(times), tuple(times))


def around(problem: Problem, order: Sequence[int], begin: int, end: int) -> Windows:
    """Free for the steps at these times of an order, among themselves; all others stay."""
    inside = set(order[begin:end])
    first, last = list(fixed(order).first), list(fixed(order).last)
    before, after = dict.fromkeys(inside, 0), dict.fromkeys(inside, 0)
    number = {step: place for place, step in enumerate(order[begin:end])}
    for step in order[begin:end]:
        for other in problem.predecessors[step] & inside:
            before[step] |= before[other] | 1 << number[other]
    for step in reversed(order[begin:end]):
        for other in problem.predecessors[step] & inside:
            after[other] |= after[step] | 1 << number[step]
    for step in inside:
        first[step] = begin + before[step].bit_count()
        last[step] = end - 1 - after[step].bit_count()
    return Windows(tuple(first), tuple(last))
