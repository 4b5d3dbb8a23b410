"""Which tensors stay, and in which order steps run, as CP-SAT sees it: bytes are counted, addresses come second.

The choices are those of COSMA's integer program (Li, Gupta, Malik 2023, its constraints 1 to 8, 12, 16), put so that
its relaxation is tight: a step is done from a time on rather than run at one, stays have beginnings, and the sum of
bytes takes the place of addresses. What cannot be packed comes back as a clause.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.cosma_plan import Conflict
    from controller.plan.cosma_problem import Problem
    from controller.plan.cosma_windows import Windows

#: Whether something holds; 0 or 1 where that is known beforehand.
Truth = cp_model.IntVar | int


class Model:
    """The model of a problem in a scratchpad of so many bytes, with steps in their windows.

    Conflicts hold for all windows, since they name times and not steps.
    """

    def __init__(self, problem: Problem, windows: Windows, capacity: int, conflicts: Sequence[Conflict] = ()) -> None:
        self.problem = problem
        self.windows = windows
        self.model = cp_model.CpModel()
        self.count = len(problem.steps)
        self.done: list[dict[int, cp_model.IntVar]] = []
        for step in problem.framework_order:
            self._done(step)
        self.terms: list[tuple[int, Truth]] = []
        self.free_first_stays = 0
        self.spans = [self._span(tensor) for tensor in range(len(problem.sizes))]
        self.tight = self._tight(capacity, conflicts)
        self.resident = [self._stays(tensor) for tensor in range(len(problem.sizes))]
        self._one_step_a_time()
        self._space(capacity)
        for conflict in conflicts:
            self._forbid(conflict)
        self.model.minimize(sum(weight * truth for weight, truth in self.terms) - self.free_first_stays)

    def _done(self, step: int) -> None:
        """For each time of a step's window but the last, whether it has run by then."""
        first, last = self.windows.first[step], self.windows.last[step]
        some = {time: self.model.new_bool_var(f"done {step} {time}") for time in range(first, last)}
        self.done.append(some)
        for time in range(first, last - 1):
            self.model.add_implication(some[time], some[time + 1])
        for other in self.problem.predecessors[step]:
            for time in range(first, last):
                earlier = self.by(other, time - 1)
                if not isinstance(earlier, int):
                    self.model.add_implication(some[time], earlier)
                elif not earlier:
                    self.model.add(some[time] == 0)

    def by(self, step: int, time: int) -> Truth:
        """Whether a step has run by a time."""
        if time < self.windows.first[step]:
            return 0
        if time >= self.windows.last[step]:
            return 1
        return self.done[step][time]

    def _one_step_a_time(self) -> None:
        """As many steps are done by a time as there have been times; only steps with a choice need to be counted."""
        open_steps = [step for step, some in enumerate(self.done) if some]
        closed = sorted(self.windows.last[step] for step, some in enumerate(self.done) if not some)
        for time in sorted({time for some in self.done for time in some}):
            truths = [self.by(step, time) for step in open_steps]
            self.model.add(sum(truths) == time + 1 - bisect_right(closed, time))

    def _span(self, tensor: int) -> range:
        """The times at which a tensor may be resident."""
        users = self._users(tensor)
        if not users:
            return range(0)
        return range(
            min(self.windows.first[step] for step in users), max(self.windows.last[step] for step in users) + 1
        )

    def _users(self, tensor: int) -> tuple[int, ...]:
        made = self.problem.producer[tensor]
        return self.problem.consumers[tensor] + (() if made is None else (made,))

    def _tight(self, capacity: int, conflicts: Sequence[Conflict]) -> list[bool]:
        """For each time whether all that may be resident at it would not fit, or might be in conflict."""
        there = [0] * self.count
        for size, span in zip(self.problem.sizes, self.spans, strict=True):
            for time in span:
                there[time] += size
        named = {time for conflict in conflicts for one in conflict for time in range(one.first, one.last + 1)}
        return [total > capacity or time in named for time, total in enumerate(there)]

    def _stays(self, tensor: int) -> dict[int, Truth]:
        """For each time at which a tensor may be resident, whether it is.

        Between times at which it may be used it stays throughout or not at all: a stay begins with a use and ends with
        one. Where there is always room for everything it stays; where there is room between uses, it stays if it is
        there.
        """
        made = self.problem.producer[tensor]
        users = self._users(tensor)
        windows = [(self.windows.first[step], self.windows.last[step]) for step in users]
        stay: dict[int, Truth] = {}
        if not any(self.tight[time] for time in self.spans[tensor]):
            return dict.fromkeys(self.spans[tensor], 1)
        for times, usable in _stretches(self.spans[tensor], windows):
            truth: Truth
            if usable and any(first == last == times[0] for first, last in windows):
                truth = 1
            elif not usable and not any(self.tight[time] for time in times):
                truth = stay[times[0] - 1]
            else:
                truth = self.model.new_bool_var(f"resident {tensor} {times[0]}")
            stay |= dict.fromkeys(times, truth)
            if usable and not isinstance(truth, int):
                self._used(truth, users, times[0])
                if made is not None and self.windows.last[made] > times[0]:
                    self.model.add(truth <= self.by(made, times[0]))
        self._cost(tensor, stay)
        return stay

    def _used(self, truth: cp_model.IntVar, users: Sequence[int], time: int) -> None:
        """Who runs at this time has its operand."""
        for step in users:
            if self.windows.first[step] <= time <= self.windows.last[step]:
                self.model.add(truth >= self.by(step, time) - self.by(step, time - 1))

    def _cost(self, tensor: int, stay: dict[int, Truth]) -> None:
        """Each beginning is a fetch save the first; any but the first has the tensor written once, if it was made."""
        if all(isinstance(truth, int) for truth in stay.values()):
            return
        made, size = self.problem.producer[tensor], self.problem.sizes[tensor]
        spilled = None if made is None else self.model.new_bool_var(f"spilled {tensor}")
        for time, truth in sorted(stay.items()):
            before = stay.get(time - 1, 0)
            if before is truth or (isinstance(before, int) and before):
                continue
            begins: Truth = (
                1 if isinstance(truth, int) and isinstance(before, int) else self.model.new_bool_var("begins")
            )
            self.model.add(begins >= truth - before)
            self.terms.append((size, begins))
            if made is not None and spilled is not None:
                self.model.add(spilled >= begins - self.by(made, time) + self.by(made, time - 1))
        self.free_first_stays += size
        if spilled is not None:
            self.terms.append((size, spilled))

    def _space(self, capacity: int) -> None:
        """What lies on chip at one time fits."""
        for time, tight in enumerate(self.tight):
            if not tight:
                continue
            there = [
                (self.problem.sizes[tensor], stay[time]) for tensor, stay in enumerate(self.resident) if time in stay
            ]
            self.model.add(sum(size * truth for size, truth in there) <= capacity)

    def _forbid(self, conflict: Conflict) -> None:
        """Not all of these stays."""
        truths = [self.resident[one.tensor].get(time, 0) for one in conflict for time in range(one.first, one.last + 1)]
        if any(isinstance(truth, int) and not truth for truth in truths):
            return
        self.model.add_bool_or([truth.negated() for truth in truths if not isinstance(truth, int)])


def _stretches(span: range, windows: Sequence[tuple[int, int]]) -> list[tuple[range, bool]]:
    """The times of a span: each usable one alone, those between together; and whether they are usable."""
    found: list[tuple[range, bool]] = []
    for time in span:
        usable = any(first <= time <= last for first, last in windows)
        if found and not usable and not found[-1][1]:
            found[-1] = range(found[-1][0].start, time + 1), False
        else:
            found.append((range(time, time + 1), usable))
    return found
