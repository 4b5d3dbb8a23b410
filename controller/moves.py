"""Layout operators of ONNX: as access functions, composed, until an operator that computes reads what they make.

What is read must then be channels of one feature map in some order, rows and columns where they are: a choice that
costs nothing, because weights are put in the order in which channels lie. Anything else would have to be copied.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import islpy as isl
import numpy as np

from controller.access.compose import stored, through
from controller.access.operators import Layout, Reshape, Slice, Transpose
from controller.access.sets import UNDECIDED, UndecidedError, bounded, elements
from controller.attributes import whole, wholes
from controller.graph import Selection, Tensor
from controller.values import Map, Moved, Names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.access.sets import Shape
    from controller.source import Source, SourceNode

#: The operators of ONNX.
MOVES = ("Flatten", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze")
_IN_PLACE = isl.Map("{ [image, to, row, column] -> [image, from, row, column] }")


def moved(names: Names, node: SourceNode) -> list[Moved]:
    """What a layout operator makes, for each of its outputs.

    Raises
    ------
    ModelError
        If it cannot be done to what it reads.
    """
    source = _source(names, node)
    try:
        some = _layouts(names, node, source.origins.shape)
        return [Moved(source.tensor, through(layout, [source.origins]), quantized=False) for layout in some]
    except ValueError as error:
        raise names.source.refuse(node, f"must fit what it reads: {error}") from None


def chosen(source: Source, where: SourceNode | str, name: str, value: Moved) -> tuple[Map, Selection | None]:
    """The feature map that layout operators made, and the node that chooses its channels, if it is not the source.

    Parameters
    ----------
    source, where
        Who reads it.
    name, value
        What is read.

    Raises
    ------
    ModelError
        If it is more than a choice of channels.
    """
    tensor, shape = value.tensor, value.origins.shape
    height, width = tensor.shape[2:]
    access = value.origins.maps[tensor.name]
    rank = len(shape)
    if rank == 2 and shape[1] % (height * width) == 0:
        apart = Reshape((shape[0], shape[1] // (height * width), height, width))
        shape, access = apart.shape, apart.access(shape)[0].apply_range(access)
    if len(shape) != 4:
        raise source.refuse(where, f"must read channels of one feature map, not '{name}': it has {rank} dimensions")
    try:
        with bounded():
            why = "" if access.is_subset(_IN_PLACE) else "it moves rows, columns or images"
    except UndecidedError:
        why = UNDECIDED
    if why:
        raise source.refuse(
            where, f"must read channels of one feature map, not '{name}': {why}, which needs a copy that the machine "
            "cannot make"
        )  # fmt: skip
    first = isl.Set("{ [0, channel, 0, 0] }")
    pairs = elements(access.intersect_domain(first))
    channels = tuple(int(one) for one in pairs[np.argsort(pairs[:, 1]), 5])
    flat = rank == 2 and height * width > 1
    if channels == tuple(range(tensor.shape[1])):
        return Map(tensor, rank, flat, value.quantized), None
    result = Tensor(name, (shape[0], len(channels), height, width), tensor.scale, tensor.zero, tensor.unsigned)
    return Map(result, rank, flat, value.quantized), Selection(name, tensor, result, channels)


def _source(names: Names, node: SourceNode) -> Moved:
    value = names.values.get(node.inputs[0])
    if isinstance(value, Moved) and not value.quantized:
        return value
    here = names.map_of(node, flat=True)
    origins, shape = stored(here.tensor.name, here.tensor.shape), here.onnx_shape
    if shape != here.tensor.shape:
        origins = through(Reshape(shape), [origins])
    return Moved(here.tensor, origins, quantized=False)


def _layouts(names: Names, node: SourceNode, shape: Shape) -> list[Layout]:
    """What is done to a tensor of some shape."""
    match node.kind:
        case "Transpose":
            order = wholes(names.source, node, "perm", range(len(shape))[::-1], least=0)
            if sorted(order) != list(range(len(shape))):
                raise ValueError(f"{order} is no order of {len(shape)} axes")
            return [Transpose(order)]
        case "Reshape":
            return [Reshape(_reshaped(names, node, shape))]
        case "Flatten":
            axis = whole(names.source, node, "axis", 1) % len(shape)
            return [Reshape((prod(shape[:axis]), prod(shape[axis:])))]
        case "Squeeze":
            axes = _axes(names, node, len(shape)) or [axis for axis, size in enumerate(shape) if size == 1]
            return [Reshape(tuple(size for axis, size in enumerate(shape) if axis not in axes))]
        case "Unsqueeze":
            axes, rest = _axes(names, node, len(shape) + len(_integers(names, node, 1) or ())), iter(shape)
            return [Reshape(tuple(1 if axis in axes else next(rest) for axis in range(len(shape) + len(axes))))]
        case "Split":
            return _split(names, node, shape)
        case _:
            return [_sliced(names, node, shape)]


def _integers(names: Names, node: SourceNode, index: int) -> list[int] | None:
    values = names.number(node, index)
    return None if values is None else [int(one) for one in values.reshape(-1)]


def _axes(names: Names, node: SourceNode, rank: int) -> list[int]:
    axes = _integers(names, node, 1) or []
    if not all(-rank <= axis < rank for axis in axes):
        raise ValueError(f"there are {rank} axes, and {axes} are not among them")
    return [axis % rank for axis in axes]


def _reshaped(names: Names, node: SourceNode, shape: Shape) -> Shape:
    sides = _integers(names, node, 1) or []
    if not whole(names.source, node, "allowzero", 0):
        sides = [shape[axis] if side == 0 and axis < len(shape) else side for axis, side in enumerate(sides)]
    if sides.count(-1) == 1 and prod(sides) < 0:
        sides[sides.index(-1)] = prod(shape) // -prod(sides)
    if min(sides, default=0) < 1:
        raise ValueError(f"{sides} is no shape of {prod(shape)} elements")
    return tuple(sides)


def _split(names: Names, node: SourceNode, shape: Shape) -> list[Layout]:
    axis, count = whole(names.source, node, "axis", 0) % len(shape), len(node.outputs)
    even = -(-shape[axis] // count)
    sizes = _integers(names, node, 1) or [min(even, shape[axis] - first * even) for first in range(count)]
    if len(sizes) != count or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise ValueError(f"{sizes} are no {count} parts of {shape[axis]} indices")
    return [_part(shape, {axis: (sum(sizes[:place]), size, 1)}) for place, size in enumerate(sizes)]


def _sliced(names: Names, node: SourceNode, shape: Shape) -> Layout:
    starts, ends, axes, steps = (_integers(names, node, index) for index in (1, 2, 3, 4))
    if starts is None or ends is None:
        raise names.source.refuse(node, "must have constant starts and ends")
    taken = {}
    axes = list(range(len(starts))) if axes is None else axes
    for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(starts), strict=True):
        if not -len(shape) <= axis < len(shape) or step == 0:
            raise ValueError(f"there are {len(shape)} axes, and {axis} is not one of them, or the step is 0")
        some = range(shape[axis])[start:end:step]
        if not some:
            raise ValueError(f"nothing is left of axis {axis}")
        taken[axis % len(shape)] = some.start, len(some), step
    return _part(shape, taken)


def _part(shape: Shape, taken: dict[int, tuple[int, int, int]]) -> Slice:
    """First index, number and step of the indices that are taken along some axes; all of the others."""
    each: Sequence[tuple[int, int, int]] = [taken.get(axis, (0, size, 1)) for axis, size in enumerate(shape)]
    starts, sizes, steps = zip(*each, strict=True)
    return Slice(starts, sizes, steps)
