"""What layout operators made, as maps that can be read: channels chosen and joined, heads taken apart, tokens copied.

What is read is a map of images, tokens of a batch or of one image, or a stack of matrices, one for each head. Channels
may come from several maps in any order, pixels must be where they are: that costs nothing, because weights are put in
the order in which channels lie. Tokens that are elsewhere are copied, pixel by pixel.
"""

from __future__ import annotations

from itertools import groupby, product
from math import prod
from typing import TYPE_CHECKING

import islpy as isl
import numpy as np

from controller.access.operators import Reshape
from controller.access.sets import UNDECIDED, UndecidedError, bounded, elements, inside
from controller.graph import Concatenation, Gather, Node, Selection, Shape, Tensor
from controller.values import Map, Moved, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.source import Source, SourceNode

#: A channel of a map.
Channel = tuple[Tensor, int]
#: A map, and the nodes that make it.
Made = tuple[Tensor, list[Node]]

_IN_PLACE = isl.Map("{ [image, to, row, column] -> [image, from, row, column] }")
#: From a channel to all of its elements.
_CHANNELS = isl.Map("{ [channel] -> [image, channel, row, column] }")
_COPY = "which needs a copy that the machine cannot make"
#: Elements of tokens that are copied: they are looked at one by one.
_MOST_COPIED = 1 << 20


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
        If it is more than a choice of channels or of tokens.
    """
    rank, why = len(value.origins.shape), "it moves rows, columns or images"
    try:
        for view, shape, seen in () if matrices and rank == 4 else _seen(value):
            made = _followed(name, value, view, shape)
            if made is not None:
                return seen(made[0]), made[1]
        if stacked and rank > 2:
            for turned in (False, True):
                stack = _stacked(name, value, turned=turned)
                if stack is not None:
                    return stack
        copied = _copied(name, value)
        if copied is not None:
            return copied
    except UndecidedError:
        why = UNDECIDED
    if rank not in {2, 3, 4}:
        raise source.refuse(where, f"must read channels of one feature map, not '{name}': it has {rank} dimensions")
    raise source.refuse(where, f"must read channels of one feature map, not '{name}': {why}, {_COPY}")


class _Seen:
    """How ONNX sees a map of one quantization that is yet to be found."""

    def __init__(self, value: Moved, *, flat: bool = False, tokens: bool = False) -> None:
        self.value, self.flat, self.tokens = value, flat, tokens

    def __call__(self, tensor: Tensor) -> Map:
        return Map(tensor, len(self.value.origins.shape), self.flat, self.value.quantized, self.tokens)


def _seen(value: Moved) -> Iterator[tuple[isl.Map, Shape, _Seen]]:
    """Ways to see a tensor as a map: from the map's indices to ONNX's, the map's shape."""
    shape = value.origins.shape
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
    *leading, first, second = value.origins.shape
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
    """Tokens, channels last, of one image; None if pixels' channels come from several pixels."""
    shape = value.origins.shape
    if len(shape) not in {2, 3} or prod(shape[:-2]) != 1 or prod(shape) > _MOST_COPIED or not _single(value):
        return None
    tokens, width = shape[-2:]
    channels = np.full((tokens, width), -1)
    pixels = np.full((tokens, width, 2), -1)
    for place, tensor in enumerate(value.tensors):
        pairs = elements(value.origins.maps[tensor.name])
        to, from_ = pairs[:, : len(shape)], pairs[:, len(shape) :]
        token, channel = to[:, -2], to[:, -1]
        channels[token, channel] = from_[:, 1]
        pixels[token, channel, 0] = place
        pixels[token, channel, 1] = from_[:, 2] * tensor.shape[3] + from_[:, 3]
    if np.any(channels != channels[:1]) or np.any(pixels != pixels[:, :1]):
        return None
    nodes, sources = [], []
    for tensor in value.tensors:
        source, before = _selected(f"{name}, of {tensor.name}", tensor, channels[0].tolist())
        sources.append(source)
        nodes += before
    result = _like(value.tensor, name, (1, width, 1, tokens))
    where = tuple((int(place), int(pixel)) for place, pixel in pixels[:, 0])
    gather = Gather(name, tuple(sources), result, (None,) * len(sources), where)
    return _Seen(value, tokens=len(shape) == 3 or tokens > 1)(result), [*nodes, gather]


def _single(value: Moved) -> bool:
    return all(tensor.shape[0] == 1 for tensor in value.tensors)
