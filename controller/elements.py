"""Access functions as tables: for each element of a tensor the stored integer that it is, tensor after tensor.

They say what `controller.access` says by sets, and are made by the same layout operators; a test compares both. Sets
are for what a port must express; tables are for the host, which reads and writes DRAM element by element.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from controller.access.operators import (
    Concat,
    DepthToSpace,
    Expand,
    Layout,
    Pad,
    Repeat,
    Reshape,
    Slice,
    SpaceToDepth,
    Tile,
    Transpose,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from controller.graph import Tensor


@dataclass(frozen=True, eq=False)
class Elements:
    """What each element of a tensor is.

    Parameters
    ----------
    tensors
        Maps, each of (batch, channels, height, width); their elements are numbered one after the other.
    numbers
        Of the shape of the tensor: the number of the element that each is, or -1 less a constant's byte of 0 to 255.
    """

    tensors: tuple[Tensor, ...]
    numbers: NDArray[np.int64]

    @property
    def firsts(self) -> list[int]:
        """The number of each map's first element, and how many elements there are."""
        return [0, *accumulate(prod(tensor.shape) for tensor in self.tensors)]

    @property
    def constant(self) -> bool:
        """Whether any element is a constant."""
        return bool((self.numbers < 0).any())

    def parts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each element the place of its map among the maps, and its place in that map; both -1 of a constant."""
        firsts = np.array(self.firsts)
        which = np.searchsorted(firsts, self.numbers, "right") - 1
        return which, np.where(which < 0, -1, self.numbers - firsts[which])

    def through(self, layout: Layout, fill: int = 0) -> Elements:
        """What a layout operator of one source makes of it; `fill` is the stored integer that a Pad puts around."""
        return self._only(laid(layout, self.numbers, fill=_constant(fill)))

    def values(self, maps: Sequence[NDArray[Any]], offset: int = 0) -> NDArray[Any]:
        """The elements of maps of such shapes, in their order; `offset` is what these have more than what is stored."""
        flat = np.concatenate([one.reshape(-1) for one in maps])
        constants = (-1 - self.numbers).astype(np.uint8).view(np.int8).astype(np.int16) + offset
        found: NDArray[Any] = np.where(self.numbers < 0, constants, flat[np.maximum(self.numbers, 0)])
        return found.astype(flat.dtype)

    def renamed(self, tensors: Sequence[Tensor], constants: Callable[[int], int]) -> Elements:
        """The same of other maps of the same shapes; `constants` are changed as their integers are."""
        numbers = self.numbers
        if self.constant:
            table = np.array([_constant(constants(_byte(code))) for code in range(256)], np.int64)
            numbers = np.where(numbers < 0, table[np.minimum(-1 - numbers, 255).clip(0)], numbers)
        return replace(self, tensors=tuple(tensors), numbers=numbers)

    def _only(self, numbers: NDArray[np.int64]) -> Elements:
        """Those maps alone that some of these numbers belong to."""
        return _compact(self.tensors, numbers)


def whole(tensor: Tensor) -> Elements:
    """A map as it is stored."""
    return Elements((tensor,), np.arange(prod(tensor.shape)).reshape(tensor.shape))


def joined(layout: Concat, parts: Sequence[Elements]) -> Elements:
    """Tensors one behind the other along an axis."""
    tensors = tuple(dict.fromkeys(tensor for part in parts for tensor in part.tensors))
    firsts = dict(zip(tensors, accumulate((prod(one.shape) for one in tensors), initial=0), strict=False))
    numbers = []
    for part in parts:
        moves = np.array([firsts[tensor] - first for tensor, first in zip(part.tensors, part.firsts, strict=False)])
        which, _ = part.parts()
        numbers.append(np.where(which < 0, part.numbers, part.numbers + moves[which]))
    return Elements(tensors, np.concatenate(numbers, layout.axis))


def laid(layout: Layout, values: NDArray[Any], *, fill: int = 0) -> NDArray[Any]:
    """A layout operator of one source on an array; `fill` is what a Pad puts around.

    >>> laid(Transpose((1, 0)), np.array([[1, 2]])).tolist()
    [[1], [2]]
    """
    match layout:
        case Transpose(order):
            return values.transpose(order)
        case Reshape():
            return values.reshape(layout.result(values.shape))
        case Slice(starts, shape, steps):
            axes = zip(starts, shape, steps, strict=True)
            return values[np.ix_(*(first + step * np.arange(count) for first, count, step in axes))]
        case Pad(before, after):
            return np.pad(values, list(zip(before, after, strict=True)), constant_values=fill)
        case DepthToSpace():
            return _spread(layout, values)
        case SpaceToDepth(block):
            images, channels, height, width = values.shape
            apart = values.reshape(images, channels, height // block, block, width // block, block)
            return apart.transpose(0, 3, 5, 1, 2, 4).reshape(layout.result(values.shape))
        case _:
            return _repeated(layout, values)


def _repeated(layout: Layout, values: NDArray[Any]) -> NDArray[Any]:
    match layout:
        case Tile(repeats):
            return np.tile(values, repeats)
        case Expand(shape):
            return np.broadcast_to(values, shape)
        case Repeat(factors):
            for axis, factor in enumerate(factors):
                values = values.repeat(factor, axis)
            return values
        case _:
            raise ValueError("a concatenation has more than one source")


def _spread(layout: DepthToSpace, values: NDArray[Any]) -> NDArray[Any]:
    images, channels, height, width = values.shape
    side, depth = layout.block, channels // layout.block**2
    if layout.innermost:
        apart = values.reshape(images, depth, side, side, height, width).transpose(0, 1, 4, 2, 5, 3)
    else:
        apart = values.reshape(images, side, side, depth, height, width).transpose(0, 3, 4, 1, 5, 2)
    return apart.reshape(layout.result(values.shape))


def _compact(tensors: tuple[Tensor, ...], numbers: NDArray[np.int64]) -> Elements:
    whole_one = Elements(tensors, numbers)
    which, _ = whole_one.parts()
    used = [place for place in range(len(tensors)) if (which == place).any()] or [0]
    if len(used) == len(tensors):
        return whole_one
    kept = tuple(tensors[place] for place in used)
    moves, first = np.zeros(len(tensors), np.int64), 0
    for place, tensor in zip(used, kept, strict=True):
        moves[place] = first - whole_one.firsts[place]
        first += prod(tensor.shape)
    return Elements(kept, np.where(which < 0, numbers, numbers + moves[which]))


def _constant(stored: int) -> int:
    """The number of a stored integer that is no map's."""
    return -1 - stored % 256


def _byte(code: int) -> int:
    """The stored integer of a code of 0 to 255."""
    return code - 256 * (code > 127)
