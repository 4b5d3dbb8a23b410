"""Divide and conquer: the steps of a window of time get a free order, all others stay, and the window moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.cosma_choose import choose
from controller.plan.cosma_plan import traffic
from controller.plan.cosma_windows import around

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.plan.cosma_plan import Residency
    from controller.plan.cosma_problem import Problem
    from controller.plan.deadline import Deadline

#: Steps of a window, pass by pass; it moves on by half of them.
_LENGTHS = (12, 20, 32)
_WINDOW_SECONDS = 4.0


def improved(
    problem: Problem, start: Residency, capacity: int, bound: int, *, deadline: Deadline, workers: int,
    say: Callable[[str], None],
) -> Residency:  # fmt: skip
    """Stays that move no more than those given: better ones as far as windows find them before the deadline.

    All stays are free in every window, inside it and outside; only the order is confined. Windows are visited where
    the live bytes exceed the capacity, first short ones, each length until a whole pass finds nothing.
    """
    best, cost = start, traffic(problem, start).bytes
    for length in _LENGTHS:
        again = True
        while again:
            again = False
            for begin in range(0, len(problem.steps), length // 2):
                end = min(begin + length, len(problem.steps))
                if cost <= bound or deadline.passed:
                    return best
                if max(problem.live_bytes(best.order)[begin:end]) <= capacity:
                    continue
                say(f"window of {length} steps at {begin}; {cost:,} bytes, at least {bound:,}")
                choice = choose(
                    problem, around(problem, best.order, begin, end), capacity, workers=workers, start=best,
                    deadline=deadline.within(_WINDOW_SECONDS),
                )  # fmt: skip
                if choice.residency is not None and traffic(problem, choice.residency).bytes < cost:
                    best, cost = choice.residency, traffic(problem, choice.residency).bytes
                    again = True
    return best
