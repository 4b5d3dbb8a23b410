"""The cheapest order and stays of a small problem: best-first search over what is done, resident and copied to DRAM.

CP-SAT's relaxation is 0 where a little too much would be on chip in every order; this search proves such cases quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import combinations
from typing import TYPE_CHECKING

from controller.plan.cosma_plan import Residence, Residency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.plan.cosma_problem import Problem
    from controller.plan.deadline import Deadline


@dataclass(frozen=True)
class _State:
    """What is done, what is resident after it, which tensors have a copy in DRAM, as bits; and how it came about."""

    done: int
    resident: int
    copied: int
    step: int
    before: _State | None


@dataclass(frozen=True)
class Found:
    """The cheapest stays, or None if the search was given up; a bound of the cost in any case."""

    residency: Residency | None
    bound: int


def search(problem: Problem, capacity: int, *, states: int, deadline: Deadline) -> Found:
    """Stays of the least traffic, unless there are more states to look at than this, or it takes longer.

    Nothing is evicted before its bytes are needed, and no more than needed; an evicted tensor pays for its writing, if
    it has no copy, and for its coming back at once, since it has a use ahead.
    """
    mill = _Mill(problem, capacity, deadline)
    everything = (1 << len(problem.steps)) - 1
    start = _State(0, 0, mill.sources, -1, None)
    heap: list[tuple[int, int, int, _State]] = [(0, 0, 0, start)]
    seen: set[tuple[int, int, int]] = set()
    count = 0
    cost = 0
    while heap and not deadline.passed:
        cost, _, _, state = heappop(heap)
        if state.done == everything:
            return Found(_residency(problem, state), cost)
        key = state.done, state.resident, state.copied
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > states:
            return Found(None, cost)
        for more, following in mill.moves(state):
            count += 1
            heappush(heap, (cost + more, -following.done.bit_count(), count, following))
    if not deadline.passed:
        raise AssertionError("every step fits, so there is a plan")
    # The last state may lack moves, but whatever was cheaper had all of its own.
    return Found(None, cost)


class _Mill:
    """The moves from a state."""

    def __init__(self, problem: Problem, capacity: int, deadline: Deadline) -> None:
        self.problem, self.capacity, self.deadline = problem, capacity, deadline
        self.needs = [sum(1 << other for other in needed) for needed in problem.predecessors]
        self.readers = [sum(1 << step for step in steps) for steps in problem.consumers]
        self.operands = [sum(1 << tensor for tensor in step.operands) for step in problem.steps]
        self.sources = sum(1 << tensor for tensor, made in enumerate(problem.producer) if made is None)

    def moves(self, state: _State) -> Iterator[tuple[int, _State]]:
        """Each step that can run, with each least set of tensors that leave for it: cost and state."""
        for step, needed in enumerate(self.needs):
            if needed & ~state.done or state.done >> step & 1:
                continue
            together = state.resident | self.operands[step]
            excess = self.size(together) - self.capacity
            for leaving in self.least(state.resident & ~self.operands[step], excess):
                yield self.run(state, step, leaving)

    def run(self, state: _State, step: int, leaving: int) -> tuple[int, _State]:
        """Evict, run, and drop what nothing reads any more."""
        done = state.done | 1 << step
        staying = (state.resident & ~leaving) | self.operands[step]
        for tensor in self.problem.steps[step].operands:
            if not self.readers[tensor] & ~done:
                staying &= ~(1 << tensor)
        cost = self.size(leaving) + self.size(leaving & ~state.copied)
        return cost, _State(done, staying, state.copied | leaving, step, state)

    def least(self, candidates: int, excess: int) -> Iterator[int]:
        """Sets of tensors that free enough, none of which could stay; not all of them after the deadline."""
        if excess <= 0:
            yield 0
            return
        some = [tensor for tensor in range(candidates.bit_length()) if candidates >> tensor & 1]
        sizes = self.problem.sizes
        for number in range(1, len(some) + 1):
            for chosen in combinations(some, number):
                if self.deadline.passed:
                    return
                freed = sum(sizes[tensor] for tensor in chosen)
                if freed >= excess and freed - min(sizes[tensor] for tensor in chosen) < excess:
                    yield sum(1 << tensor for tensor in chosen)

    def size(self, tensors: int) -> int:
        """Bytes of a set."""
        total = 0
        while tensors:
            lowest = tensors & -tensors
            total += self.problem.sizes[lowest.bit_length() - 1]
            tensors ^= lowest
        return total


def _residency(problem: Problem, last: _State) -> Residency:
    """The stays of a path: from use to use, broken where the tensor was not resident in between."""
    path: list[_State] = []
    state: _State | None = last
    while state is not None and state.step >= 0:
        path.append(state)
        state = state.before
    path.reverse()
    order = tuple(one.step for one in path)
    stays = []
    for tensor, times in enumerate(problem.uses(order)):
        begin = 0
        for place, time in enumerate(times):
            following = times[place + 1 : place + 2]
            if not following or not all(path[between].resident >> tensor & 1 for between in range(time, following[0])):
                stays.append(Residence(tensor, times[begin], time, None))
                begin = place + 1
    return Residency(order, tuple(stays))
