"""Small problems for the planners of COSMA: drawn at random, and decided by trying everything."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from controller.plan.cosma_problem import Problem, Step

if TYPE_CHECKING:
    from collections.abc import Iterator


def chain(*steps: tuple[str, str], **sizes: int) -> Problem:
    """A problem from steps as "inputs", "outputs" of one-letter tensors, and their sizes."""
    names = tuple(sizes)
    number = {name: place for place, name in enumerate(names)}
    made = [
        Step(f"step{place}", tuple(number[one] for one in inputs), tuple(number[one] for one in outputs))
        for place, (inputs, outputs) in enumerate(steps)
    ]
    return Problem("chain", names, tuple(sizes.values()), tuple(made))


@st.composite
def problems(draw: st.DrawFn, most: int = 6) -> Problem:
    """Steps that read what the last few made or what comes from DRAM, some with two outputs."""
    sources = draw(st.integers(0, 2))
    sizes = [draw(st.integers(1, 6)) for _ in range(sources)]
    made: list[int] = []
    steps = []
    for place in range(draw(st.integers(1, most))):
        pool = [*range(sources), *made[-4:]]
        inputs = draw(st.lists(st.sampled_from(pool), max_size=3, unique=True)) if pool else []
        outputs = range(len(sizes), len(sizes) + draw(st.sampled_from((1, 1, 1, 2))))
        sizes += [draw(st.integers(1, 6)) for _ in outputs]
        made += outputs
        steps.append(Step(f"step{place}", tuple(inputs), tuple(outputs)))
    return Problem("drawn", tuple(f"t{place}" for place in range(len(sizes))), tuple(sizes), tuple(steps))


def orders(problem: Problem) -> Iterator[tuple[int, ...]]:
    """Every order in which each step runs after those it reads from."""
    for order in permutations(problem.framework_order):
        time = {step: place for place, step in enumerate(order)}
        if all(time[other] < time[step] for step in order for other in problem.predecessors[step]):
            yield order


def least_traffic(problem: Problem, order: tuple[int, ...], capacity: int) -> int:
    """The fewest bytes moved in this order where bytes may lie anywhere: every resident set is tried at every time."""
    uses = problem.uses(order)
    states: dict[tuple[frozenset[int], frozenset[int]], int] = {(frozenset(), frozenset()): 0}
    for time, step in enumerate(order):
        operands = frozenset(problem.steps[step].operands)
        following: dict[tuple[frozenset[int], frozenset[int]], int] = {}
        for (resident, copied), cost in states.items():
            for kept in _subsets(resident | operands, operands):
                if sum(problem.sizes[tensor] for tensor in kept) > capacity:
                    continue
                left = {tensor for tensor in resident - kept if uses[tensor][-1] >= time}
                written = {tensor for tensor in left - copied if problem.producer[tensor] is not None}
                fetched = {tensor for tensor in operands - resident if uses[tensor][0] < time}
                moved = sum(problem.sizes[tensor] for tensor in written) + sum(
                    problem.sizes[tensor] for tensor in fetched
                )
                alive = frozenset(tensor for tensor in kept if uses[tensor][-1] > time)
                state = alive, copied | left
                following[state] = min(following.get(state, cost + moved), cost + moved)
        states = following
    return min(states.values())


def _subsets(everything: frozenset[int], needed: frozenset[int]) -> Iterator[frozenset[int]]:
    free = sorted(everything - needed)
    for bits in range(1 << len(free)):
        yield needed | {tensor for place, tensor in enumerate(free) if bits >> place & 1}
