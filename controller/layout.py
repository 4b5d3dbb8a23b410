"""Where every integer of a tensor lies: words of feature maps, weight tiles, tap weights, tables of constants.

A word is `rows` lanes of int8. A feature map's channels fill blocks of lanes, but a block need not be full: a
concatenation keeps the blocks of its parts. Lanes that hold no channel are padding; consumers give them no weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec.isa import TensorClass

Bytes = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Buffer:
    """What is bound to a slot: consecutive words in DRAM, padded to whole pages."""

    name: str
    kind: TensorClass
    words: int

    def pages(self, page_words: int) -> int:
        """The pages that hold it."""
        return -(-self.words // page_words)


@dataclass(frozen=True)
class View:
    """A feature map within a buffer.

    Parameters
    ----------
    buffer
        Whose words it uses. Word ((n * height + h) * blocks + b) * width + w is pixel (h, w) of block b of image n.
    batch, height, width
        Its images, rows and columns.
    blocks
        Channel blocks of the whole buffer.
    first
        The buffer's block that is this map's block 0.
    lanes
        Channels in each of the map's blocks, from lane 0 up.
    """

    buffer: Buffer
    batch: int
    height: int
    width: int
    blocks: int
    first: int
    lanes: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Channels in all blocks."""
        return sum(self.lanes)

    @property
    def row_stride(self) -> int:
        """Words from one row to the next."""
        return self.blocks * self.width

    def word(self, image: int, row: int, block: int, column: int) -> int:
        """The word of a pixel of one of the map's blocks."""
        return ((image * self.height + row) * self.blocks + self.first + block) * self.width + column

    def folded(self) -> View:
        """The same words as one image, as high as all of them: for operators that look at each row alone."""
        return replace(self, batch=1, height=self.batch * self.height)


def full_blocks(channels: int, rows: int) -> tuple[int, ...]:
    """The lanes of a map whose blocks are full but for the last.

    >>> full_blocks(17, 8)
    (8, 8, 1)
    """
    return tuple(min(rows, channels - start) for start in range(0, channels, rows))


def positions(lanes: Sequence[int], rows: int) -> NDArray[np.int64]:
    """Block * rows + lane of every channel.

    >>> positions((2, 1), 4).tolist()
    [0, 1, 4]
    """
    return np.concatenate([block * rows + np.arange(count) for block, count in enumerate(lanes)])


def pack_map(view: View, rows: int, stored: Bytes, zero: int) -> Bytes:
    """The words of a view that is a whole buffer, shape (words, rows); `zero` fills lanes without a channel."""
    lanes = np.full((view.batch, view.blocks * rows, view.height, view.width), zero, np.int8)
    lanes[:, view.first * rows + positions(view.lanes, rows)] = stored
    blocked = lanes.reshape(view.batch, view.blocks, rows, view.height, view.width)
    return blocked.transpose(0, 3, 1, 4, 2).reshape(-1, rows)


def unpack_map(view: View, rows: int, words: Bytes) -> Bytes:
    """The map, (batch, channels, height, width), from the words of its buffer, shape (words, rows)."""
    blocked = words.reshape(view.batch, view.height, view.blocks, view.width, rows).transpose(0, 2, 4, 1, 3)
    lanes = blocked.reshape(view.batch, view.blocks * rows, view.height, view.width)
    return lanes[:, view.first * rows + positions(view.lanes, rows)]


def spread_weights(weights: Bytes, groups: int, source: View, result: View, rows: int) -> Bytes:
    """Weights by lane: (result blocks * rows, source blocks * rows, kernel height, kernel width), zero elsewhere."""
    outputs, inputs = positions(result.lanes, rows), positions(source.lanes, rows)
    spread = np.zeros((len(result.lanes) * rows, len(source.lanes) * rows, *weights.shape[2:]), np.int8)
    per_output, per_input = len(outputs) // groups, len(inputs) // groups
    for group in range(groups):
        some = slice(group * per_output, (group + 1) * per_output)
        spread[np.ix_(outputs[some], inputs[group * per_input : (group + 1) * per_input])] = weights[some]
    return spread


def pack_tiles(spread: Bytes, rows: int) -> Bytes:
    """Weight tiles in the order of passes, (tiles * rows, rows): kernel row, kernel column, channel block innermost.

    `spread` holds the weights of one block of outputs, (rows, blocks * rows, kernel rows, kernel columns).
    """
    outputs, inputs, height, width = spread.shape
    split = spread.reshape(outputs, inputs // rows, rows, height, width)
    return split.transpose(3, 4, 1, 2, 0).reshape(-1, rows)


def pack_taps(weights: Bytes, lanes: Sequence[int], rows: int) -> Bytes:
    """Tap weights of a depthwise kernel, block after block: (blocks * taps, rows), a word a tap, lane = channel."""
    channels, _, height, width = weights.shape
    spread = np.zeros((len(lanes) * rows, height * width), np.int8)
    spread[positions(lanes, rows)] = weights.reshape(channels, -1)
    return spread.reshape(len(lanes), rows, -1).transpose(0, 2, 1).reshape(-1, rows)


def pack_constants(bias: NDArray[Any], scale: NDArray[Any], lanes: Sequence[int], rows: int) -> Bytes:
    """Tables of constants, block after block: (blocks * 8, rows); lanes without a channel have bias 0, scale 0."""
    table = np.zeros(len(lanes) * rows, np.dtype([("bias", "<i4"), ("scale", "<f4")]))
    where = positions(lanes, rows)
    table["bias"][where], table["scale"][where] = bias, scale
    return table.view(np.int8).reshape(-1, rows)
