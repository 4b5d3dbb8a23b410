"""A small network for scikit-learn's handwritten digits, trained here and quantized by onnxruntime.

    8x8x1  conv 3x3 -> 8, conv 3x3 -> 16, max pool 2x2            4x4x16
    4x4x16 depthwise 3x3, conv 1x1 -> 16, add the block's input    4x4x16
    4x4x16 conv 3x3 -> 24, global average pool, dense -> 10

A Relu follows every convolution but the 1x1, and the addition.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from controller.network.layers import Adam, Array, Tape, Weights, halve, halve_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

INPUT = "image"
OUTPUT = "classes"
_OPSET = 17
_EPOCHS = 24
_BATCH = 32
_CALIBRATION_IMAGES = 256
#: Output channels, input channels of each group, kernel.
_CONVOLUTIONS = {
    "first": (8, 1, 3),
    "second": (16, 8, 3),
    "depthwise": (16, 1, 3),
    "pointwise": (16, 16, 1),
    "third": (24, 16, 3),
    "dense": (10, 24, 1),
}


@dataclass(frozen=True, eq=False)
class Images:
    """Images as float32 (count, 1, 8, 8), 0 to 1, and their classes, 0 to 9."""

    pixels: Array
    classes: NDArray[np.int64]


def load_images() -> tuple[Images, Images]:
    """The digits that ship with scikit-learn: 1,347 to train with and 450 to test with, always the same."""
    pixels, classes = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(classes))
    scaled = (pixels[order] / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    shuffled = classes[order].astype(np.int64)
    return Images(scaled[:1347], shuffled[:1347]), Images(scaled[1347:], shuffled[1347:])


def train(seed: int = 1) -> Weights:
    """Weights by name, from nothing, in seconds; on one thread, which is faster and always the same."""
    with threadpool_limits(1):
        return _train(seed)


def _train(seed: int) -> Weights:
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, (outputs, inputs, kernel) in _CONVOLUTIONS.items():
        spread = np.sqrt(2 / (inputs * kernel * kernel))
        weights[f"{name}.weights"] = rng.normal(0, spread, (outputs, inputs, kernel, kernel)).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(outputs, np.float32)
    images, _ = load_images()
    adam = Adam(weights, 3e-3)
    for epoch in range(_EPOCHS):
        adam.rate = 3e-3 * 0.5 * (1 + np.cos(np.pi * epoch / _EPOCHS))
        order = rng.permutation(len(images.classes))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            adam.step(gradients(weights, images.pixels[chosen], images.classes[chosen]))
    return weights


def gradients(weights: Weights, pixels: Array, classes: NDArray[np.int64]) -> Weights:
    """Gradients of the mean cross entropy."""
    tape = Tape(weights)
    first = np.maximum(tape.convolve("first", pixels), 0)
    second = np.maximum(tape.convolve("second", first), 0)
    half, where = halve(second)
    depthwise = np.maximum(tape.convolve("depthwise", half), 0)
    block = np.maximum(tape.convolve("pointwise", depthwise) + half, 0)
    third = np.maximum(tape.convolve("third", block), 0)
    mean = third.mean(axis=(2, 3), keepdims=True)
    scores = tape.convolve("dense", mean)[:, :, 0, 0]
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(classes)), classes] -= 1
    slope = tape.convolve_back("dense", mean, (chances / np.float32(len(classes)))[:, :, None, None])
    slope = np.broadcast_to(slope / np.float32(16), third.shape) * (third > 0)
    slope = tape.convolve_back("third", block, slope) * (block > 0)
    inner = tape.convolve_back("pointwise", depthwise, slope) * (depthwise > 0)
    slope = halve_back(slope + tape.convolve_back("depthwise", half, inner), where) * (second > 0)
    slope = tape.convolve_back("second", first, slope) * (first > 0)
    tape.convolve_back("first", pixels, slope)
    return tape.gradients


def float_model(weights: Weights) -> onnx.ModelProto:
    """The trained network in ONNX, not yet quantized; the batch size is left open."""
    nodes = [
        _convolution("first", INPUT, "first_sums"),
        helper.make_node("Relu", ["first_sums"], ["first"], name="first_relu"),
        _convolution("second", "first", "second_sums"),
        helper.make_node("Relu", ["second_sums"], ["second"], name="second_relu"),
        helper.make_node("MaxPool", ["second"], ["half"], name="half", kernel_shape=[2, 2], strides=[2, 2]),
        _convolution("depthwise", "half", "depthwise_sums", groups=16),
        helper.make_node("Relu", ["depthwise_sums"], ["depthwise"], name="depthwise_relu"),
        _convolution("pointwise", "depthwise", "pointwise"),
        helper.make_node("Add", ["pointwise", "half"], ["block_sums"], name="block"),
        helper.make_node("Relu", ["block_sums"], ["block"], name="block_relu"),
        _convolution("third", "block", "third_sums"),
        helper.make_node("Relu", ["third_sums"], ["third"], name="third_relu"),
        helper.make_node("GlobalAveragePool", ["third"], ["mean"], name="mean"),
        helper.make_node("Flatten", ["mean"], ["features"], name="features"),
        helper.make_node("Gemm", ["features", "dense.weights", "dense.bias"], [OUTPUT], name="dense", transB=1),
    ]
    arrays = {name: array[:, :, 0, 0] if name == "dense.weights" else array for name, array in weights.items()}
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    # quantize_static asks for its own preprocessing otherwise; there is nothing to fuse here.
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    return model


def write_digits(path: Path | str) -> Path:
    """Train, quantize and write the network; the same bytes every time on one kind of machine.

    Activations are uint8, weights int8 per channel, of 7 bits so that onnxruntime is exact on every x86
    processor. The file appears whole, by rename.
    """
    path = Path(path)
    images, _ = load_images()
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        plain, quantized = Path(folder) / "float.onnx", Path(folder) / "quantized.onnx"
        onnx.save(float_model(train()), plain)
        quantize_static(
            plain,
            quantized,
            _Calibration(images.pixels[:_CALIBRATION_IMAGES]),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        os.replace(quantized, path)  # noqa: PTH105
    return path


def _convolution(name: str, source: str, result: str, groups: int = 1) -> onnx.NodeProto:
    side = _CONVOLUTIONS[name][2] // 2
    return helper.make_node(
        "Conv", [source, f"{name}.weights", f"{name}.bias"], [result], name=name, group=groups, pads=[side] * 4
    )


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pixels: Array) -> None:
        self._batches: Iterator[Array] = iter(np.split(pixels, 8))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}
