"""What COSMA decides over: operators run whole, one a step, and tensors with sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.plan.network import Network


@dataclass(frozen=True)
class Step:
    """An operator: which tensors it reads and makes, by number, each once."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def operands(self) -> tuple[int, ...]:
        """All tensors that must be resident while it runs."""
        return self.inputs + self.outputs


@dataclass(frozen=True)
class Problem:
    """Operators in the framework's order, and tensors.

    A tensor that no operator makes (an input of the network, weights) lies in DRAM from the beginning: its first
    fetch is compulsory and it is never spilled.

    Parameters
    ----------
    name
        Of the network.
    tensors
        Names.
    sizes
        Bytes.
    steps
        Each after those it reads from.
    """

    name: str
    tensors: tuple[str, ...]
    sizes: tuple[int, ...]
    steps: tuple[Step, ...]

    @cached_property
    def producer(self) -> tuple[int | None, ...]:
        """The step that makes a tensor, if any does."""
        found: list[int | None] = [None] * len(self.sizes)
        for place, step in enumerate(self.steps):
            for tensor in step.outputs:
                found[tensor] = place
        return tuple(found)

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """The steps that read a tensor, ascending."""
        found: list[list[int]] = [[] for _ in self.sizes]
        for place, step in enumerate(self.steps):
            for tensor in step.inputs:
                found[tensor].append(place)
        return tuple(map(tuple, found))

    @cached_property
    def predecessors(self) -> tuple[frozenset[int], ...]:
        """For each step the steps whose tensors it reads."""
        made = self.producer
        return tuple(
            frozenset(place for tensor in step.inputs if (place := made[tensor]) is not None) for step in self.steps
        )

    @cached_property
    def framework_order(self) -> tuple[int, ...]:
        """The steps as they stand."""
        return tuple(range(len(self.steps)))

    def footprint(self, step: int) -> int:
        """Bytes of a step's operands."""
        return sum(self.sizes[tensor] for tensor in self.steps[step].operands)

    @cached_property
    def largest_footprint(self) -> int:
        """M_R: no scratchpad below it can run every step."""
        return max(self.footprint(step) for step in self.framework_order)

    def uses(self, order: Sequence[int]) -> list[list[int]]:
        """For each tensor the times, in this order, at which it is made or read, ascending."""
        found: list[list[int]] = [[] for _ in self.sizes]
        for time, step in enumerate(order):
            for tensor in self.steps[step].operands:
                found[tensor].append(time)
        return found

    def live_bytes(self, order: Sequence[int]) -> list[int]:
        """Bytes resident at each time, when every tensor stays from its first use to its last."""
        change = [0] * (len(order) + 1)
        for size, times in zip(self.sizes, self.uses(order), strict=True):
            if times:
                change[times[0]] += size
                change[times[-1] + 1] -= size
        total, found = 0, []
        for step in change[:-1]:
            total += step
            found.append(total)
        return found


def problem(network: Network, *, parameters: bool) -> Problem:
    """The problem of a network; with parameters, the weights of an operator are one more tensor that it reads."""
    tensors = [tensor.name for tensor in network.tensors]
    sizes = [tensor.bytes for tensor in network.tensors]
    number = {name: place for place, name in enumerate(tensors)}
    steps = []
    for operator in network.operators:
        inputs = [number[name] for name in operator.inputs]
        if parameters and operator.parameters:
            inputs.append(len(tensors))
            tensors.append(f"{operator.name}.weights")
            sizes.append(network.weight_bytes(operator))
        steps.append(Step(operator.name, tuple(inputs), tuple(number[name] for name in operator.outputs)))
    return Problem(network.name, tuple(tensors), tuple(sizes), tuple(steps))
