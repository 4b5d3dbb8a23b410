"""COSMA: the order of operators and the stays of tensors that move least, with addresses and a bound.

After Li, Gupta and Malik, arXiv 2311.18246. Residency is decided first and packed second: the bytes that a plan moves
do not depend on addresses, and what cannot be packed comes back as a cut. There is a whole plan at any moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.plan.belady import Counted, Replacement
from controller.plan.cosma_bound import traffic_bound
from controller.plan.cosma_choose import choose
from controller.plan.cosma_divide import improved
from controller.plan.cosma_place import conflicts, placed
from controller.plan.cosma_plan import Residency, counted, resident_throughout, traffic
from controller.plan.cosma_search import search
from controller.plan.cosma_segments import joined, segments
from controller.plan.cosma_windows import fixed, free
from controller.plan.deadline import Deadline
from controller.plan.linear import Linear, run_online
from controller.plan.peak import minimum_peak
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from controller.plan.cosma_plan import Conflict
    from controller.plan.cosma_problem import Problem

#: Choices of time beyond which a free schedule is not asked for as a whole but window by window.
_WIDTH = 400
#: States of a part that are looked at before CP-SAT is asked.
_STATES = 20_000
#: What is tried for addresses before it is asked why there are none.
_PACK_SECONDS = 10.0


@dataclass(frozen=True)
class Solution:
    """A plan with addresses, the bytes that it moves, a bound that no such plan is below, and the time it took."""

    residency: Residency
    bytes: int
    bound: int
    seconds: float

    @property
    def gap(self) -> float:
        """How far it is above the bound, as a part of its bytes."""
        return (self.bytes - self.bound) / self.bytes if self.bytes else 0.0


class Cosma:
    """One problem in one scratchpad.

    Parameters
    ----------
    problem
        What is decided over.
    capacity
        Bytes.
    order
        The schedule, if it is fixed.
    deadline
        When the best plan so far is taken; a minute from now if left out.
    paged
        Whether tensors may lie in pages anywhere: then nothing is packed, and stays have no addresses.
    workers
        Threads of the solver.
    say
        Told what is being done.

    Raises
    ------
    ModelError
        If a step does not fit.
    """

    def __init__(
        self, problem: Problem, capacity: int, *, order: Sequence[int] | None = None,
        deadline: Deadline | None = None, paged: bool = False, workers: int = 2,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        largest = max(problem.framework_order, key=problem.footprint)
        if problem.footprint(largest) > capacity:
            raise ModelError(
                f"{problem.name} does not fit: {problem.steps[largest].name} needs {problem.footprint(largest)} bytes "
                f"in {capacity}; --budget {problem.footprint(largest)} fits"
            )
        self.problem, self.capacity, self.paged, self.workers, self.say = problem, capacity, paged, workers, say
        self.order = None if order is None else tuple(order)
        self.deadline = deadline or Deadline(60)
        self.began = self.deadline.clock()
        self.bound = 0
        arena = Counted(capacity) if paged else Linear(capacity)
        self.best = run_online(problem, self.order or problem.framework_order, arena, Replacement.BELADY)
        if paged:
            self.best = counted(self.best)

    def solve(self) -> Solution:
        """The best plan that is found in time."""
        stays = self._stays()
        if self.paged:
            self.best = min(counted(stays), self.best, key=lambda one: traffic(self.problem, one).bytes)
        else:
            self._place(stays)
        moved = traffic(self.problem, self.best).bytes
        return Solution(self.best, moved, min(self.bound, moved), self.deadline.clock() - self.began)

    def _stays(self) -> Residency:
        """Stays that fit by the sum of bytes, and the bound."""
        if self.order is not None:
            return self._fixed(self.order)
        self.say("the order of least peak")
        peak = minimum_peak(self.problem, deadline=self._half())
        if peak.bytes <= self.capacity:
            return resident_throughout(self.problem, peak.order)
        orders = peak.order, self.problem.framework_order
        self.bound = traffic_bound(self.problem, self.capacity, orders, self.deadline)
        found = [self._fixed(order) for order in orders]
        start = min(found, key=lambda one: traffic(self.problem, one).bytes)
        if traffic(self.problem, start).bytes <= self.bound:
            return start
        parts = segments(self.problem)
        if all(free(part.problem).width() <= _WIDTH for part in parts):
            start = self._by_segments(start)
        if traffic(self.problem, start).bytes > self.bound:
            start = improved(
                self.problem, start, self.capacity, self.bound,
                deadline=self.deadline, workers=self.workers, say=self.say,
            )  # fmt: skip
        return start

    def _fixed(self, order: Sequence[int], cuts: Sequence[Conflict] = ()) -> Residency:
        """The best stays for one order; where there is no other order, their bound is one of all plans."""
        self.say("stays for one order")
        choice = choose(
            self.problem, fixed(order), self.capacity, deadline=self.deadline, workers=self.workers, conflicts=cuts
        )
        if self.order is not None or not free(self.problem).width():
            self.bound = max(self.bound, choice.bound)
        return choice.residency or self.best

    def _by_segments(self, start: Residency) -> Residency:
        """Each segment with its free schedule; equal ones once. Their bounds add up."""
        known: dict[tuple[object, ...], tuple[Residency | None, int]] = {}
        parts, bound = [], 0
        some = segments(self.problem)
        for place, segment in enumerate(some):
            part = segment.problem
            key = part.sizes, tuple(step.operands for step in part.steps), part.producer
            if key not in known:
                self.say(f"part {place + 1} of {len(some)}: {len(part.steps)} steps")
                if self.deadline.passed:
                    break
                known[key] = self._free(part)
            residency, least = known[key]
            bound += least
            if residency is not None:
                parts.append((segment, residency))
        self.bound = max(self.bound, bound)
        if len(parts) < len(some):
            return start
        whole = joined(self.problem, parts)
        return min(whole, start, key=lambda one: traffic(self.problem, one).bytes)

    def _free(self, part: Problem) -> tuple[Residency | None, int]:
        """The best stays with a free schedule, and a bound: by search if it is small, else by CP-SAT."""
        found = search(part, self.capacity, states=_STATES, deadline=self.deadline)
        if found.residency is not None:
            return found.residency, found.bound
        choice = choose(part, free(part), self.capacity, deadline=self._half(), workers=self.workers)
        return choice.residency, max(choice.bound, found.bound)

    def _half(self) -> Deadline:
        """Half of the time that is left."""
        return self.deadline.within(self.deadline.left / 2)

    def _place(self, residency: Residency) -> None:
        """Give stays addresses; as long as that cannot be, forbid what is in conflict and choose again."""
        cuts: list[Conflict] = []
        while True:
            self.say(f"addresses, after {len(cuts)} conflicts")
            cheap = traffic(self.problem, residency).bytes
            if cheap >= traffic(self.problem, self.best).bytes:
                return
            found = placed(
                self.problem, residency, self.capacity, deadline=self.deadline.within(_PACK_SECONDS),
                workers=self.workers,
            )  # fmt: skip
            if found is not None:
                self.best = found
                return
            new = list(conflicts(self.problem, residency, self.capacity, deadline=self.deadline))
            if not new or self.deadline.passed:
                self._by_chance(residency)
                return
            cuts += new
            residency = self._fixed(residency.order, cuts)

    def _by_chance(self, residency: Residency) -> None:
        """What packs in the time that is left."""
        found = placed(self.problem, residency, self.capacity, deadline=self.deadline, workers=self.workers)
        if found is not None:
            self.best = found
