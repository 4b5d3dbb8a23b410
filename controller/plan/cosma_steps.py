"""COSMA's stays as a plan of steps, for the validator that all methods share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.plan.cosma import Cosma
from controller.plan.cosma_problem import problem
from controller.plan.solution import Plan, Step

if TYPE_CHECKING:
    from controller.plan.cosma_plan import Residence, Residency
    from controller.plan.cosma_problem import Problem
    from controller.plan.deadline import Deadline
    from controller.plan.machine import Machine
    from controller.plan.network import Network


def plan(network: Network, machine: Machine, deadline: Deadline) -> Plan:
    """The best plan for a network's maps by the deadline; weights stream past the scratchpad.

    Raises
    ------
    ModelError
        If an operator's maps do not fit.
    """
    found = Cosma(problem(network, parameters=False), machine.capacity, deadline=deadline).solve()
    compulsory = sum(network.tensor[name].bytes for name in (*network.inputs, *network.outputs))
    made = steps(network, problem(network, parameters=False), found.residency, machine.capacity)
    return replace(made, bound=compulsory + found.bound)


def steps(network: Network, one: Problem, residency: Residency, capacity: int) -> Plan:
    """What each time of a residency of a problem holds, fetches and stores.

    A map that is to come back is stored when its first stay ends; an input of the network is there already, and a
    result is stored when it is made. So is a map of the network that is no tensor of the problem; what is no map of
    the network is room that an operator takes while it runs.
    """
    there: list[list[Residence]] = [[] for _ in residency.order]
    fetched: list[set[str]] = [set() for _ in residency.order]
    stored: list[set[str]] = [set() for _ in residency.order]
    for time, step in enumerate(residency.order):
        stored[time] |= set(network.operators[step].outputs) - set(one.tensors)
    for tensor, stays in enumerate(residency.stays(one)):
        name = one.tensors[tensor]
        if name not in network.tensor:
            continue
        for number, stay in enumerate(stays):
            for time in range(stay.first, stay.last + 1):
                there[time].append(stay)
            if number or name in network.inputs:
                fetched[stay.first].add(name)
        if name in network.outputs:
            stored[stays[0].first].add(name)
        elif len(stays) > 1 and name not in network.inputs:
            stored[stays[0].last].add(name)
    made = [
        Step(
            (step,),
            resident=frozenset(one.tensors[stay.tensor] for stay in there[time]),
            fetched=frozenset(fetched[time]),
            stored=frozenset(stored[time]),
            addresses=tuple(
                (one.tensors[stay.tensor], stay.address) for stay in there[time] if stay.address is not None
            ),
        )
        for time, step in enumerate(residency.order)
    ]
    return Plan(network.name, "cosma", capacity, tuple(made))
