"""What layout operators made, as maps that can be read: channels chosen and joined, heads taken apart, tokens copied.

What is read is a map of images, tokens of a batch or of one image, or a stack of matrices, one for each head. Channels
may come from several maps in any order, pixels must be where they are: that costs nothing, because weights are put in
the order in which channels lie. Tokens that are elsewhere are copied, pixel by pixel.
"""

from __future__ import annotations

from itertools import groupby, product
from typing import TYPE_CHECKING

import islpy as isl
import numpy as np

from controller.access.operators import Reshape
from controller.access.sets import UndecidedError, bounded, elements, inside
from controller.copied import TooManyWaysError, copied
from controller.elements import Elements
from controller.graph import Concatenation, Node, Selection, Shape, Tensor
from controller.values import Map, Moved, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from controller.source import Source, SourceNode

#: A channel of a map.
Channel = tuple[Tensor, int]
#: A map, and the nodes that make it.
Made = tuple[Tensor, list[Node]]

_IN_PLACE = isl.Map("{ [image, to, row, column] -> [image, from, row, column] }")
#: From a channel to all of its elements.
_CHANNELS = isl.Map("{ [channel] -> [image, channel, row, column] }")


def chosen(
    source: Source, where: SourceNode | str, name: str, value: Moved, *, stacked: bool = False, matrices: bool = False
) -> tuple[Map | Stack, list[Node]]:
    """What layout operators made, and the nodes that make it.

    Parameters
    ----------
    source, where
        Who reads it.
    name, value
        What is read.
    stacked
        Whether it may be a stack of matrices.
    matrices
        Whether 4 dimensions must be one: a map of one row and as many channels as heads may be seen as both.

    Raises
    ------
    ModelError
        If it is neither read where it lies nor a copy of few sorts of pixels.
    """
    rank = len(value.shape)
    try:
        found = None if value.elements.constant else _read(name, value, stacked=stacked, matrices=matrices)
    except UndecidedError:
        found = None
    try:
        found = found or (None if matrices and rank == 4 else _copied(name, value))
    except TooManyWaysError as error:
        raise source.refuse(where, f"must read a feature map, not '{name}': {error}") from None
    if found is None:
        why = "its matrices are no channels of maps" if matrices and rank == 4 else f"it has {rank} dimensions"
        raise source.refuse(where, f"must read a feature map, not '{name}': {why}")
    return found


def _read(name: str, value: Moved, *, stacked: bool, matrices: bool) -> tuple[Map | Stack, list[Node]] | None:
    """What is read where it lies."""
    for view, shape, seen in () if matrices and len(value.shape) == 4 else _seen(value):
        made = _followed(name, value, view, shape)
        if made is not None:
            return seen(made[0]), made[1]
    for turned in (False, True) if stacked and len(value.shape) > 2 else ():
        stack = _stacked(name, value, turned=turned)
        if stack is not None:
            return stack
    return None


class _Seen:
    """How ONNX sees a map of one quantization that is yet to be found."""

    def __init__(self, value: Moved, *, flat: bool = False, tokens: bool = False) -> None:
        self.value, self.flat, self.tokens = value, flat, tokens

    def __call__(self, tensor: Tensor) -> Map:
        return Map(tensor, len(self.value.shape), self.flat, self.value.quantized, self.tokens)


def _seen(value: Moved) -> Iterator[tuple[isl.Map, Shape, _Seen]]:
    """Ways to see a tensor as a map: from the map's indices to ONNX's, the map's shape."""
    shape = value.shape
    match shape:
        case images, channels, height, width:
            whole = images, channels, height, width
            yield _view("n, c, y, x", whole), whole, _Seen(value)
        case images, one, other:
            whole = images, other, 1, one
            yield _view("n, x, c", whole), whole, _Seen(value, tokens=True)
            whole = images, one, 1, other
            yield _view("n, c, x", whole), whole, _Seen(value)
        case rows, columns:
            height, width = value.tensor.shape[2:]
            if columns % (height * width) == 0:
                whole = rows, columns // (height * width), height, width
                yield Reshape(whole).access(shape)[0], whole, _Seen(value, flat=height * width > 1)
            whole = 1, columns, 1, rows
            yield _view("x, c", whole), whole, _Seen(value, tokens=True)


def _view(onnx: str, shape: Shape) -> isl.Map:
    """From the indices of a map of some shape to ONNX's."""
    within = " and ".join(inside("i", shape))
    return isl.Map(f"{{ [n, c, y, x] -> [{onnx}] : {_named(within)} }}")


def _named(constraints: str) -> str:
    for axis, index in enumerate("ncyx"):
        constraints = constraints.replace(f"i{axis}", index)
    return constraints


