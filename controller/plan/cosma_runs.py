"""What COSMA and the methods it is compared with move on one network in one scratchpad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import process_time
from typing import TYPE_CHECKING

from controller.plan.belady import Counted, Replacement
from controller.plan.cosma import Cosma
from controller.plan.cosma_forms import FORMS, STANDARD
from controller.plan.cosma_place import placed
from controller.plan.cosma_plan import broken_rules, counted, traffic
from controller.plan.cosma_problem import Problem, problem
from controller.plan.deadline import Deadline
from controller.plan.linear import Linear, run_online
from controller.plan.peak import minimum_peak

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.cosma_plan import Residency

PAGE_BYTES = 2048
#: Seconds in which stays that were chosen by bytes must be packed to count as packed.
_PACK_SECONDS = 2.0

Figures = dict[str, int | float | bool]


@dataclass(frozen=True)
class Case:
    """A network's problem, its order of least peak, and its three budgets."""

    problem: Problem
    order: tuple[int, ...]
    budgets: dict[str, int]


def case(name: str, *, parameters: bool, form: str = STANDARD) -> Case:
    """Int8, one of `FORMS`, every operator by itself if left out; budgets M_R, M_H and M_P."""
    found = problem(FORMS[form](name), parameters=parameters)
    peak = minimum_peak(found)
    low = found.largest_footprint
    return Case(found, peak.order, {"R": low, "H": (low + peak.bytes) // 2, "P": peak.bytes})


def cosma(one: Problem, capacity: int, *, seconds: float) -> Figures:
    """COSMA's plan by so many seconds of processors, replayed."""
    found = Cosma(one, capacity, deadline=Deadline(seconds, clock=process_time)).solve()
    _replayed(one, found.residency, capacity)
    return {"bytes": found.bytes, "bound": found.bound, "seconds": round(found.seconds, 3)}


def baselines(one: Case, capacity: int) -> dict[str, Figures]:
    """Both orders with both rules: on line in linear memory; by bytes alone; and at M_R whether that was packed."""
    found: dict[str, Figures] = {}
    for order_name, order in (("framework", one.problem.framework_order), ("peak", one.order)):
        for rule in Replacement:
            linear = run_online(one.problem, order, Linear(capacity), rule)
            _replayed(one.problem, linear, capacity)
            free = counted(run_online(one.problem, order, Counted(capacity), rule))
            _replayed(one.problem, free, capacity)
            found[f"{order_name}.{rule}"] = {
                "linear": traffic(one.problem, linear).bytes,
                "counted": traffic(one.problem, free).bytes,
                "packed": _is_packed(one.problem, free, capacity),
            }
    return found


def _is_packed(one: Problem, residency: Residency, capacity: int) -> bool:
    """Whether addresses are found off line for stays that were chosen by bytes."""
    found = placed(one, residency, capacity, deadline=Deadline(_PACK_SECONDS), workers=2)
    return found is not None and not any(broken_rules(one, found, capacity))


def paged(one: Case, capacity: int) -> Figures:
    """The framework's order, Belady's rule, on pages: sizes and capacity in whole pages, no less than a step needs."""
    sizes = tuple(-(-size // PAGE_BYTES) * PAGE_BYTES for size in one.problem.sizes)
    whole = replace(one.problem, sizes=sizes)
    room = max(capacity // PAGE_BYTES * PAGE_BYTES, whole.largest_footprint)
    online = counted(run_online(whole, whole.framework_order, Counted(room), Replacement.BELADY))
    _replayed(whole, online, room)
    return {"capacity": room, "online": traffic(whole, online).bytes, "inside": room <= capacity}


def _replayed(one: Problem, residency: Residency, capacity: int) -> None:
    broken = next(broken_rules(one, residency, capacity), None)
    if broken is not None:
        raise AssertionError(f"{one.name}: {broken}")


def reductions(cosma_bytes: Sequence[int], other_bytes: Sequence[int]) -> tuple[list[float], int]:
    """By which part COSMA moves less, case by case; and how many cases are left out because both move nothing."""
    found = [1 - ours / theirs for ours, theirs in zip(cosma_bytes, other_bytes, strict=True) if theirs]
    if any(ours and not theirs for ours, theirs in zip(cosma_bytes, other_bytes, strict=True)):
        raise AssertionError("a baseline that moves nothing shows a better plan")
    return found, len(cosma_bytes) - len(found)
