"""The digits network: accurate, exact, and of the layers it promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.compiler import compile_graph
from controller.display import Display
from controller.graph import Addition, Convolution, Graph, Pool
from controller.inference import infer
from controller.network.digits import INPUT, load_images, write_digits
from controller.quantized import as_onnx, evaluate, quantize_inputs
from controller.read import read
from controller.reference import Reference
from spec.config import CONFIGS

if TYPE_CHECKING:
    from pathlib import Path

    from controller.inputs import Floats


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("digits") / "digits.onnx")


def test_every_tensor_of_every_test_image_equals_onnxruntime(path: Path) -> None:
    """450 images, ten tensors each, no element differs; and 95 of 100 digits are right."""
    _, images = load_images()
    graph = read(path, len(images.classes))
    inputs = {INPUT: images.pixels}
    maps = evaluate(graph, quantize_inputs(graph, inputs))
    reference = Reference(path, every=True).run(inputs)
    assert sum(name in maps for name in reference) == len(graph.nodes) + 1
    for name in reference.keys() & maps.keys():
        got = maps[name].astype(np.int64).reshape(-1) + 128
        assert np.array_equal(got, reference[name].astype(np.int64).reshape(-1)), name
    scores = as_onnx(graph.outputs[0], maps)
    assert np.mean(scores.argmax(axis=1) == images.classes) >= 0.95


def test_a_hundred_images_on_the_golden_model(path: Path) -> None:
    """No output differs from onnxruntime's, so no class does."""
    _, images = load_images()
    compiled = compile_graph(read(path), CONFIGS["tiny"])
    inputs: list[Floats] = [{INPUT: images.pixels[index : index + 1]} for index in range(100)]
    found = infer(compiled, inputs, Reference(path), golden=True, runner=None, display=Display())
    for one in found:
        assert (one.differences, one.reference.differing, one.reference.elements) == ([], 0, 10)
        assert one.classes is not None
        assert one.classes["golden"] == one.classes["onnxruntime"]


def test_onnxruntime_runs_it_in_integers(path: Path) -> None:
    operators = Reference(path).operators
    assert {"QLinearConv", "QLinearAdd", "QLinearGlobalAveragePool", "QGemm"} <= set(operators)
    assert not {"Conv", "FusedConv", "Gemm", "MatMul", "Add"} & set(operators)


def test_layers(path: Path) -> None:
    """Convolutions, a depthwise-separable block, a residual addition, both pools, a dense layer."""
    graph: Graph = read(path)
    convolutions = [node for node in graph.nodes if isinstance(node, Convolution)]
    assert [node.depthwise for node in convolutions] == [False, False, True, False, False, False]
    assert sum(isinstance(node, Addition) for node in graph.nodes) == 1
    assert [node.kind for node in graph.nodes if isinstance(node, Pool)] == ["max", "average"]
    assert graph.macs == 140_272
