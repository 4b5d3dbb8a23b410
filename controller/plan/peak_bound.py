"""A bound of every order's peak: the fewest bytes that can lie on chip while one step runs, by a least cut."""

from __future__ import annotations

from heapq import nlargest
from typing import TYPE_CHECKING

from ortools.graph.python import max_flow

if TYPE_CHECKING:
    from controller.plan.cosma_problem import Problem
    from controller.plan.deadline import Deadline

#: Cuts are found at so many steps, those with most bytes in the framework's order.
_STEPS = 32


def peak_bound(problem: Problem, deadline: Deadline) -> int:
    """Bytes that no order's peak is below, as far as it is known by the deadline."""
    live = problem.live_bytes(problem.framework_order)
    graph = LeastBytes(problem)
    best = problem.largest_footprint
    for step in nlargest(_STEPS, problem.framework_order, key=live.__getitem__):
        if live[step] <= best or deadline.passed:
            break
        best = max(best, graph.at(step))
    return best


class LeastBytes:
    """The fewest bytes on chip while a step runs, whatever the order: a least cut.

    Steps that are done when one runs are a side of a cut: those it needs among them, those that need it not.

    A tensor lies on chip if it crosses the cut: made, and not read by all. Edges without limit keep a side closed: with
    a step its past is done. A tensor from DRAM crosses if some of its readers are done and some are not.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        count = len(problem.steps)
        self.start, self.end = count, count + 1
        self.unlimited = sum(problem.sizes) + 1
        self.free: list[tuple[int, int]] = []
        self.crossings: list[tuple[int, int, int]] = []
        node = count + 2
        for tensor, (made, readers) in enumerate(zip(problem.producer, problem.consumers, strict=True)):
            if not readers:
                continue
            begun, ended = (made, node) if made is not None else (node, node + 1)
            node += 1 if made is not None else 2
            self.crossings.append((tensor, begun, ended))
            self.free += [(ended, reader) for reader in readers]
            # A tensor is made before it is read; one from DRAM begins with any reader.
            self.free += [(reader, begun) for reader in readers]

    def at(self, step: int) -> int:
        """The fewest bytes on chip while a step runs, its operands among them."""
        problem = self.problem
        flow = max_flow.SimpleMaxFlow()
        fetched = {tensor for tensor in problem.steps[step].inputs if problem.producer[tensor] is None}
        for tensor, begun, ended in self.crossings:
            if tensor not in fetched:
                flow.add_arc_with_capacity(begun, ended, problem.sizes[tensor])
        for tail, head in self.free:
            flow.add_arc_with_capacity(tail, head, self.unlimited)
        for needed in problem.predecessors[step]:
            flow.add_arc_with_capacity(self.start, needed, self.unlimited)
        flow.add_arc_with_capacity(step, self.end, self.unlimited)
        if flow.solve(self.start, self.end) != flow.OPTIMAL:
            raise AssertionError("a cut between a step and its past exists in every network")
        operands = fetched | set(problem.steps[step].outputs)
        return int(flow.optimal_flow()) + sum(problem.sizes[tensor] for tensor in operands)
