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
from controller.plan.cosma_search import Found, search
from controller.plan.cosma_segments import joined, segments
from controller.plan.cosma_windows import fixed, free
from controller.plan.deadline import Deadline
from controller.plan.linear import Linear, run_online
from controller.plan.peak import minimum_peak
from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from controller.plan.cosma_plan import Conflict
    from controller.plan.cosma_problem import Problem

#: Choices of time beyond which CP-SAT is not asked for a free schedule as a whole but window by window.
_WIDTH = 400
#: States of a part that are looked at before CP-SAT is asked.
_STATES = 100_000
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
        self.parts = segments(problem)
        #: What is known of parts, equal ones once.
        self.known: dict[Hashable, Found] = {}
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
        bytes_alone = Counted(self.capacity)
        found = [counted(run_online(self.problem, order, bytes_alone, Replacement.BELADY)) for order in orders]
        start = self._cheapest(found)
        if traffic(self.problem, start).bytes > self.bound:
            start = self._cheapest([start, *(self._fixed(order) for order in orders)])
        if traffic(self.problem, start).bytes <= self.bound:
            return start
        least = self._searched()
        if least is not None:
            return least
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

    def _searched(self) -> Residency | None:
        """The best stays of all, if the search of every segment comes to its end; a bound in any case."""
        found = []
        for place, segment in enumerate(self.parts):
            part = segment.problem
            if _key(part) not in self.known:
                if not self.deadline.passed:
                    self.say(f"part {place + 1} of {len(self.parts)}: {len(part.steps)} steps")
                self.known[_key(part)] = search(part, self.capacity, states=_STATES, deadline=self._half())
            found.append(self.known[_key(part)])
        self.bound = max(self.bound, sum(one.bound for one in found))
        return self._joined(found)

    def _by_segments(self, start: Residency) -> Residency:
        """Those parts that no search has decided by CP-SAT, if few times are open in each; their bounds add up."""
        for segment in self.parts:
            part = segment.problem
            one = self.known[_key(part)]
            if one.residency is None and free(part).width() <= _WIDTH and not self.deadline.passed:
                choice = choose(part, free(part), self.capacity, deadline=self._half(), workers=self.workers)
                self.known[_key(part)] = Found(choice.residency, max(choice.bound, one.bound))
        found = [self.known[_key(segment.problem)] for segment in self.parts]
        self.bound = max(self.bound, sum(one.bound for one in found))
        whole = self._joined(found)
        return start if whole is None else self._cheapest([whole, start])

    def _cheapest(self, some: Sequence[Residency]) -> Residency:
        return min(some, key=lambda one: traffic(self.problem, one).bytes)

    def _joined(self, found: Sequence[Found]) -> Residency | None:
        """The stays of the whole, if there are some of each segment."""
        parts = [
            (segment, one.residency)
            for segment, one in zip(self.parts, found, strict=True)
            if one.residency is not None
        ]
        return joined(self.problem, parts) if len(parts) == len(self.parts) else None

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


def _key(part: Problem) -> Hashable:
    """What a part's stays depend on."""
    return part.sizes, tuple(step.operands for step in part.steps), part.producer
