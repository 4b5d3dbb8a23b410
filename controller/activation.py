"""Activation functions between two quantizations: tables of what the float kernels make of all 256 integers."""

from __future__ import annotations

from math import erf
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.attributes import number, word
from controller.functions import sides
from controller.values import Function, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.numerics import Floats
    from controller.source import SourceNode


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


def _erf(real: Floats) -> Floats:
    return np.array([erf(one) for one in real.tolist()], np.float32)


def _gelu(real: Floats, *, approximate: str = "none") -> Floats:
    if approximate == "tanh":
        return _fast_gelu(real)
    return (real * 0.5 * (1 + _erf(real * np.float32(0.5**0.5)).astype(np.float64))).astype(np.float32)


def _fast_gelu(real: Floats) -> Floats:
    wide = real.astype(np.float64)
    return (wide * 0.5 * (1 + np.tanh((2 / np.pi) ** 0.5 * (wide + 0.044715 * wide**3)))).astype(np.float32)


def _quick_gelu(real: Floats, *, alpha: float) -> Floats:
    return np.asarray(real * _sigmoid(real * np.float32(alpha)), np.float32)


#: By ONNX operator: the function, and the attributes that it takes with their defaults. onnxruntime approximates
#: those with exponentials in float32; what that shows is in docs/numerics.md.
FUNCTIONS: Mapping[str, tuple[Callable[..., Floats], Mapping[str, float]]] = MappingProxyType({
    "Erf": (_erf, {}),
    "FastGelu": (_fast_gelu, {}),
    "Gelu": (_gelu, {}),
    "HardSigmoid": (_hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": (_hard_swish, {}),
    "LeakyRelu": (_leaky_relu, {"alpha": 0.01}),
    "QuickGelu": (_quick_gelu, {"alpha": 1.702}),
    "Sigmoid": (_sigmoid, {}),
    "Tanh": (_tanh, {}),
})


def lower_activation(names: Names, node: SourceNode) -> Function:
    """An activation function, as a table of its results for each integer."""
    source, real = sides(names, node, 0)
    function, defaults = FUNCTIONS[node.kind]
    attributes: dict[str, float | str] = {
        name: number(names.source, node, name, usual) for name, usual in defaults.items()
    }
    if node.kind == "Gelu":
        attributes["approximate"] = word(names.source, node, "approximate", ("none", "tanh"))
    return Function(node, source, function(real, **attributes))
