"""Each supported operator alone in a random model; each function returns onnxruntime's kernels for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.controller.models import QdqModel

Side = tuple[int, int]


def _sizes(rng: np.random.Generator, low: int, high: int) -> Side:
    return int(rng.integers(low, high)), int(rng.integers(low, high))


def convolution(model: QdqModel, groups: int = 1, multiplier: int = 1) -> set[str]:
    rng = model.rng
    per_group = int(rng.choice([1, 2, 3, 5, 7])) if groups == 1 else multiplier
    outputs = groups * int(rng.choice([1, 3] if groups > 1 else [1, 3, 5, 11]))
    kernel, dilations = _sizes(rng, 1, 5), _sizes(rng, 1, 3)
    source = model.input([2, groups * per_group, *(int(side) for side in rng.integers(9, 14, 2))])
    dense = model.dense((outputs, per_group, *kernel), 0, source, per_channel=bool(rng.integers(2)))
    if rng.integers(3):
        padding = {"pads": [int(side) for side in rng.integers(0, 3, 4)]}
    else:
        padding, dilations = {"auto_pad": str(rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))}, (1, 1)
    real = model.node(
        "Conv", [source, *dense][: 2 + int(rng.integers(2))], group=groups, dilations=dilations,
        strides=_sizes(rng, 1, 3), **padding,
    )  # fmt: skip
    model.output(real)
    return {"QLinearConv"}


def depthwise(model: QdqModel) -> set[str]:
    return convolution(model, groups=int(model.rng.choice([2, 3, 7, 13])))


def grouped(model: QdqModel) -> set[str]:
    return convolution(model, groups=int(model.rng.choice([2, 3])), multiplier=3)


def convolution_with_relu(model: QdqModel) -> set[str]:
    source = model.input([2, 3, 8, 8])
    real = model.node("Conv", [source, *model.dense((5, 3, 3, 3), 0, source, per_channel=True)])
    model.output(model.node("Relu", [real]), zero=0 if model.unsigned else -128)
    return {"QLinearConv"}


def gemm(model: QdqModel) -> set[str]:
    rng = model.rng
    inputs, outputs, transposed = int(rng.integers(1, 300)), int(rng.integers(1, 20)), int(rng.integers(2))
    source = model.input([2, inputs])
    shape = (outputs, inputs) if transposed else (inputs, outputs)
    dense = model.dense(shape, 1 - transposed, source, per_channel=bool(rng.integers(2)))
    model.output(model.node("Gemm", [source, *dense], transB=transposed))
    return {"QGemm"}


def matmul(model: QdqModel) -> set[str]:
    inputs, outputs = int(model.rng.integers(1, 1500)), int(model.rng.integers(1, 20))
    source = model.input([2, inputs])
    weights, _ = model.dense((inputs, outputs), 1, source, per_channel=bool(model.rng.integers(2)))
    model.output(model.node("MatMul", [source, weights]), scale=0.5)
    return {"QLinearMatMul"}


def flattened_gemm(model: QdqModel) -> set[str]:
    source = model.input([2, 5, 3, 4])
    scale, zero = model.scales[source]
    kinds = [("Flatten", [source]), ("Reshape", [source, model.constant(np.array([0, -1]))])]
    kind, inputs = kinds[int(model.rng.integers(2))]
    flat = model.quantized(model.node(kind, inputs), float(scale), zero)
    dense = model.dense((7, 60), 0, flat, per_channel=True)
    model.output(model.node("Gemm", [flat, *dense], transB=1))
    return {"QGemm", kind}


def addition(model: QdqModel) -> set[str]:
    shape = [2, 7, 9, 11]
    first = model.input(shape)
    scale = float(model.scales[first][0])
    second = model.input(shape, scale=scale * float(model.rng.choice([0.25, 0.5, 1, 1.37])))
    model.output(model.node("Add", [first, second]), scale=scale * float(model.rng.choice([1, 2, 1.7])))
    return {"QLinearAdd"}


def max_pool(model: QdqModel) -> set[str]:
    rng = model.rng
    source = model.input([2, 5, 11, 12])
    kernel = _sizes(rng, 2, 4)
    pads = [int(rng.integers(0, side)) for side in (*kernel, *kernel)]
    real = model.node(
        "MaxPool", [source], kernel_shape=kernel, strides=_sizes(rng, 1, 4), pads=pads,
        dilations=_sizes(rng, 1, 3), ceil_mode=int(rng.integers(2)),
    )  # fmt: skip
    scale, zero = model.scales[source]
    model.output(real, float(scale), zero)
    return {"MaxPool"}


def average_pool(model: QdqModel, kernel: Side | None = None, *, own_scale: bool = True) -> set[str]:
    rng = model.rng
    source = model.input([2, 5, 11, 12])
    kernel = kernel or _sizes(rng, 1, 4)
    pads = [int(rng.integers(0, side)) for side in (*kernel, *kernel)]
    real = model.node(
        "AveragePool", [source], kernel_shape=kernel, strides=_sizes(rng, 1, 4), pads=pads,
        count_include_pad=int(rng.integers(2)), ceil_mode=int(rng.integers(2)),
    )  # fmt: skip
    scale, zero = model.scales[source]
    if own_scale:
        scale, zero = scale * np.float32(rng.uniform(0.6, 1.3)), model.zero_point()
    model.output(real, float(scale), zero)
    return {"QLinearAveragePool"}


def average_pool_of_one_scale(model: QdqModel) -> set[str]:
    return average_pool(model, own_scale=False)


def average_pool_by_four(model: QdqModel) -> set[str]:
    return average_pool(model, (2, 2), own_scale=False)


def average_pool_of_large_windows(model: QdqModel) -> set[str]:
    return average_pool(model, (6, 7), own_scale=False)


def average_pool_by_half(model: QdqModel) -> set[str]:
    """Every second result lies on a border."""
    source = model.input([2, 5, 9, 8])
    scale, zero = model.scales[source]
    real = model.node("AveragePool", [source], kernel_shape=[3, 2], strides=[2, 1])
    model.output(real, float(scale) / 2, zero)
    return {"QLinearAveragePool"}


def average_pool_of_all(model: QdqModel) -> set[str]:
    source = model.input([2, 5, 6, 4])
    model.output(model.node("AveragePool", [source], kernel_shape=[6, 4]), *model.scales[source])
    return {"QLinearAveragePool"}


def global_average_pool(model: QdqModel) -> set[str]:
    source = model.input([2, 19, *(int(side) for side in model.rng.integers(1, 9, 2))])
    model.output(model.node("GlobalAveragePool", [source]), scale=float(model.rng.uniform(0.002, 0.03)))
    return {"QLinearGlobalAveragePool"}


def concatenation(model: QdqModel) -> set[str]:
    operands = [model.input([2, channels, 5, 7]) for channels in (17, 5)]
    scale, zero = model.scales[operands[0]]
    chosen = [(float(scale), zero), (float(scale) * 1.3, zero), (None, None)][int(model.rng.integers(3))]
    model.output(model.node("Concat", operands, axis=1), *chosen)
    return {"QLinearConcat"}


def concatenation_by_a_table(model: QdqModel) -> set[str]:
    """No bias and scale take 0.065 to 0.05, for these zero points and most others."""
    operands = [model.input([2, channels, 5, 7], scale=0.065, zero=10) for channels in (5, 9)]
    model.output(model.node("Concat", operands, axis=1), 0.05, 10)
    return {"QLinearConcat"}


def max_pool_by_a_table(model: QdqModel) -> set[str]:
    source = model.input([2, 5, 9, 7], scale=0.065, zero=10)
    model.output(model.node("MaxPool", [source], kernel_shape=(3, 2), pads=(1, 0, 2, 1)), 0.05, 10)
    return set()


def relu(model: QdqModel) -> set[str]:
    source = model.input([2, 5, 7, 9])
    model.output(model.node("Relu", [source]), float(model.rng.uniform(0.003, 0.06)))
    return set()


def clip(model: QdqModel) -> set[str]:
    source = model.input([2, 5, 7, 9])
    bounds = [model.constant(np.float32(-0.4)), model.constant(np.float32(model.rng.uniform(0.1, 2.0)))]
    model.output(model.node("Clip", [source, *bounds]), float(model.rng.uniform(0.003, 0.06)))
    return set()


def _activation(model: QdqModel, kind: str, **attributes: float) -> set[str]:
    rng = model.rng
    source = model.input([2, 5, 7, 9], scale=float(rng.choice([rng.uniform(0.005, 0.1), 2.0**-6])))
    real = model.node(kind, [source], **attributes)
    model.output(real, float(rng.choice([rng.uniform(0.003, 0.06), 2.0**-8])))
    return set()


def leaky_relu(model: QdqModel) -> set[str]:
    return _activation(model, "LeakyRelu", alpha=float(model.rng.uniform(0.01, 0.4))) | {"QLinearLeakyRelu"}


def hard_sigmoid(model: QdqModel) -> set[str]:
    return _activation(model, "HardSigmoid", alpha=float(model.rng.choice([0.2, 1 / 6])), beta=0.4)


def hard_swish(model: QdqModel) -> set[str]:
    return _activation(model, "HardSwish")


def sigmoid(model: QdqModel) -> set[str]:
    return _activation(model, "Sigmoid") | {"QLinearSigmoid"}


def tanh(model: QdqModel) -> set[str]:
    return _activation(model, "Tanh")


def identity_and_dropout(model: QdqModel) -> set[str]:
    source = model.input([2, 5, 7, 9])
    form = model.scales[source]
    source = model.node("Dropout", [model.node("Identity", [source])])
    model.scales[source] = form
    dense = model.dense((3, 5, 2, 2), 0, source, per_channel=True)
    model.output(model.node("Identity", [model.node("Conv", [source, *dense])]))
    return {"QLinearConv"}


OPERATORS = (
    convolution, depthwise, grouped, convolution_with_relu, gemm, matmul, flattened_gemm, addition, max_pool,
    average_pool, average_pool_of_one_scale, average_pool_by_four, average_pool_of_large_windows, average_pool_by_half,
    average_pool_of_all, global_average_pool, concatenation, concatenation_by_a_table, max_pool_by_a_table, relu,
    clip, leaky_relu, hard_sigmoid, hard_swish, sigmoid, tanh, identity_and_dropout,
)  # fmt: skip
