"""What layout operators made, as copies: pixels of stored maps in other places, their channels perhaps in other lanes.

A window command copies words whole. So pixels are sorted by which channels they take in which order: each sort is a
selection of channels, and the pixels are gathered of these. Where a pixel's channels come from several pixels, as a
SpaceToDepth has it, each such part is gathered by itself, and the parts are a concatenation.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Constant, Gather, Node, Shape, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from controller.elements import Elements

    #: Makes a map of some channels of a map, and the nodes for it.
    Choose = Callable[[str, Tensor, Sequence[int]], tuple[Tensor, list[Node]]]

#: Parts of channels and sorts of pixels: each is a map of its own, which may have to be moved to other lanes.
MOST_WAYS = 64
#: Pixels of a copy.
MOST_PIXELS = 1 << 18



class TooManyWaysError(Exception):
    """A copy would be of too many kinds; the text says of how many."""


def copied(name: str, elements: Elements, shape: Shape, choose: Choose) -> tuple[list[tuple[Tensor, int]], list[Node]]:
    """The channels of a map, each of a map that is gathered, and the nodes that make these.

    Parameters
    ----------
    name
        Of the map.
    elements
        What it is, in the order of `shape`: images, channels, height, width.
    choose
        Makes a selection of channels.

    Raises
    ------
    TooManyWaysError
        If it is more than `MOST_WAYS` copies, or larger than `MOST_PIXELS`.
    """
    images, channels, *size = shape
    if images * prod(size) > MOST_PIXELS:
        raise TooManyWaysError(f"it is {images * prod(size):,} pixels, and at most {MOST_PIXELS:,} are copied")
    lanes, pixels = _split(elements, shape)
    parts = _groups(pixels.T)
    ways = [(_groups(lanes[:, part]), part) for part in parts]
    if sum(len(sorts) for sorts, _ in ways) > MOST_WAYS:
        raise TooManyWaysError(
            f"its values change places and lanes in {sum(len(sorts) for sorts, _ in ways):,} ways, "
            f"and at most {MOST_WAYS} are copied"
        )
    found: list[tuple[Tensor, int]] = [(elements.tensors[0], 0)] * channels
    nodes: list[Node] = []
    for place, (sorts, part) in enumerate(ways):
        label = name if len(ways) == 1 else f"{name}, part {place}"
        like = elements.tensors[0]
        result = Tensor(label, (images, len(part), size[0], size[1]), like.scale, like.zero, like.unsigned)
        still = _unmoved(elements.tensors, shape, pixels[:, part[0]]) if len(sorts) == 1 else None
        if still is not None:
            first = sum(tensor.shape[1] for tensor in elements.tensors[:still])
            result, before = choose(label, elements.tensors[still], (lanes[0, part] - first).tolist())
            nodes += before
        else:
            made, before = _gathered(result, elements.tensors, lanes[:, part], pixels[:, part[0]], sorts, choose)
            nodes += [*before, made]
        for index, channel in enumerate(part.tolist()):
            found[channel] = result, index
    return found, nodes


def _unmoved(tensors: Sequence[Tensor], shape: Shape, pixels: NDArray[np.int64]) -> int | None:
    """The map whose pixels are where they were."""
    first = 0
    for place, tensor in enumerate(tensors):
        count = tensor.shape[0] * prod(tensor.shape[2:])
        alike = (tensor.shape[0], *tensor.shape[2:]) == (shape[0], *shape[2:])
        if alike and np.array_equal(pixels, np.arange(first, first + count)):
            return place
        first += count
    return None


def _split(elements: Elements, shape: Shape) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each pixel and channel which lane it takes, and which pixel.

    Lanes are channels of all maps one after the other, pixels those of all maps; constants are lanes of -1 less their
    byte, at pixel -1.
    """
    which, places = elements.parts()
    sizes = np.array([tensor.shape for tensor in elements.tensors])
    areas = sizes[:, 2] * sizes[:, 3]
    image, inside = np.divmod(places, (sizes[:, 1] * areas)[which])
    channel, pixel = np.divmod(inside, areas[which])
    firsts = np.cumsum([0, *sizes[:, 1]])
    starts = np.cumsum([0, *(sizes[:, 0] * areas)])
    constant = which < 0
    lanes = np.where(constant, elements.numbers, channel + firsts[which])
    pixels = np.where(constant, -1, starts[which] + image * areas[which] + pixel)
    order = (0, 2, 3, 1)
    lanes, pixels = (one.reshape(shape).transpose(order).reshape(-1, shape[1]) for one in (lanes, pixels))
    return lanes, pixels


def _groups(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Equal rows' places, in the order of the first of each."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return [np.flatnonzero(inverse.reshape(-1) == one) for one in np.argsort(first)]


def _gathered(
    result: Tensor, tensors: Sequence[Tensor], lanes: NDArray[np.int64], pixels: NDArray[np.int64],
    sorts: list[NDArray[np.int64]], choose: Choose,
) -> tuple[Gather, list[Node]]:  # fmt: skip
    """A map whose pixels are copied: of each sort of pixels those of a selection of channels."""
    firsts = np.cumsum([0, *(tensor.shape[1] for tensor in tensors)])
    starts = np.cumsum([0, *(tensor.shape[0] * prod(tensor.shape[2:]) for tensor in tensors)])
    sources: list[Tensor] = []
    nodes: list[Node] = []
    where = np.zeros((len(pixels), 2), np.int64)
    # What is copied of maps comes first: it lays out the lanes of the result.
    for some in sorted(sorts, key=lambda one: bool(pixels[one[0]] < 0)):
        taken = lanes[some[0]]
        if pixels[some[0]] < 0:
            source, inside, before = _constant(f"{result.name}, constant {len(sources)}", result, taken, some)
        else:
            place = int(np.searchsorted(firsts, taken[0], "right")) - 1
            label = f"{result.name}, of {tensors[place].name}"
            label = label if len(sorts) == 1 else f"{label}, sort {len(sources)}"
            source, before = choose(label, tensors[place], (taken - firsts[place]).tolist())
            inside = pixels[some] - starts[place]
        where[some, 0], where[some, 1] = len(sources), inside
        sources.append(source)
        nodes += before
    pairs = tuple((place, pixel) for place, pixel in where.tolist())
    return Gather(result.name, tuple(sources), result, (None,) * len(sources), pairs), nodes


def _constant(
    name: str, like: Tensor, codes: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[Tensor, NDArray[np.int64], list[Node]]:
    """A row of a map of constants, as long as the longest run of pixels that it fills, and the pixel for each."""
    width = like.shape[3]
    breaks = np.flatnonzero((np.diff(places, prepend=-2) != 1) | (places % width == 0))
    inside = np.arange(len(places)) - np.repeat(breaks, np.diff([*breaks, len(places)]))
    stored = (-1 - codes).astype(np.uint8).view(np.int8)
    shape = (1, len(codes), 1, int(inside.max()) + 1)
    tensor = Tensor(name, shape, like.scale, like.zero, like.unsigned)
    values = np.broadcast_to(stored.reshape(1, -1, 1, 1), shape).copy()
    return tensor, inside, [Constant(name, tensor, values)]
