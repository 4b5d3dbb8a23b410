"""Operators on tokens, each alone in a random model; each function returns onnxruntime's kernels for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.controller.models import QdqModel


def _sizes(rng: np.random.Generator, count: int) -> list[int]:
    return [int(side) for side in rng.integers(1, 20, count)]


def constant(model: QdqModel, shape: tuple[int, ...], scale: float | None = None) -> str:
    """A constant of the activations' type."""
    low = 0 if model.unsigned else -128
    values = model.rng.integers(low, low + 256, shape).astype(model.kind)
    step = np.float32(model.rng.uniform(0.005, 0.05) if scale is None else scale)
    zero = model.kind(model.zero_point())
    return model.node("DequantizeLinear", [model.constant(one) for one in (values, step, zero)])


def dense_of_tokens(model: QdqModel) -> set[str]:
    tokens, inputs, outputs = _sizes(model.rng, 3)
    source = model.input([2, tokens, inputs])
    weights, _ = model.dense((inputs, outputs), 1, source, per_channel=bool(model.rng.integers(2)))
    model.output(model.node("MatMul", [source, weights]))
    return {"QLinearMatMul"}


def dense_with_biases(model: QdqModel) -> set[str]:
    """As exporters write a linear layer: a product, and an addition of constants."""
    tokens, inputs, outputs = _sizes(model.rng, 3)
    source = model.input([2, tokens, inputs])
    weights, _ = model.dense((inputs, outputs), 1, source, per_channel=True)
    sums = model.quantized(model.node("MatMul", [source, weights]), 0.2, model.zero_point())
    operands = [constant(model, (outputs,)), sums]
    model.output(model.node("Add", operands[:: int(model.rng.choice([1, -1]))]))
    return {"QLinearMatMul", "QLinearAdd"}


def gemm_of_a_matrix(model: QdqModel) -> set[str]:
    """As onnxruntime's preprocessing writes it: tokens of one image as a matrix."""
    tokens, inputs, outputs = _sizes(model.rng, 3)
    source = model.input([1, tokens, inputs])
    matrix = model.moved("Reshape", source, [tokens, inputs])
    dense = model.dense((outputs, inputs), 0, matrix, per_channel=True)
    sums = model.quantized(model.node("Gemm", [matrix, *dense], transB=1), 0.2, model.zero_point())
    model.output(model.moved("Reshape", sums, [1, tokens, outputs]), *model.scales[sums])
    return {"QGemm"}


def product(model: QdqModel) -> set[str]:
    tokens, inner, outputs = _sizes(model.rng, 3)
    first, second = model.input([1, tokens, inner]), model.input([1, inner, outputs])
    model.output(model.node("MatMul", [first, second]), scale=0.1)
    return {"QLinearMatMul"}


def product_of_matrices(model: QdqModel) -> set[str]:
    tokens, inner, outputs = _sizes(model.rng, 3)
    first, second = (
        model.moved("Squeeze", model.input([1, *sides]), [0]) for sides in ((tokens, inner), (inner, outputs))
    )
    model.output(model.node("MatMul", [first, second]), scale=0.1)
    return {"QLinearMatMul"}


def product_of_heads(model: QdqModel) -> set[str]:
    """Queries by keys: channels of two maps, of which the second lies the other way round."""
    tokens, others, heads, width = _sizes(model.rng, 4)
    ends = []
    for sides, order in ((tokens, (0, 2, 1, 3)), (others, (0, 2, 3, 1))):
        apart = model.moved("Reshape", model.input([1, sides, heads * width]), [0, 0, heads, width])
        ends.append(model.moved("Transpose", apart, perm=order))
    scores = model.quantized(model.node("MatMul", ends), 0.1, model.zero_point())
    turned = model.moved("Transpose", scores, perm=(0, 2, 1, 3))
    model.output(model.moved("Reshape", turned, [1, tokens, heads * others]), *model.scales[turned])
    return {"QLinearMatMul"}


def heads_of_a_number(model: QdqModel) -> set[str]:
    """Scores are scaled, and joined so that heads take turns."""
    tokens, heads, width = _sizes(model.rng, 3)
    apart = model.moved("Reshape", model.input([1, tokens, heads * width]), [0, 0, heads, width])
    taken = model.moved("Transpose", apart, perm=(0, 2, 1, 3))
    scaled = model.quantized(model.node("Mul", [taken, constant(model, ())]), 0.01, model.zero_point())
    turned = model.moved("Transpose", scaled, perm=(0, 2, 3, 1))
    model.output(model.moved("Reshape", turned, [1, tokens, width * heads]), *model.scales[turned])
    return {"QLinearMul"}


def turned_heads_of_a_number(model: QdqModel) -> set[str]:
    """As PyTorch's exporter scales keys: after they are turned."""
    tokens, heads, width = _sizes(model.rng, 3)
    apart = model.moved("Reshape", model.input([1, tokens, heads * width]), [0, 0, heads, width])
    taken = model.moved("Transpose", apart, perm=(0, 2, 3, 1))
    scaled = model.quantized(model.node("Mul", [taken, constant(model, ())]), 0.01, model.zero_point())
    turned = model.moved("Transpose", scaled, perm=(0, 3, 1, 2))
    model.output(model.moved("Reshape", turned, [1, tokens, heads * width]), *model.scales[turned])
    return {"QLinearMul"}


