"""Float functions of one integer, operator after operator: what they make of all 256, until they are quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Rescale, Tensor
from controller.numerics import Floats, dequantize
from controller.rescale import looked_up
from controller.values import Function, Map, Several, Stack, Unfinished, quantization_of

if TYPE_CHECKING:
    from controller.names import Names
    from controller.source import SourceNode


def sides(names: Names, node: SourceNode, index: int) -> tuple[Map | Stack, Floats]:
    """What an input is a function of, and the function's results for all 256 integers.

    Raises
    ------
    ModelError
        If it is neither a function nor quantized.
    """
    value = names.values.get(node.inputs[index])
    if isinstance(value, Function):
        return value.source, value.real
    here = value if isinstance(value, Stack) and not value.quantized else names.map_of(
        node, index, flat=True, tokens=True
    )  # fmt: skip
    before = quantization_of(here.tensor)
    return here, dequantize(np.arange(before.low, before.high + 1), before.scale, before.zero)


def finished(function: Function) -> Unfinished | Several:
    """A function that a QuantizeLinear follows: a look-up for each map."""
    source = function.source
    if isinstance(source, Map):
        return _looked_up(function, source.tensor, source.rank, tokens=source.tokens)
    parts = tuple(
        _looked_up(function, tensor, 2, tokens=True, part=f", {place}") for place, tensor in enumerate(source.tensors)
    )
    return Several(parts, source.leading, source.turned)


def _looked_up(function: Function, source: Tensor, rank: int, *, tokens: bool, part: str = "") -> Unfinished:
    def build(result: Tensor, _low: float, _high: float) -> Rescale:
        form = looked_up(source, result, function.entries(quantization_of(result)))
        return Rescale(function.node.name + part, source, result, form)

    return Unfinished(function.node, source.shape, rank, build, tokens=tokens)
