"""COSMA's plans hold before the validator that all methods share, and move what COSMA says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.plan import cosma_steps
from controller.plan.builder import SEPARATE
from controller.plan.cosma import Cosma
from controller.plan.cosma_problem import problem
from controller.plan.deadline import Deadline
from controller.plan.methods import METHODS
from controller.plan.validate import replay
from controller.plan.zoo import network


@pytest.mark.parametrize(("name", "share"), [("resnet50", 1.0), ("vit", 1.0), ("vit", 1.1), ("transformer", 1.3)])
def test_the_shared_validator_counts_the_same_bytes(name: str, share: float) -> None:
    graph = network(name, granularity=SEPARATE)
    one = problem(graph, parameters=False)
    capacity = int(one.largest_footprint * share)
    found = Cosma(one, capacity, deadline=Deadline(10), workers=1).solve()
    machine = replace(METHODS["cosma"].machine, capacity=capacity)
    work = replay(graph, cosma_steps.steps(graph, one, found.residency, capacity), machine)
    compulsory = sum(graph.tensor[tensor].bytes for tensor in (*graph.inputs, *graph.outputs))
    assert sum(step.read + step.written for step in work) == found.bytes + compulsory


def test_a_result_that_is_also_read_is_stored_once() -> None:
    graph = network("vit", granularity=SEPARATE)
    inner = graph.operators[20].outputs[0]
    graph = replace(graph, outputs=(*graph.outputs, inner))
    machine = METHODS["cosma"].machine
    plan = cosma_steps.plan(graph, replace(machine, capacity=4 << 20), Deadline(20))
    assert sum(inner in step.stored for step in plan.steps) == 1
    replay(graph, plan, replace(machine, capacity=4 << 20))
