"""Where every integer of a tensor lies: words of feature maps, weight tiles, tap weights, tables of constants.

A word is `rows` lanes of int8. A feature map's channels lie in blocks of lanes, in any order, and a block need not be
full; blocks may lie in several buffers. Lanes that hold no channel are padding, or another map's; consumers give them
no weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.geometry import Interval
    from spec.isa import TensorClass

Bytes = NDArray[np.int8]
#: For each block the channel in each lane, from lane 0 up; NOTHING where there is none.
Lanes = tuple[tuple[int, ...], ...]
NOTHING = -1


@dataclass(frozen=True, eq=False)
class Buffer:
    """What is bound to a slot: consecutive words in DRAM, padded to whole pages.

    Parameters
    ----------
    name, kind
        What it is called, and its class.
    words
        Its words.
    pitch, width
        Of every `pitch` words only the first `width` hold pixels, if `pitch` is not 0.
    """

    name: str
    kind: TensorClass
    words: int
    pitch: int = 0
    width: int = 0

    def pages(self, page_words: int) -> int:
        """The pages that hold it."""
        return -(-self.words // page_words)


@dataclass(frozen=True)
class Block:
    """A block of channels: of the `count` that each row of a buffer has, that of an `index`."""

    buffer: Buffer
    index: int
    count: int


@dataclass(frozen=True)
class View:
    """A feature map, block by block.

    Parameters
    ----------
    batch, height, width
        Its images, rows and columns.
    blocks
        Where its blocks lie. Word ((n * height + h) * count + index) * pitch + w of a block's buffer is its pixel
        (h, w) of image n; the pitch is the map's width, unless the buffer has one of its own.
    lanes
        The channels in each block.
    """

    batch: int
    height: int
    width: int
    blocks: tuple[Block, ...]
    lanes: Lanes

    @property
    def channels(self) -> int:
        """Channels in all blocks."""
        return sum(channel != NOTHING for block in self.lanes for channel in block)

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The buffers that it lies in."""
        return tuple(dict.fromkeys(block.buffer for block in self.blocks))

    @property
    def buffer(self) -> Buffer:
        """The one buffer of a map that is an input, or that an operator writes."""
        [buffer] = self.buffers
        return buffer

    @property
    def runs(self) -> list[Interval]:
        """Its blocks, (first, end), in pieces that follow each other in one buffer."""
        apart = [
            place
            for place, (one, other) in enumerate(pairwise(self.blocks), 1)
            if one.buffer is not other.buffer or one.index + 1 != other.index
        ]
        return list(pairwise([0, *apart, len(self.blocks)]))

    def pitch(self, block: int) -> int:
        """Words from a block to the next one in its buffer."""
        return self.blocks[block].buffer.pitch or self.width

    def row_stride(self, block: int) -> int:
        """Words from one row of a block to the next."""
        return self.blocks[block].count * self.pitch(block)

    def word(self, image: int, row: int, block: int, column: int) -> int:
        """The word of a pixel of a block, in the block's buffer."""
        one = self.blocks[block]
        return ((image * self.height + row) * one.count + one.index) * self.pitch(block) + column

    def folded(self) -> View:
        """The same words as one image, as high as all of them: for operators that look at each row alone."""
        return replace(self, batch=1, height=self.batch * self.height)


def blocks_of(buffer: Buffer, first: int, lanes: Lanes, count: int) -> tuple[Block, ...]:
    """As many blocks as there are in `lanes`, from block `first` of a buffer's `count` on."""
    return tuple(Block(buffer, first + place, count) for place in range(len(lanes)))


def full_blocks(channels: int, rows: int) -> Lanes:
    """The lanes of a map whose channels come in order, all blocks full but for the last.

    >>> full_blocks(3, 2)
    ((0, 1), (2,))
    """
    return tuple(tuple(range(start, min(start + rows, channels))) for start in range(0, channels, rows))


def positions(lanes: Lanes, rows: int) -> NDArray[np.int64]:
    """Block * rows + lane of every channel.

    >>> positions(((0, 2), (NOTHING, 1)), 4).tolist()
    [0, 5, 1]
    """
    found = {
        channel: block * rows + lane for block, some in enumerate(lanes) for lane, channel in enumerate(some)
    }
    found.pop(NOTHING, None)
    return np.array([found[channel] for channel in range(len(found))], np.int64)


def pack_map(view: View, rows: int, stored: Bytes, zero: int) -> Bytes:
    """The words of a view that is a whole buffer, shape (words, rows); `zero` fills lanes without a channel."""
    lanes = np.full((view.batch, len(view.blocks) * rows, view.height, view.width), zero, np.int8)
    lanes[:, positions(view.lanes, rows)] = stored
    blocked = lanes.reshape(view.batch, len(view.blocks), rows, view.height, view.width).transpose(0, 3, 1, 4, 2)
    apart = np.full((*blocked.shape[:3], view.pitch(0), rows), zero, np.int8)
    apart[:, :, :, : view.width] = blocked
    return apart.reshape(-1, rows)


def unpack_map(view: View, rows: int, words: Callable[[Buffer], Bytes]) -> Bytes:
    """The map, (batch, channels, height, width), from the words of its buffers, each of shape (words, rows)."""
    blocks = [
        words(one.buffer).reshape(view.batch, view.height, one.count, view.pitch(block), rows)[:, :, one.index]
        for block, one in enumerate(view.blocks)
    ]
    lanes = np.stack([block[:, :, : view.width] for block in blocks], 1).transpose(0, 1, 4, 2, 3)
    return lanes.reshape(view.batch, -1, view.height, view.width)[:, positions(view.lanes, rows)]


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


def pack_taps(weights: Bytes, lanes: Lanes, rows: int) -> Bytes:
    """Tap weights of a depthwise kernel, block after block: (blocks * taps, rows), a word a tap, lane = channel."""
    channels, _, height, width = weights.shape
    spread = np.zeros((len(lanes) * rows, height * width), np.int8)
    spread[positions(lanes, rows)] = weights.reshape(channels, -1)
    return spread.reshape(len(lanes), rows, -1).transpose(0, 2, 1).reshape(-1, rows)


def pack_constants(bias: NDArray[Any], scale: NDArray[Any], lanes: Lanes, rows: int) -> Bytes:
    """Tables of constants, block after block: (blocks * 8, rows); lanes without a channel have bias 0, scale 0."""
    table = np.zeros(len(lanes) * rows, np.dtype([("bias", "<i4"), ("scale", "<f4")]))
    where = positions(lanes, rows)
    table["bias"][where], table["scale"][where] = bias, scale
    return table.view(np.int8).reshape(-1, rows)
