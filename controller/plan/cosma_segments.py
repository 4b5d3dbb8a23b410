"""A problem cut where the outputs of one step alone connect past and future: each part can be decided by itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from controller.plan.cosma_plan import Residence, Residency
from controller.plan.cosma_problem import Problem, Step
from controller.plan.cosma_windows import free

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Segment:
    """A part: a problem of its own, when it begins, and which steps and tensors of the whole its numbers stand for.

    Its last step is the first of the next segment, where it only makes what connects them.
    """

    problem: Problem
    begin: int
    steps: tuple[int, ...]
    tensors: tuple[int, ...]


def segments(problem: Problem) -> list[Segment]:
    """The parts, in the order of time; one if it cannot be cut.

    A cut is a step that every order runs at the same time and whose outputs are all that is used on both sides of it.
    """
    windows = free(problem)
    reach = [0] * (len(problem.steps) + 1)
    for tensor, made in enumerate(problem.producer):
        users = [*problem.consumers[tensor], *([] if made is None else [made])]
        if len(users) > 1:
            first = min(windows.first[step] for step in users)
            last = max(windows.last[step] for step in users)
            reach[first] = max(reach[first], last)
    cuts, open_until = [], -1
    at = {windows.first[step]: step for step in problem.framework_order if windows.first[step] == windows.last[step]}
    for time in range(len(problem.steps)):
        # What begins earlier ends by now, so only the outputs of this step go on.
        step = at.get(time)
        if step is not None and open_until <= time and 0 < time < len(problem.steps) - 1:
            fetched = [tensor for tensor in problem.steps[step].inputs if problem.producer[tensor] is None]
            if all(problem.consumers[tensor] == (step,) for tensor in fetched):
                cuts.append(time)
        open_until = max(open_until, reach[time])
    edges = [0, *cuts, len(problem.steps) - 1]
    return [
        _segment(problem, [step for step in problem.framework_order if begin <= windows.first[step] <= end], begin)
        for begin, end in pairwise(edges)
    ]


def _segment(problem: Problem, steps: Sequence[int], begin: int) -> Segment:
    number: dict[int, int] = {}
    inner = []
    for place, step in enumerate(steps):
        one = problem.steps[step]
        # The step at which it begins has its inputs in the segment before.
        inputs = one.inputs if place or not begin else ()
        for tensor in inputs + one.outputs:
            number.setdefault(tensor, len(number))
        inner.append(
            Step(one.name, tuple(number[tensor] for tensor in inputs), tuple(number[tensor] for tensor in one.outputs))
        )
    tensors = tuple(number)
    part = Problem(
        problem.name, tuple(problem.tensors[tensor] for tensor in tensors),
        tuple(problem.sizes[tensor] for tensor in tensors), tuple(inner),
    )  # fmt: skip
    return Segment(part, begin, tuple(steps), tensors)


def joined(problem: Problem, parts: Sequence[tuple[Segment, Residency]]) -> Residency:
    """The plan of the whole from those of its segments, in the order of time."""
    order: list[int] = []
    stays: dict[tuple[int, int], Residence] = {}
    for segment, residency in parts:
        del order[segment.begin :]
        order += [segment.steps[step] for step in residency.order]
        for one in residency.residences:
            first = one.first + segment.begin
            tensor = segment.tensors[one.tensor]
            stays[tensor, first] = Residence(tensor, first, one.last + segment.begin, None)
    if len(order) != len(problem.steps):
        raise AssertionError("segments must cover all steps")
    return Residency(tuple(order), tuple(stays.values()))
