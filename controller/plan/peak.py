"""The order of operators whose peak of resident bytes is least (M_P): best-first search over sets of finished steps."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from controller.plan.deadline import Deadline
from controller.plan.peak_bound import peak_bound

if TYPE_CHECKING:
    from controller.plan.cosma_problem import Problem


@dataclass(frozen=True)
class Peak:
    """An order, the bytes at its peak, and a bound that no order's peak is below; equal if the order is optimal."""

    order: tuple[int, ...]
    bytes: int
    bound: int


@dataclass(frozen=True)
class _State:
    """What is done, as bits; the bytes that stay; and how it came about."""

    done: int
    bytes: int
    ready: frozenset[int]
    steps: tuple[int, ...]
    before: _State | None

    def order(self) -> tuple[int, ...]:
        """All steps from the beginning."""
        parts = []
        state: _State | None = self
        while state is not None:
            parts.append(state.steps)
            state = state.before
        return tuple(step for part in reversed(parts) for step in part)


class _Search:
    """Finished steps decide which bytes stay, so two orders of one set differ by their peaks only.

    States are taken by least peak, then by most steps done, then by fewest bytes: the first that has done everything is
    optimal, and the least peak that waits is a bound at any moment. A step that neither raises the peak nor leaves more
    bytes than before is taken at once: whatever is done later only lowers what it adds, so no order loses by having it
    now.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.readers = [sum(1 << step for step in steps) for steps in problem.consumers]
        self.needs = [sum(1 << step for step in steps) for steps in problem.predecessors]
        self.followers = [
            [step for step, needed in enumerate(self.needs) if needed >> other & 1] for other in problem.framework_order
        ]

    def effect(self, done: int, resident: int, step: int) -> tuple[int, int]:
        """Bytes while a step runs, and bytes after it."""
        problem = self.problem
        running = resident
        freed = 0
        for tensor in problem.steps[step].inputs:
            size = problem.sizes[tensor]
            if problem.producer[tensor] is None and not self.readers[tensor] & done:
                running += size
            if not self.readers[tensor] & ~done & ~(1 << step):
                freed += size
        for tensor in problem.steps[step].outputs:
            running += problem.sizes[tensor]
            freed += 0 if self.readers[tensor] else problem.sizes[tensor]
        return running, running - freed

    def advance(self, state: _State, steps: tuple[int, ...], resident: int) -> _State:
        """The state after one more step."""
        (step,) = steps
        done = state.done | 1 << step
        ready = set(state.ready) - {step}
        ready |= {other for other in self.followers[step] if not self.needs[other] & ~done}
        return _State(done, resident, frozenset(ready), steps, state)

    def settle(self, state: _State, peak: int) -> tuple[_State, list[tuple[int, int, int]]]:
        """Take every step that costs nothing; then the others: peak, bytes after, step."""
        while True:
            found = []
            for step in sorted(state.ready):
                running, after = self.effect(state.done, state.bytes, step)
                if running <= peak and after <= state.bytes:
                    state = self.advance(state, (step,), after)
                    break
                found.append((max(peak, running), after, step))
            else:
                return state, found


def minimum_peak(problem: Problem, deadline: Deadline | None = None) -> Peak:
    """The order of least peak; by the deadline the better of the framework's and a greedy end of the search.

    The bound is proven in both cases.
    """
    deadline = deadline or Deadline()
    search = _Search(problem)
    everything = (1 << len(problem.steps)) - 1
    ready = frozenset(step for step, needed in enumerate(search.needs) if not needed)
    start = _State(0, 0, ready, (), None)
    heap: list[tuple[int, int, int, int, _State]] = [(peak_bound(problem, deadline), 0, 0, 0, start)]
    seen: dict[int, int] = {}
    count = 0
    while heap:
        peak, *_, state = heappop(heap)
        if deadline.passed:
            return _give_up(problem, search, state, peak)
        state, choices = search.settle(state, peak)
        if state.done == everything:
            return Peak(state.order(), peak, peak)
        if seen.get(state.done, peak + 1) <= peak:
            continue
        seen[state.done] = peak
        for higher, after, step in choices:
            count += 1
            following = search.advance(state, (step,), after)
            heappush(heap, (higher, -following.done.bit_count(), after, count, following))
    raise AssertionError("steps that wait for each other are no network")


def _give_up(problem: Problem, search: _Search, state: _State, bound: int) -> Peak:
    """Finish a state by the step that raises the peak least, time after time."""
    peak = bound
    while True:
        state, choices = search.settle(state, peak)
        if not choices:
            break
        peak, after, step = min(choices)
        state = search.advance(state, (step,), after)
    order = min(state.order(), problem.framework_order, key=lambda one: max(problem.live_bytes(one)))
    return Peak(order, max(problem.live_bytes(order)), bound)