def _followed(name: str, value: Moved, view: isl.Map, shape: Shape) -> Made | None:
    """The map that has at each index what `view` makes of it; None if more than channels would have to be chosen."""
    channels: dict[int, Channel] = {}
    for tensor in value.tensors:
        access = view.apply_range(value.origins.maps[tensor.name])
        with bounded():
            if access.is_empty():
                continue
            if not access.is_subset(_IN_PLACE):
                return None
        if (tensor.shape[0], *tensor.shape[2:]) != (shape[0], *shape[2:]):
            return None
        # Every pixel's choice must be the same one.
        for channel, origin in elements(_CHANNELS.apply_range(access).apply_range(_CHANNELS.reverse())).tolist():
            if channel in channels:
                return None
            channels[channel] = tensor, origin
    return _joined(name, shape, [channels[channel] for channel in range(shape[1])])


def _joined(name: str, shape: Shape, channels: Sequence[Channel]) -> Made:
    """A map of these channels."""
    parts = [(tensor, [channel for _, channel in some]) for tensor, some in groupby(channels, lambda one: one[0])]
    tensors = tuple(dict.fromkeys(tensor for tensor, _ in parts))
    if len(parts) == 1:
        [(tensor, some)] = parts
        return _selected(name, tensor, some)
    nodes: list[Node] = []
    if len(parts) == len(tensors):
        sources = []
        for place, (tensor, some) in enumerate(parts):
            part, before = _selected(f"{name}, part {place}", tensor, some)
            sources.append(part)
            nodes += before
        result = _like(tensors[0], name, shape)
        return result, [*nodes, Concatenation(name, tuple(sources), result, (None,) * len(sources))]
    firsts = dict(zip(tensors, np.cumsum([0, *(tensor.shape[1] for tensor in tensors)]).tolist(), strict=False))
    whole = _like(tensors[0], f"{name}, joined", (shape[0], sum(one.shape[1] for one in tensors), *shape[2:]))
    joint = Concatenation(whole.name, tensors, whole, (None,) * len(tensors))
    result, nodes = _selected(name, whole, [firsts[tensor] + channel for tensor, channel in channels])
    return result, [joint, *nodes]


def _selected(name: str, tensor: Tensor, channels: Sequence[int]) -> Made:
    if tuple(channels) == tuple(range(tensor.shape[1])):
        return tensor, []
    result = _like(tensor, name, (tensor.shape[0], len(channels), *tensor.shape[2:]))
    return result, [Selection(name, tensor, result, tuple(channels))]


def _like(tensor: Tensor, name: str, shape: Shape) -> Tensor:
    return Tensor(name, shape, tensor.scale, tensor.zero, tensor.unsigned)


def _stacked(name: str, value: Moved, *, turned: bool) -> tuple[Stack, list[Node]] | None:
    """A map for each index of all axes but the last two, one of which holds channels, the other pixels."""
    *leading, first, second = value.shape
    shape = (1, first, 1, second) if turned else (1, second, 1, first)
    tensors, nodes = [], []
    for index in product(*(range(size) for size in leading)):
        view = _view(", ".join([*map(str, index), "c, x" if turned else "x, c"]), shape)
        made = _followed(f"{name}, {'.'.join(map(str, index))}", value, view, shape)
        if made is None:
            return None
        tensors.append(made[0])
        nodes += made[1]
    return Stack(tuple(tensors), tuple(leading), turned, value.quantized), nodes


def _copied(name: str, value: Moved) -> tuple[Map, list[Node]] | None:
    """Copies of pixels; None if it is not seen as a map.

    Raises
    ------
    TooManyWaysError
        If there would be too many.
    """
    too_many = None
    for seen, tokens in _ways(value):
        images, channels, height, width = seen.shape
        elements = Elements(value.tensors, seen)
        try:
            found, nodes = copied(name, elements, (images, channels, height, width), _selected)
        except TooManyWaysError as error:
            too_many = too_many or error
            continue
        result, more = _joined(name, (images, channels, height, width), found)
        return _Seen(value, tokens=tokens)(result), [*nodes, *more]
    if too_many:
        raise too_many
    return None


def _ways(value: Moved) -> list[tuple[NDArray[np.int64], bool]]:
    """Ways to see a tensor as a map of images, channels, rows and columns, and whether these are tokens."""
    numbers, images = value.elements.numbers, value.tensor.shape[0]
    match value.shape:
        case _, _, _, _:
            return [(numbers, False)]
        case _, _, _:
            return [(numbers.transpose(0, 2, 1)[:, :, None], True), (numbers[:, :, None], False)]
        case count, _ if images == 1 and count > 1:
            return [(numbers.T[None, :, None], True)]
        case _, _:
            return [(numbers[:, :, None, None], False)]
    return []
