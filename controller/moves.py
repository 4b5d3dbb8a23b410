"""Layout operators of ONNX: as access functions, composed, until an operator that computes reads what they make.

What that is then is said by controller/chosen.py.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import islpy as isl
import numpy as np

from controller.access.compose import Origins, stored, through
from controller.access.operators import Concat, Layout, Pad, Reshape, Transpose
from controller.elements import joined as together
from controller.elements import whole
from controller.layouts import layouts, without
from controller.numerics import quantize
from controller.values import (
    Function,
    Joined,
    Later,
    Map,
    Moved,
    Several,
    Stack,
    Unfinished,
    Waiting,
    quantization_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from controller.elements import Elements
    from controller.graph import Tensor
    from controller.names import Names
    from controller.source import SourceNode

#: The operators of ONNX.
MOVES = (
    "DepthToSpace", "Flatten", "Gather", "Pad", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
)  # fmt: skip


def moved(names: Names, node: SourceNode) -> list[Moved] | list[Later]:
    """What a layout operator makes, for each of its outputs.

    Raises
    ------
    ModelError
        If it cannot be done to what it reads.
    """
    value = names.values.get(node.inputs[0])
    if isinstance(value, Later):
        return [Later(value.value, (*value.moves, (node, place))) for place in range(len(node.outputs))]
    if isinstance(value, Unfinished | Several | Function | Waiting | Joined):
        return [Later(value, ((node, place),)) for place in range(len(node.outputs))]
    return laid(names, node, _source(names, node))


def laid(names: Names, node: SourceNode, source: Moved) -> list[Moved]:
    """What a layout operator makes of elements whose origins are known.

    Raises
    ------
    ModelError
        If it cannot be done to them.
    """
    try:
        found = [_through(layout, source) for layout in layouts(names, node, source.shape)]
        if node.kind == "Gather":
            found = [_through(without(names, node, one.shape), one) for one in found]
    except ValueError as error:
        raise names.source.refuse(node, f"must fit what it reads: {error}") from None
    return found


def _through(layout: Layout, source: Moved) -> Moved:
    layout.result(source.shape)
    fill = 0
    if isinstance(layout, Pad):
        form = quantization_of(source.tensor)
        real = np.array([layout.value], np.float32)
        fill = int(quantize(real, form.scale, form.zero, form.low, form.high)[0]) - source.tensor.offset
    return Moved(
        source.elements.through(layout, fill), cache(lambda: through(layout, [source.origins])), quantized=False
    )


def _source(names: Names, node: SourceNode) -> Moved:
    value = names.values.get(node.inputs[0])
    if isinstance(value, Moved | Stack) and not value.quantized:
        return origins_of(value)
    return origins_of(names.map_of(node, flat=True, tokens=True))


def origins_of(here: Map | Stack | Moved) -> Moved:
    """A value as elements of maps."""
    if isinstance(here, Moved):
        return here
    if isinstance(here, Stack):
        return Moved(_stack_elements(here), cache(lambda: _stack_origins(here)), quantized=False)
    tensor, shape = here.tensor, here.onnx_shape
    moved = Moved(whole(tensor), lambda: stored(tensor.name, tensor.shape), quantized=False)
    if here.tokens:
        moved = _through(Transpose((0, 3, 1, 2)), moved)
    return moved if shape == moved.shape else _through(Reshape(shape), moved)


def joined(parts: Sequence[Moved], axis: int) -> Moved:
    """What layout operators made, one behind the other along an axis."""
    layout = Concat(axis)
    return Moved(
        together(layout, [part.elements for part in parts]),
        cache(lambda: through(layout, [part.origins for part in parts])), quantized=False,
    )  # fmt: skip


def exchanged(here: Moved, tensors: Sequence[Tensor], constants: Callable[[int], int]) -> Moved:
    """The same of other maps; constants as for `Elements.renamed`."""
    names = dict(zip((tensor.name for tensor in here.tensors), (tensor.name for tensor in tensors), strict=True))

    def access() -> Origins:
        before = here.origins
        return Origins(before.shape, {names[name]: one for name, one in before.maps.items()}, before.constants)

    return Moved(here.elements.renamed(tensors, constants), cache(access), quantized=False)


def _stack_elements(stack: Stack) -> Elements:
    matrices = [
        _through(Reshape((1, *one.shape[1:2], *one.shape[3:])), one).elements
        for one in (
            _through(Transpose((0, 1, 2, 3) if stack.turned else (0, 3, 2, 1)), origins_of(Map(tensor, 4)))
            for tensor in stack.tensors
        )
    ]
    return together(Concat(0), matrices).through(Reshape(stack.onnx_shape))


def _stack_origins(stack: Stack) -> Origins:
    """Each matrix, its axes perhaps exchanged, at its index of the leading axes."""
    maps: dict[str, isl.Map] = {}
    for index, tensor in zip(product(*(range(size) for size in stack.leading)), stack.tensors, strict=True):
        order = (0, 1, 2, 3) if stack.turned else (0, 3, 2, 1)
        one = through(Transpose(order), [stored(tensor.name, tensor.shape)])
        matrix = through(Reshape((one.shape[1], one.shape[3])), [one])
        here = ", ".join([*map(str, index), "row, column"])
        place = isl.Map(f"{{ [{here}] -> [row, column] }}")
        access = place.apply_range(matrix.maps[tensor.name])
        maps[tensor.name] = maps[tensor.name].union(access) if tensor.name in maps else access
    return Origins(stack.onnx_shape, maps, {})
