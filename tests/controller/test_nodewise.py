"""A network with softmax is checked node by node: what is near may differ by a step, all else by nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.graph import Convolution, Graph, Normalization, Product, Softmax
from controller.inputs import random_inputs
from controller.network.drawn import write_language
from controller.nodewise import first_node_difference, node_gaps
from controller.read import read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layer") / "model.onnx"
    return write_language("bert", path, tokens=64, width=64, heads=4, inner=128)


def test_every_node_is_compared(layer: Path) -> None:
    graph = read(layer)
    found = {node.name for node, _ in node_gaps(graph, layer, random_inputs(graph, 1))}
    for kind in (Convolution, Product, Softmax, Normalization):
        assert all(node.name in found for node in graph.nodes if isinstance(node, kind)), kind


def test_what_is_near_passes(layer: Path) -> None:
    graph = read(layer)
    inputs = random_inputs(graph, 1)
    assert any(np.any(apart) for _, apart in node_gaps(graph, layer, inputs))
    assert first_node_difference(graph, layer, inputs) is None


@pytest.mark.parametrize("kind", [Convolution, Product, Softmax, Normalization])
def test_a_wrong_node_does_not(kind: type[Convolution | Product | Softmax | Normalization], layer: Path) -> None:
    graph = read(layer)
    place = next(at for at, node in enumerate(graph.nodes) if isinstance(node, kind))
    wrong = graph.nodes[place]
    assert isinstance(wrong, kind)
    form = replace(wrong.requantize, scale=wrong.requantize.scale * np.float32(1.2))
    nodes = (*graph.nodes[:place], replace(wrong, requantize=form), *graph.nodes[place + 1 :])
    found = first_node_difference(
        Graph(graph.name, nodes, graph.inputs, graph.outputs), layer, random_inputs(graph, 1)
    )
    assert found is not None
    assert repr(wrong.name) in str(found)
