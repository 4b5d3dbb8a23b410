"""Packing as CP-SAT sees it: rectangles of lifetime by size that do not overlap, and a sum at each time as a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from controller.plan.deadline import solved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.deadline import Deadline
    from controller.plan.pack_problem import Buffer


def solve(
    buffers: Sequence[Buffer], hint: Sequence[int], low: int, high: int, *, goal: int, deadline: Deadline, workers: int
) -> tuple[list[int] | None, int]:
    """Offsets of a packing of at most `high` bytes, as low as can be found, and a bound of the height.

    It ends when a packing is no higher than `goal`, when the lowest is proven, or by the deadline, with the best so
    far. None where no packing was found; the bound is above `high` where there is none.
    """
    model = cp_model.CpModel()
    offsets = [model.new_int_var(0, high - one.size, f"offset of {one.name}") for one in buffers]
    height = model.new_int_var(min(low, high), high, "height")
    lifetimes, extents = [], []
    for one, offset in zip(buffers, offsets, strict=True):
        lifetimes.append(model.new_fixed_size_interval_var(one.lower, one.upper - one.lower, f"life of {one.name}"))
        extents.append(model.new_fixed_size_interval_var(offset, one.size, f"extent of {one.name}"))
        model.add(offset + one.size <= height)
    model.add_no_overlap_2d(lifetimes, extents)
    model.add_cumulative(lifetimes, [one.size for one in buffers], height)
    for offset, place in zip(offsets, hint, strict=True):
        model.add_hint(offset, place)
    if goal >= high:
        model.add(height == high)
    else:
        model.minimize(height)
    solver, status = solved(model, deadline, workers, _Until(goal))
    if status == cp_model.INFEASIBLE:
        return None, high + 1
    if status == cp_model.UNKNOWN:
        return None, low
    bound = low if goal >= high else max(low, round(solver.best_objective_bound))
    return [solver.value(offset) for offset in offsets], bound


class _Until(cp_model.CpSolverSolutionCallback):
    """Ends the search at a height."""

    def __init__(self, goal: int) -> None:
        super().__init__()
        self.goal = goal

    def on_solution_callback(self) -> None:
        """Look at a solution."""
        if self.objective_value <= self.goal:
            self.stop_search()
