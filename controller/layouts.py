"""Layout operators of ONNX as those whose access functions are known: attributes and constants read, shapes checked."""

from __future__ import annotations

from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.access.operators import DepthToSpace, Layout, Pad, Repeat, Reshape, Slice, SpaceToDepth, Transpose
from controller.attributes import whole, wholes, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from controller.access.sets import Shape
    from controller.names import Names
    from controller.source import SourceNode

#: How a pixel's place is seen; for whole factors these two are one.
_SEEN = ("half_pixel", "asymmetric", "half_pixel_symmetric", "pytorch_half_pixel")


def layouts(names: Names, node: SourceNode, shape: Shape) -> list[Layout]:
    """What is done to a tensor of some shape, for each of a node's outputs.

    Raises
    ------
    ModelError, ValueError
        If the node is not one that is known, or cannot be done to it.
    """
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
            return [_OTHERS[node.kind](names, node, shape)]


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


def _padded(names: Names, node: SourceNode, shape: Shape) -> Pad:
    word(names.source, node, "mode", ["constant"])
    pads, axes = _integers(names, node, 1), _integers(names, node, 3)
    axes = list(range(len(shape))) if axes is None else axes
    value = names.real(node, 2) if len(node.inputs) > 2 and node.inputs[2] else np.zeros(1)
    if pads is None or value is None or value.size != 1:
        raise names.source.refuse(node, "must have constant pads and one constant value")
    known = all(-len(shape) <= axis < len(shape) for axis in axes)
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0 or not known:
        raise ValueError(f"pads {pads} of axes {axes} are none of shape {shape}, or are negative")
    sides = [[0] * len(shape), [0] * len(shape)]
    for place, axis in enumerate(axes):
        for side in (0, 1):
            sides[side][axis] = pads[place + side * len(axes)]
    return Pad(tuple(sides[0]), tuple(sides[1]), float(value.reshape(-1)[0]))


def _repeated(names: Names, node: SourceNode, shape: Shape) -> Repeat:
    """A Resize to the nearest pixel that repeats each one as often."""
    word(names.source, node, "mode", ["nearest"])
    scales = names.real(node, 2) if len(node.inputs) > 2 and node.inputs[2] else None
    sizes = _integers(names, node, 3)
    if scales is not None and scales.size:
        wanted = [size * float(scale) for size, scale in zip(shape, scales.tolist(), strict=True)]
    elif sizes:
        wanted = [float(size) for size in sizes]
    else:
        raise names.source.refuse(node, "must have constant scales or sizes")
    factors = [side / size for side, size in zip(wanted, shape, strict=True)]
    if any(factor < 1 or factor != int(factor) for factor in factors) or "axes" in node.attributes:
        raise names.source.refuse(node, f"must enlarge each axis by a whole factor, not by {factors}")
    seen = word(names.source, node, "coordinate_transformation_mode", _SEEN)
    how = word(names.source, node, "nearest_mode", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    if any(_nearest(size, int(factor), seen, how) for size, factor in zip(shape, factors, strict=True)):
        raise names.source.refuse(node, f"must repeat each pixel as often, which {seen} with {how} does not")
    return Repeat(tuple(int(factor) for factor in factors))


def _nearest(size: int, factor: int, seen: str, how: str) -> bool:
    """Whether any pixel is not the one that it is in when each is repeated as often."""
    places = np.arange(size * factor, dtype=np.float64)
    real = places / factor if seen == "asymmetric" else (places + 0.5) / factor - 0.5
    ways = {
        "floor": np.floor(real), "ceil": np.ceil(real), "round_prefer_floor": np.ceil(real - 0.5),
        "round_prefer_ceil": np.floor(real + 0.5),
    }  # fmt: skip
    return bool(np.any(np.clip(ways[how], 0, size - 1) != places // factor))


def _blocks(names: Names, node: SourceNode, shape: Shape) -> DepthToSpace | SpaceToDepth:
    side = whole(names.source, node, "blocksize", 0)
    if len(shape) != 4 or side < 1:
        raise ValueError(f"blocks of {side} are none of shape {shape}")
    if node.kind == "DepthToSpace":
        if shape[1] % side**2:
            raise ValueError(f"{shape[1]} channels are none of blocks of {side} x {side}")
        return DepthToSpace(side, word(names.source, node, "mode", ["DCR", "CRD"]) == "CRD")
    if shape[2] % side or shape[3] % side:
        raise ValueError(f"{shape[2]} x {shape[3]} pixels are no blocks of {side} x {side}")
    return SpaceToDepth(side)


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


def without(names: Names, node: SourceNode, shape: Shape) -> Reshape:
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


#: Operators of one result each.
_OTHERS: Mapping[str, Callable[[Names, SourceNode, Shape], Layout]] = MappingProxyType({
    "Slice": _sliced,
    "Pad": _padded,
    "Resize": _repeated,
    "DepthToSpace": _blocks,
    "SpaceToDepth": _blocks,
})
