"""A bound of the bytes that any order must move: what cannot be on chip while a step runs is written and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.cosma_windows import free
from controller.plan.peak_bound import LeastBytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.cosma_problem import Problem
    from controller.plan.cosma_windows import Windows
    from controller.plan.deadline import Deadline


def traffic_bound(problem: Problem, capacity: int, orders: Sequence[Sequence[int]], deadline: Deadline) -> int:
    """Bytes that no plan's traffic is below.

    While a step runs, the least bytes in excess of the capacity belong to tensors that are spilled and retrieved; one
    that came from DRAM is only retrieved. Steps that no tensor can be waiting at together add up. Only steps at which
    all the given orders have too many bytes can have an excess. By the deadline it is a bound of the steps looked at.
    """
    live = [dict(zip(order, problem.live_bytes(order), strict=True)) for order in orders]
    graph = LeastBytes(problem)
    windows = free(problem)
    found = []
    for step in problem.framework_order:
        if deadline.passed:
            break
        if min(one[step] for one in live) <= capacity:
            continue
        excess = graph.at(step) - capacity
        if excess > 0:
            waiting = _waiting(problem, windows, step)
            again = sum(problem.sizes[tensor] for tensor in waiting if problem.producer[tensor] is None)
            found.append((max(excess, 2 * excess - again), step, waiting))
    total, taken = 0, set[int]()
    for bytes_moved, _, waiting in sorted(found, key=lambda one: (-one[0], one[1])):
        if not waiting & taken:
            total += bytes_moved
            taken |= waiting
    return total


def _waiting(problem: Problem, windows: Windows, step: int) -> set[int]:
    """Tensors that may be made and still needed while a step runs, by the windows of all steps."""
    found = set()
    for tensor, made in enumerate(problem.producer):
        users = [*problem.consumers[tensor], *([] if made is None else [made])]
        begin = min((windows.first[user] for user in users), default=0)
        end = max((windows.last[user] for user in users), default=0)
        if len(users) > 1 and begin < windows.last[step] and end > windows.first[step]:
            found.add(tensor)
    return found
