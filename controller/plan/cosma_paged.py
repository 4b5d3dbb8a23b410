"""COSMA on a real machine: pages instead of addresses, room for what streams, and maps that are too large for it.

COSMA's operators have all their maps resident, which large maps do not allow in a small scratchpad. Ours:
a map that does not fit beside the others of some operator is left out of the problem. It streams wherever it is used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.plan.cosma import Cosma
from controller.plan.cosma_problem import Problem, Step
from controller.plan.cosma_steps import steps

if TYPE_CHECKING:
    from controller.plan.deadline import Deadline
    from controller.plan.machine import Machine
    from controller.plan.network import Network, Operator
    from controller.plan.solution import Plan


def plan(network: Network, machine: Machine, deadline: Deadline) -> Plan:
    """The best plan for the maps that fit, by the deadline.

    Raises
    ------
    ModelError
        If an operator has no room for what streams.
    """
    one = paged_problem(network, machine.capacity)
    found = Cosma(one, machine.capacity, deadline=deadline, paged=True).solve()
    made = steps(network, one, found.residency, machine.capacity)
    streams = set(network.tensor) - set(one.tensors)
    # What streams is written once and read by each operator that reads it; what stays is compulsory or counted.
    moved = sum(network.tensor[name].bytes for name in (*network.inputs, *network.outputs) if name not in streams)
    for name in streams:
        moved += network.tensor[name].bytes * (len(network.consumers[name]) + (name not in network.inputs))
    return replace(made, bound=moved + found.bound)


def paged_problem(network: Network, capacity: int) -> Problem:
    """The network's maps, and for each operator the room that it takes beside those that are resident.

    Of a map that streams nothing is left but the order of who makes it and who reads it: a tensor of no bytes.
    """
    streams: set[str] = set()
    for operator in network.operators:
        streams |= _too_large(network, operator, capacity, streams)
    number = {tensor.name: place for place, tensor in enumerate(network.tensors)}
    some = [
        Step(one.name, tuple(map(number.__getitem__, one.inputs)),
             (*map(number.__getitem__, one.outputs), len(number) + place))
        for place, one in enumerate(network.operators)
    ]  # fmt: skip
    rooms = [operator.held(network.tensor.keys() - streams) for operator in network.operators]
    return Problem(
        network.name,
        (
            *(f"order of {tensor.name}" if tensor.name in streams else tensor.name for tensor in network.tensors),
            *(f"room of operator {place}" for place in range(len(rooms))),
        ),
        (*(0 if tensor.name in streams else tensor.bytes for tensor in network.tensors), *rooms),
        tuple(some),
    )


def _too_large(network: Network, operator: Operator, capacity: int, streams: set[str]) -> set[str]:
    """The largest maps of an operator, without which the others fit beside each other."""
    names = {*operator.inputs, *operator.outputs} - streams
    found: set[str] = set()
    while names and sum(network.tensor[name].bytes for name in names) + operator.held(names) > capacity:
        largest = max(names, key=lambda name: (network.tensor[name].bytes, name))
        names.remove(largest)
        found.add(largest)
    return found
