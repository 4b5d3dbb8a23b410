"""Has CP-SAT choose an order and stays, and reads its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from controller.plan.cosma_model import Model
from controller.plan.cosma_plan import Residence, Residency
from controller.plan.deadline import solved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.cosma_model import Truth
    from controller.plan.cosma_plan import Conflict
    from controller.plan.cosma_problem import Problem
    from controller.plan.cosma_windows import Windows
    from controller.plan.deadline import Deadline


@dataclass(frozen=True)
class Choice:
    """Stays without addresses, or None if none were found; and a bound of what such stays move."""

    residency: Residency | None
    bound: int


def choose(
    problem: Problem,
    windows: Windows,
    capacity: int,
    *,
    deadline: Deadline,
    workers: int,
    conflicts: Sequence[Conflict] = (),
    start: Residency | None = None,
) -> Choice:
    """The cheapest stays in these windows that are found by the deadline."""
    if deadline.passed:
        return Choice(None, 0)
    made = Model(problem, windows, capacity, conflicts)
    if start is not None:
        _hint(made, start)
    solver, status = solved(made.model, deadline, workers)
    if status == cp_model.INFEASIBLE:
        # Tensors that never move may be in each other's way in this order whatever is spilled.
        return Choice(None, 0)
    bound = max(0, round(solver.best_objective_bound))
    return Choice(None if status == cp_model.UNKNOWN else _residency(made, solver), bound)


def _hint(made: Model, start: Residency) -> None:
    """Begin from known stays."""
    times = {step: time for time, step in enumerate(start.order)}
    for step, some in enumerate(made.done):
        for time, truth in some.items():
            made.model.add_hint(truth, times[step] <= time)
    there = {(one.tensor, time) for one in start.residences for time in range(one.first, one.last + 1)}
    for tensor, stay in enumerate(made.resident):
        # The times of a stretch share a truth, which can be hinted once.
        known = {
            truth.index: (truth, (tensor, time) in there) for time, truth in stay.items() if not isinstance(truth, int)
        }
        for truth, is_there in known.values():
            made.model.add_hint(truth, is_there)


def _residency(made: Model, solver: cp_model.CpSolver) -> Residency:
    def holds(truth: Truth) -> bool:
        return bool(truth if isinstance(truth, int) else solver.value(truth))

    def time(step: int) -> int:
        return next(time for time in range(made.windows.first[step], made.count) if holds(made.by(step, time)))

    order = sorted(made.problem.framework_order, key=time)
    uses = made.problem.uses(order)
    stays = []
    for tensor, stay in enumerate(made.resident):
        there = {time for time, truth in stay.items() if holds(truth)}
        stays += _used_stays(tensor, there, uses[tensor])
    return Residency(tuple(order), tuple(stays))


def _used_stays(tensor: int, there: set[int], uses: Sequence[int]) -> list[Residence]:
    """Stays from the times of residence, each from a use to a use: what lies longer serves nothing."""
    stays: list[Residence] = []
    for time in uses:
        if stays and all(between in there for between in range(stays[-1].last, time)):
            stays[-1] = Residence(tensor, stays[-1].first, time, None)
        else:
            stays.append(Residence(tensor, time, time, None))
    return stays
