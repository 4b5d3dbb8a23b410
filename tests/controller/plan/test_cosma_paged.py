"""COSMA on pages: what fits stays by its rules, what does not streams, and the bound is of both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.plan.cosma_paged import paged_problem, plan
from controller.plan.deadline import Deadline
from controller.plan.network import Cut, Network
from controller.plan.pinfuse import EDGE
from controller.plan.validate import replay
from controller.plan.zoo import network
from controller.refusal import ModelError


def cut(name: str) -> Network:
    """A network of the papers, its operators cut into rows: of each map they hold a sixteenth as it streams."""
    graph = network(name)
    return replace(graph, operators=tuple(
        replace(one, cut=Cut(1, 64, {name: graph.tensor[name].bytes // 16 for name in (*one.inputs, *one.outputs)}))
        for one in graph.operators
    ))  # fmt: skip


@pytest.mark.parametrize("capacity", [1 << 18, 1 << 20, 1 << 22])
def test_no_plan_moves_less_than_the_bound_says(capacity: int) -> None:
    graph, machine = cut("resnet50"), replace(EDGE, capacity=capacity)
    found = plan(graph, machine, Deadline(20))
    moved = sum(one.read + one.written for one in replay(graph, found, machine))
    assert found.bound is not None
    assert moved >= found.bound
    if capacity == 1 << 22:
        compulsory = sum(graph.tensor[name].bytes for name in (*graph.inputs, *graph.outputs))
        assert moved == found.bound == compulsory


def test_what_streams_takes_no_room_but_that_of_its_commands() -> None:
    graph = cut("resnet50")
    one = paged_problem(graph, 1 << 18)
    streams = {tensor.name for tensor in graph.tensors} - set(one.tensors)
    assert streams
    sizes = dict(zip(one.tensors, one.sizes, strict=True))
    assert all(sizes[f"order of {name}"] == 0 for name in streams)
    for place, operator in enumerate(graph.operators):
        assert sizes[f"room of operator {place}"] == operator.held(set(graph.tensor) - streams)
        assert one.footprint(place) <= 1 << 18


def test_an_operator_that_has_no_room_to_stream_is_refused() -> None:
    with pytest.raises(ModelError, match=r"resnet50 does not fit: .* needs .* bytes in 4096"):
        plan(cut("resnet50"), replace(EDGE, capacity=4096), Deadline(5))