def multiplication(model: QdqModel) -> set[str]:
    first, second = (model.input([1, 40, 50]) for _ in range(2))
    scale = float(model.scales[first][0] * model.scales[second][0]) * 127
    model.output(model.node("Mul", [first, second]), scale=scale * float(model.rng.uniform(0.3, 1)))
    return {"QLinearMul"}


def multiplication_of_maps(model: QdqModel) -> set[str]:
    first, second = (model.input([2, 9, 8, 7]) for _ in range(2))
    model.output(model.node("Mul", [first, second]), scale=0.05)
    return {"QLinearMul"}


def multiplication_by_factors(model: QdqModel) -> set[str]:
    source = model.input([1, 128, 30])
    operands = [source, constant(model, (30,))]
    model.output(model.node("Mul", operands), scale=float(model.scales[source][0]) * 2)
    return {"QLinearMul"}


def addition_of_a_number(model: QdqModel) -> set[str]:
    operands = [model.input([1, 50, 50]), constant(model, ())]
    model.output(model.node("Add", operands[:: int(model.rng.choice([1, -1]))]))
    return {"QLinearAdd"}


def addition_of_positions(model: QdqModel) -> set[str]:
    tokens, channels = _sizes(model.rng, 2)
    operands = [model.input([1, tokens, channels]), constant(model, (1, tokens, channels))]
    model.output(model.node("Add", operands[:: int(model.rng.choice([1, -1]))]))
    return {"QLinearAdd"}


def addition_of_heads(model: QdqModel) -> set[str]:
    tokens, heads, width = _sizes(model.rng, 3)
    both = []
    for _ in range(2):
        apart = model.moved("Reshape", model.input([1, tokens, heads * width]), [0, 0, heads, width])
        both.append(model.moved("Transpose", apart, perm=(0, 2, 1, 3)))
    added = model.quantized(model.node("Add", both), 0.05, model.zero_point())
    turned = model.moved("Transpose", added, perm=(0, 2, 1, 3))
    model.output(model.moved("Reshape", turned, [1, tokens, heads * width]), *model.scales[turned])
    return {"QLinearAdd"}


def class_token(model: QdqModel) -> set[str]:
    """A constant before patches, which are rows and columns of a map."""
    channels = int(model.rng.integers(1, 20))
    source = model.input([1, channels, 3, 4])
    row = model.moved("Reshape", source, [1, channels, 12])
    patches = model.moved("Transpose", row, perm=(0, 2, 1))
    model.output(model.node("Concat", [constant(model, (1, 1, channels)), patches], axis=1))
    return {"QLinearConcat"}


def tokens_joined(model: QdqModel) -> set[str]:
    tokens, others, channels = _sizes(model.rng, 3)
    operands = [model.input([1, count, channels]) for count in (tokens, others)]
    model.output(model.node("Concat", operands, axis=1), *model.scales[operands[0]])
    return {"QLinearConcat"}


def channels_joined(model: QdqModel) -> set[str]:
    tokens, channels, others = _sizes(model.rng, 3)
    operands = [model.input([2, tokens, count]) for count in (channels, others)]
    model.output(model.node("Concat", operands, axis=-1))
    return {"QLinearConcat"}


def one_token(model: QdqModel) -> set[str]:
    tokens, channels, outputs = _sizes(model.rng, 3)
    source = model.input([1, tokens, channels])
    place = model.constant(np.array(int(model.rng.integers(tokens)), np.int64))
    taken = model.quantized(model.node("Gather", [source, place], axis=1), *model.scales[source])
    model.output(model.node("Gemm", [taken, *model.dense((outputs, channels), 0, taken, per_channel=True)], transB=1))
    return {"QGemm"}


def mean_of_tokens(model: QdqModel) -> set[str]:
    tokens, channels = _sizes(model.rng, 2)
    turned = model.moved("Transpose", model.input([2, tokens, channels]), perm=(0, 2, 1))
    model.output(model.node("GlobalAveragePool", [turned]), scale=float(model.rng.uniform(0.002, 0.03)))
    return {"QLinearGlobalAveragePool"}


def reduced_tokens(model: QdqModel) -> set[str]:
    """The kernel adds floats."""
    tokens, channels = _sizes(model.rng, 2)
    axes, kept = model.constant(np.array([1], np.int64)), int(model.rng.integers(2))
    model.opset = 18
    real = model.node("ReduceMean", [model.input([2, tokens, channels]), axes], keepdims=kept)
    model.output(real, scale=float(model.rng.uniform(0.002, 0.03)))
    return {"ReduceMean"}


def sigmoid_of_heads(model: QdqModel) -> set[str]:
    apart = model.moved("Reshape", model.input([1, 9, 12]), [0, 0, 3, 4])
    taken = model.moved("Transpose", apart, perm=(0, 2, 1, 3))
    gates = model.quantized(model.node("Sigmoid", [taken]), 1 / 256, 0 if model.unsigned else -128)
    turned = model.moved("Transpose", gates, perm=(0, 2, 1, 3))
    model.output(model.moved("Reshape", turned, [1, 9, 12]), *model.scales[turned])
    return {"QLinearSigmoid"}


TOKEN_OPERATORS = (
    dense_of_tokens, dense_with_biases, gemm_of_a_matrix, product, product_of_matrices, product_of_heads,
    heads_of_a_number, turned_heads_of_a_number, multiplication, multiplication_of_maps, multiplication_by_factors,
    addition_of_a_number, addition_of_positions, addition_of_heads, class_token, tokens_joined, channels_joined,
    one_token, mean_of_tokens, reduced_tokens, sigmoid_of_heads,
)  # fmt: skip
