"""A host hears of operators in their order, and of a tensor's end when it is over, not before."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.eager.framework import Called, Fetched, Freed, Given, events
from controller.graph import Constant, sources
from controller.read import read
from tests.controller.models import QdqModel
from tests.controller.networks import NETWORKS

if TYPE_CHECKING:
    from controller.graph import Graph

BUILDS = {build.__name__: build for build in NETWORKS}


@cache
def graph(name: str) -> Graph:
    model = QdqModel(True, np.random.default_rng(3))
    BUILDS[name](model)
    with TemporaryDirectory() as folder:
        return read(model.save(Path(folder) / "model.onnx"))


@pytest.mark.parametrize("name", BUILDS)
def test_tensors_are_freed_when_their_last_reader_has_been_called(name: str) -> None:
    """Each once, none that the caller holds, and none is read afterwards; at the end nothing else is left."""
    of = graph(name)
    living: set[str] = set()
    for event in events(of, told=True):
        match event:
            case Given(tensor):
                living.add(tensor.name)
            case Called(node):
                assert {one.name for one in sources(node)} <= living
                living.add(node.result.name)
                called = {one.name for one in (*sources(node), node.result)}
            case Freed(tensor):
                assert tensor.name in called, "it must be the last operator's"
                living.remove(tensor.name)
            case Fetched(tensor):
                assert tensor.name in living
    held = {port.tensor.name for port in (*of.inputs, *of.outputs)}
    held |= {node.result.name for node in of.nodes if isinstance(node, Constant)}
    assert living == held


@pytest.mark.parametrize("name", BUILDS)
def test_without_being_told_a_host_hears_the_same_but_that(name: str) -> None:
    told = [event for event in events(graph(name), told=True) if not isinstance(event, Freed)]
    untold = list(events(graph(name), told=False))
    assert [type(event) for event in told] == [type(event) for event in untold]
    assert [event.node for event in untold if isinstance(event, Called)] == [
        node for node in graph(name).nodes if not isinstance(node, Constant)
    ]
