"""Softmax and layer normalization: how near the documented integers are to onnxruntime's, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from controller.graph import Normalization
from controller.quantized import evaluate_node
from controller.read import read
from controller.refusal import ModelError
from tests.controller.models import Gap, QdqModel, compare, gaps
from tests.controller.token_operators import constant

if TYPE_CHECKING:
    from pathlib import Path


def softmax(model: QdqModel, channels: int, scale: float) -> None:
    source = model.input([1, 60, channels], float(np.exp(model.rng.uniform(-5, -1))))
    model.output(model.node("Softmax", [source], axis=-1), scale, 0 if model.unsigned else -128)


def normalization(model: QdqModel, channels: int, **attributes: Any) -> None:  # noqa: ANN401 - as ONNX has them
    rng = model.rng
    source = model.input([1, 60, channels], float(np.exp(rng.uniform(-5, -2))))
    scale = [rng.integers(-127, 128, channels).astype(np.int8), np.float32(0.011), np.int8(0)]
    bias = [rng.integers(-9999, 9999, channels).astype(np.int32), np.float32(1e-4), np.int32(0)]
    operands = [model.node("DequantizeLinear", [model.constant(one) for one in some]) for some in (scale, bias)]
    model.output(model.node("LayerNormalization", [source, *operands], **attributes), 6 / 255)


@pytest.mark.parametrize("unsigned", [True, False], ids=["uint8", "int8"])
@pytest.mark.parametrize("kind", ["Softmax", "Normalization"])
def test_differs_by_one_in_few_elements(kind: str, unsigned: bool, tmp_path: Path) -> None:
    """Where a result lies on the border of two; onnxruntime's own floats decide there by their last place."""
    total = Gap()
    for case in range(12):
        model = QdqModel(unsigned, np.random.default_rng([case, unsigned]), opset=17)
        channels = int(model.rng.choice([3, 16, 64, 197, 500]))
        if kind == "Softmax":
            # Of a scale below 1 / 148 channels onnxruntime's own floats overflow.
            softmax(model, channels, 1 / 255 if case % 2 else max(1 / 700, 1 / (140 * channels)))
        else:
            normalization(model, channels)
        total += gaps(model.save(tmp_path / "model.onnx"), model.rng)[kind]
    assert total.elements > 100_000
    assert total.largest <= 1
    assert total.differing <= total.elements / 1000


def test_softmax_multiplies_by_a_whole_number(tmp_path: Path) -> None:
    """One over the result's scale is rounded down by the kernel, whatever it is."""
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    softmax(model, 9, 1 / 99.9)
    assert compare(model.save(tmp_path / "model.onnx"), model.rng).differing == 0


def test_softmax_of_maps_is_over_their_channels(tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1))
    model.output(model.node("Softmax", [model.input([2, 7, 4, 5])], axis=1), 1 / 255, 0)
    assert compare(model.save(tmp_path / "model.onnx"), model.rng).differing == 0


def test_a_channel_without_scale_has_its_bias(tmp_path: Path) -> None:
    """There is no number that its bias could be divided by."""
    model = QdqModel(unsigned=False, rng=np.random.default_rng(1), opset=17)
    source = model.input([1, 30, 4], 0.05, 3)
    scale = model.node("DequantizeLinear", [
        model.constant(one) for one in (np.int8([0, 100, 0, 1]), np.float32(0.01), np.int8(0))
    ])  # fmt: skip
    bias = model.node("DequantizeLinear", [
        model.constant(one) for one in (np.int32([-900, 5, 0, 1300]), np.float32(0.001), np.int32(0))
    ])  # fmt: skip
    model.output(model.node("LayerNormalization", [source, scale, bias]), 0.02, 3)
    path = model.save(tmp_path / "model.onnx")
    assert compare(path, model.rng).differing == 0
    [node] = read(path).nodes
    assert isinstance(node, Normalization)
    made = evaluate_node(node, {node.source.name: np.arange(-60, 60, dtype=np.int8).reshape(1, 4, 1, 30)})
    assert np.unique(made[:, 0]).tolist() == [-42]
    assert np.unique(made[:, 2]).tolist() == [3]


@pytest.mark.parametrize(("kind", "attributes", "reason"), [
    ("Softmax", {"axis": 1}, "must be over channels, which are axis 2, not axis 1"),
    ("Softmax", {"axis": 5}, "must be over channels, which are axis 2, not axis 5"),
    ("LayerNormalization", {"axis": 1}, "must be over channels, which are axis 2, not axis 1"),
    (
        "LayerNormalization", {"epsilon": 1e9},
        "must have fewer than 32768 channels and an epsilon of its map's scale, not 5 and 1e+09",
    ),
])  # fmt: skip
def test_refuses(kind: str, attributes: dict[str, float], reason: str, tmp_path: Path) -> None:
    model = QdqModel(unsigned=True, rng=np.random.default_rng(1), opset=17)
    operands = [model.input([1, 4, 5])]
    if kind != "Softmax":
        operands.append(constant(model, (5,)))
    model.output(model.node(kind, operands, **attributes))
    model.outputs[0].type.tensor_type.shape.dim.add().dim_param = "any"
    with pytest.raises(ModelError) as raised:
        read(model.save(tmp_path / "model.onnx"))
    assert str(raised.value).endswith(f"'{kind}{2 if kind == 'Softmax' else 3}' {reason}")
