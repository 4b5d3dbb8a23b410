"""A quantized network's layer graph has its shapes, its work and its edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.plan.from_graph import from_graph
from controller.plan.network import Kind
from controller.plan.support import unsupported
from controller.plan.zoo import network
from controller.read import read

DIGITS = Path(__file__).parents[3] / "docs/data/digits.onnx"


def test_the_work_is_the_graph_s() -> None:
    graph = read(DIGITS)
    found = from_graph(graph)
    assert found.macs == graph.macs
    assert [one.name for one in found.operators] == [node.name for node in graph.nodes]
    assert unsupported(found) == []


def test_kinds_windows_and_weights_are_taken_over() -> None:
    by_name = {one.name: one for one in from_graph(read(DIGITS)).operators}
    assert {by_name[name].kind for name in ("first", "depthwise", "block", "mean", "dense")} == {
        Kind.CONVOLUTION, Kind.DEPTHWISE, Kind.ELEMENTWISE, Kind.POOL, Kind.DENSE
    }  # fmt: skip
    first = by_name["first"]
    assert first.window is not None
    assert (first.window.kernel, first.window.stride, first.window.before) == ((3, 3), (1, 1), (1, 1))
    assert first.parameters == first.reuse + 4 * first.reuse // 9


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("resnet50", []),
        ("ssd300", ["normalization"]),
        ("lraspp", ["gate", "resize"]),
        ("s3d", ["maps that are no images"]),
        ("lstm", ["copy", "gate", "lookup", "softmax"]),
    ],
)
def test_what_the_machine_lacks_is_named(name: str, lacks: list[str]) -> None:
    assert unsupported(network(name)) == lacks
