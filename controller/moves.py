"""Layout operators of ONNX: as access functions, composed, until an operator that computes reads what they make.

What that is then is said by controller/chosen.py.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

import islpy as isl

from controller.access.compose import Origins, stored, through
from controller.access.operators import Layout, Reshape, Slice, Transpose
from controller.attributes import whole, wholes
from controller.values import Function, Later, Map, Moved, Several, Stack, Unfinished, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.access.sets import Shape
    from controller.graph import Tensor
    from controller.names import Names
    from controller.source import SourceNode

#: The operators of ONNX.
MOVES = ("Flatten", "Gather", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze")


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
    if isinstance(value, Unfinished | Several | Function | Waiting):
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
        some = _layouts(names, node, source.origins.shape)
        origins = [through(layout, [source.origins]) for layout in some]
        if node.kind == "Gather":
            origins = [through(_without(names, node, one.shape), [one]) for one in origins]
        return [Moved(_of(one, source.tensors), one, quantized=False) for one in origins]
    except ValueError as error:
        raise names.source.refuse(node, f"must fit what it reads: {error}") from None


def _of(origins: Origins, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Those of some maps that something comes from."""
    return tuple(tensor for tensor in tensors if tensor.name in origins.maps)


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
        return Moved(here.tensors, _stack_origins(here), quantized=False)
    origins, shape = stored(here.tensor.name, here.tensor.shape), here.onnx_shape
    if here.tokens:
        origins = through(Transpose((0, 3, 1, 2)), [origins])
    if shape != origins.shape:
        origins = through(Reshape(shape), [origins])
    return Moved((here.tensor,), origins, quantized=False)


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
        case "Gather":
            axis, index = _gathered(names, node, shape)
            return [_part(shape, {axis: (index, 1, 1)})]
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


def _gathered(names: Names, node: SourceNode, shape: Shape) -> tuple[int, int]:
    """The axis, and the one index of it that is taken."""
    axis, indices = whole(names.source, node, "axis", 0), _integers(names, node, 1)
    if indices is None or len(indices) != 1:
        raise names.source.refuse(node, "must have one constant index")
    if not -len(shape) <= axis < len(shape) or not -shape[axis] <= indices[0] < shape[axis]:
        raise ValueError(f"index {indices[0]} of axis {axis} is not one of shape {shape}")
    return axis % len(shape), indices[0] % shape[axis]


def _without(names: Names, node: SourceNode, shape: Shape) -> Reshape:
    """The axis of a Gather's index is left out where that is a number, not a list."""
    indices, axis = names.number(node, 1), whole(names.source, node, "axis", 0) % len(shape)
    kept = indices is None or indices.ndim > 0
    return Reshape(shape if kept else shape[:axis] + shape[axis + 1 :])


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
