"""Activation functions between two quantizations: tables of what the float kernels make of all 256 integers."""

from __future__ import annotations

from math import erf
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.attributes import number, word
from controller.functions import sides
from controller.rational import sigmoid, tanh
from controller.values import Function, clamped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.names import Names
    from controller.numerics import Floats
    from controller.source import Source, SourceNode
    from controller.values import Quantization, Unfinished


def _hard_sigmoid(real: Floats, *, alpha: float, beta: float) -> Floats:
    sloped: Floats = np.clip(real * np.float32(alpha) + np.float32(beta), 0, 1)
    return sloped


def _hard_swish(real: Floats) -> Floats:
    return real * _hard_sigmoid(real, alpha=1 / 6, beta=0.5)


def _leaky_relu(real: Floats, *, alpha: float) -> Floats:
    below: Floats = real * np.float32(alpha)
    return np.where(real >= 0, real, below)


def _erf(real: Floats) -> Floats:
    return np.array([erf(one) for one in real.tolist()], np.float32)


def _gelu(real: Floats, *, approximate: str = "none") -> Floats:
    if approximate == "tanh":
        return _fast_gelu(real)
    half = real * np.float32(0.5)
    return np.asarray(half * (_erf(real * np.float32(0.5**0.5)) + np.float32(1)), np.float32)


def _fast_gelu(real: Floats) -> Floats:
    wide = real.astype(np.float64)
    chance = 1 + np.tanh((2 / np.pi) ** 0.5 * (wide + 0.044715 * wide**3))
    return np.asarray(wide * 0.5 * chance, np.float32)


def _quick_gelu(real: Floats, *, alpha: float) -> Floats:
    return np.asarray(real * sigmoid(real * np.float32(alpha)), np.float32)


#: By ONNX operator: the function, and the attributes that it takes with their defaults. Where onnxruntime approximates
#: the error function otherwise, docs/numerics.md has what shows of it.
FUNCTIONS: Mapping[str, tuple[Callable[..., Floats], Mapping[str, float]]] = MappingProxyType({
    "Erf": (_erf, {}),
    "FastGelu": (_fast_gelu, {}),
    "Gelu": (_gelu, {}),
    "HardSigmoid": (_hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": (_hard_swish, {}),
    "LeakyRelu": (_leaky_relu, {"alpha": 0.01}),
    "QuickGelu": (_quick_gelu, {"alpha": 1.702}),
    "Sigmoid": (sigmoid, {}),
    "Tanh": (tanh, {}),
})


def lower_activation(names: Names, node: SourceNode) -> Function:
    """An activation function, as a table of its results for each integer."""
    if any(node.inputs[1:]):
        raise names.source.refuse(node, "must have one operand: a bias is to be added before it")
    source, real = sides(names, node, 0)
    function, defaults = FUNCTIONS[node.kind]
    attributes: dict[str, float | str] = {
        name: number(names.source, node, name, usual) for name, usual in defaults.items()
    }
    if node.kind == "Gelu":
        attributes["approximate"] = word(names.source, node, "approximate", ("none", "tanh"))
    return Function(node, source, function(real, **attributes))


def activation_bounds(names: Names, node: SourceNode) -> tuple[float, float]:
    """The real bounds that a Relu or Clip sets."""
    if node.kind == "Relu":
        return 0.0, np.inf
    low, high = names.number(node, 1), names.number(node, 2)
    ends = [default if end is None else end for end, default in ((low, -np.inf), (high, np.inf))]
    if any(np.size(end) != 1 or np.isnan(end).any() for end in ends):
        raise names.source.refuse(node, "must have one number as each bound")
    least, most = (float(np.reshape(end, ())) for end in ends)
    return least, most


def check_absorbed(source: Source, value: Unfinished, form: Quantization) -> None:
    """Check that the quantization behind a Relu or Clip has no other bounds.

    Raises
    ------
    ModelError
        If it has.
    """
    # onnxruntime drops a Relu or Clip that the quantization's own bounds imply, and runs it, and the
    # operator before it, in float otherwise.
    whole = clamped(form, value.low, value.high) == (form.low, form.high)
    if not whole and not value.clamps:
        raise source.refuse(
            value.node,
            "must be quantized before its Relu or Clip, or the zero point must be the lowest integer: "
            "onnxruntime runs it in float otherwise",
        )
