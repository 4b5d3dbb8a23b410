"""Activation functions between two quantizations: tables of what the float kernels make of all 256 integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.attributes import number
from controller.graph import Rescale, Tensor
from controller.numerics import Floats, dequantize, quantize
from controller.rescale import looked_up
from controller.values import Names, Unfinished, quantization_of

if TYPE_CHECKING:
    from controller.source import SourceNode

Function = Callable[..., Floats]


def _hard_sigmoid(real: Floats, *, alpha: float, beta: float) -> Floats:
    sloped: Floats = np.clip(real * np.float32(alpha) + np.float32(beta), 0, 1)
    return sloped


def _hard_swish(real: Floats) -> Floats:
    return real * _hard_sigmoid(real, alpha=1 / 6, beta=0.5)


def _leaky_relu(real: Floats, *, alpha: float) -> Floats:
    below: Floats = real * np.float32(alpha)
    return np.where(real >= 0, real, below)


def _sigmoid(real: Floats) -> Floats:
    return (1 / (1 + np.exp(-real.astype(np.float64)))).astype(np.float32)


def _tanh(real: Floats) -> Floats:
    return np.tanh(real.astype(np.float64)).astype(np.float32)


#: By ONNX operator: the function, and the attributes that it takes with their defaults. onnxruntime approximates the
#: last two in float32; the bytes are the same: docs/numerics.md.
FUNCTIONS: Mapping[str, tuple[Function, Mapping[str, float]]] = MappingProxyType({
    "HardSigmoid": (_hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": (_hard_swish, {}),
    "LeakyRelu": (_leaky_relu, {"alpha": 0.01}),
    "Sigmoid": (_sigmoid, {}),
    "Tanh": (_tanh, {}),
})


def lower_activation(names: Names, node: SourceNode) -> Unfinished:
    """An activation function, as one look-up for each integer."""
    here = names.map_of(node, flat=True)
    source = here.tensor
    before = quantization_of(source)
    real = dequantize(np.arange(before.low, before.high + 1), before.scale, before.zero)
    function, defaults = FUNCTIONS[node.kind]
    attributes = {name: number(names.source, node, name, usual) for name, usual in defaults.items()}

    def build(result: Tensor, _low: float, _high: float) -> Rescale:
        after = quantization_of(result)
        entries = quantize(function(real, **attributes), after.scale, after.zero, after.low, after.high)
        return Rescale(node.name, source, result, looked_up(source, result, entries))

    return Unfinished(node, source.shape, here.rank, build)
