"""The cheapest order and stays of a problem: best-first search over what is done, resident and copied to DRAM.

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


@dataclass(frozen=True, slots=True)
class _State:
    """What is done, what can run, what is resident, which of the tensors with a use ahead have a copy in DRAM, as bits.

    And how it came about.
    """

    done: int
    ready: int
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
    it has no copy, and for its coming back at once, since it has a use ahead. What can only help is done at once. A
    state that another can become for no more than the difference of their costs is left out.
    """
    mill = _Mill(problem, capacity, deadline)
    heap: list[tuple[int, int, int, _State]] = [(0, 0, 0, mill.start())]
    seen: dict[int, list[tuple[int, _State]]] = {}
    count = looked = cost = 0
    while heap and not deadline.passed:
        cost, _, _, state = heappop(heap)
        if not state.ready:
            return Found(_residency(problem, state), cost)
        others = seen.setdefault(state.done, [])
        if any(less + mill.change(other, state) <= cost for less, other in others):
            continue
        others.append((cost, state))
        looked += 1
        if looked > states:
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
        sizes, steps = problem.sizes, problem.steps
        self.readers = [sum(1 << step for step in some) for some in problem.consumers]
        self.needs = [sum(1 << other for other in needed) for needed in problem.predecessors]
        self.followers: list[list[int]] = [[] for _ in steps]
        for step, needed in enumerate(problem.predecessors):
            for other in needed:
                self.followers[other].append(step)
        self.inputs = [sum(1 << tensor for tensor in step.inputs) for step in steps]
        self.operands = [sum(1 << tensor for tensor in step.operands) for step in steps]
        self.made = [sum(sizes[tensor] for tensor in step.outputs) for step in steps]
        #: Bytes of a step's outputs that anyone reads.
        self.left = [sum(sizes[tensor] for tensor in step.outputs if self.readers[tensor]) for step in steps]
        #: Inputs that are no smaller.
        self.large = [
            tuple(tensor for tensor in one.inputs if sizes[tensor] >= left)
            for one, left in zip(steps, self.left, strict=True)
        ]
        self._sizes: dict[int, int] = {}

    def start(self) -> _State:
        """Nothing is done; what no step makes has its copy."""
        ready = sum(1 << step for step, needed in enumerate(self.needs) if not needed)
        sources = sum(1 << tensor for tensor, made in enumerate(self.problem.producer) if made is None)
        return self.settled(_State(0, ready, 0, sources, -1, None))

    def moves(self, state: _State) -> Iterator[tuple[int, _State]]:
        """Each step that can run, with each least set of tensors that leave for it: cost and state."""
        for step in _bits(state.ready):
            together = state.resident | self.operands[step]
            excess = self.size(together) - self.capacity
            for leaving in self.least(state.resident & ~self.operands[step], excess):
                cost = self.size(leaving) + self.size(leaving & ~state.copied)
                yield cost, self.settled(self.run(state, step, leaving))

    def settled(self, state: _State) -> _State:
        """The state after all steps that no plan loses by running now.

        Such a step finds its inputs on chip and has room. What it leaves is no larger than one of the inputs that end
        with it, nor dearer to evict: whatever a plan does with that input until it runs the step, it can do with the
        results instead.
        """
        again = True
        while again:
            again = False
            for step in _bits(state.ready):
                if self.harmless(state, step):
                    state, again = self.run(state, step, 0), True
        return state

    def harmless(self, state: _State, step: int) -> bool:
        """Whether no plan loses by running a step now."""
        if self.inputs[step] & ~state.resident:
            return False
        undone = ~(state.done | 1 << step)
        left, sizes = self.left[step], self.problem.sizes
        if left and not any(
            not self.readers[tensor] & undone and sizes[tensor] >= (2 if state.copied >> tensor & 1 else 1) * left
            for tensor in self.large[step]
        ):
            return False
        return self.size(state.resident) + self.made[step] <= self.capacity

    def run(self, state: _State, step: int, leaving: int) -> _State:
        """Evict, run, and drop what nothing reads any more."""
        done = state.done | 1 << step
        ready = state.ready & ~(1 << step)
        for other in self.followers[step]:
            if not self.needs[other] & ~done:
                ready |= 1 << other
        staying, copied = (state.resident & ~leaving) | self.operands[step], state.copied | leaving
        for tensor in self.problem.steps[step].operands:
            if not self.readers[tensor] & ~done:
                staying &= ~(1 << tensor)
                copied &= ~(1 << tensor)
        return _State(done, ready, staying, copied, step, state)

    def change(self, state: _State, other: _State) -> int:
        """What a state costs that becomes another in which the same steps are done: it evicts, and writes copies.

        What is not on chip has paid for its coming back, so it may come back at any time.
        """
        leaving = state.resident & ~other.resident
        copies = other.copied & ~state.copied & ~leaving
        return self.size(leaving) + self.size(leaving & ~state.copied) + self.size(copies)

    def least(self, candidates: int, excess: int) -> Iterator[int]:
        """Sets of tensors that free enough, none of which could stay; not all of them after the deadline."""
        if excess <= 0:
            yield 0
            return
        some, sizes = list(_bits(candidates)), self.problem.sizes
        for number in range(1, len(some) + 1):
            for chosen in combinations(some, number):
                if self.deadline.passed:
                    return
                freed = sum(sizes[tensor] for tensor in chosen)
                if freed >= excess and freed - min(sizes[tensor] for tensor in chosen) < excess:
                    yield sum(1 << tensor for tensor in chosen)

    def size(self, tensors: int) -> int:
        """Bytes of a set."""
        total = self._sizes.get(tensors)
        if total is None:
            sizes = self.problem.sizes
            total = self._sizes[tensors] = sum(sizes[tensor] for tensor in _bits(tensors))
        return total


def _bits(some: int) -> Iterator[int]:
    """The places of ones, ascending.

    >>> list(_bits(0b10110))
    [1, 2, 4]
    """
    while some:
        lowest = some & -some
        yield lowest.bit_length() - 1
        some ^= lowest


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
