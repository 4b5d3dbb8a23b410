"""MatMul of two activations: a product for each head, whose matrices are channels of maps where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Product, Requantize, Tensor
from controller.numerics import multiplication_ratio
from controller.values import Map, Several, Stack, Unfinished

if TYPE_CHECKING:
    from controller.names import Names
    from controller.source import SourceNode


def lower_product(names: Names, node: SourceNode) -> Unfinished | Several:
    """MatMul of two activations of one image."""
    first, second = (_stack(names, node, index) for index in (0, 1))
    if first.turned:
        raise names.source.refuse(node, "must not have a first operand whose pixels are columns: it needs a copy")
    if first.leading != second.leading:
        raise names.source.refuse(
            node, f"must have as many matrices in both operands, not {first.leading} and {second.leading}"
        )
    inner, others = first.onnx_shape[-1], second.onnx_shape[-2]
    if inner != others:
        raise names.source.refuse(node, f"must have {inner} rows in its second operand, not {others}")
    if inner << 16 >= 1 << 31:
        raise names.source.refuse(node, "must have sums below 2^31: its reduction is too long")
    parts = tuple(
        _product(f"{node.name}, {place}", node, operands, turned=second.turned)
        for place, operands in enumerate(zip(first.tensors, second.tensors, strict=True))
    )
    here = names.values[node.inputs[0]]
    if isinstance(here, Map):
        [part] = parts
        return Unfinished(node, part.shape, here.rank, part.build, tokens=True)
    return Several(parts, first.leading)


def _stack(names: Names, node: SourceNode, index: int) -> Stack:
    """An operand as matrices."""
    value = names.values.get(node.inputs[index])
    if isinstance(value, Stack) and not value.quantized:
        return value
    here = names.map_of(node, index, tokens=True)
    batch, _, height, width = here.tensor.shape
    vectors = here.rank == 2 and not here.tokens
    if vectors and batch > 1:
        raise names.source.refuse(node, "must multiply tokens of one image: rows of this matrix are images of a batch")
    if batch > 1:
        raise names.source.refuse(node, f"must multiply activations of one image, not of a batch of {batch}")
    if here.rank == 4 or height > 1 or (vectors and width > 1):
        raise names.source.refuse(node, "must multiply tokens, not a map of rows and columns")
    return Stack((here.tensor,), (1,) * (here.rank - 2), turned=not here.tokens and not vectors)


def _product(name: str, node: SourceNode, operands: tuple[Tensor, Tensor], *, turned: bool) -> Unfinished:
    first, second = operands
    channels = second.shape[3 if turned else 1]

    def build(result: Tensor, _low: float, _high: float) -> Product:
        scale = multiplication_ratio(first.scale, second.scale, result.scale)
        form = Requantize(np.zeros(channels, np.int32), np.full(channels, scale, np.float32), result.zero, -128, 127)
        return Product(name, first, second, result, turned, form)

    return Unfinished(node, (1, channels, 1, first.shape[3]), 2, build, tokens=True)

