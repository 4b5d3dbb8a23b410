"""Network inputs of few channels: pixels side by side in the lanes of words, for a convolution of fewer taps.

A packed pixel holds a box of a window's pixels, `dilation` apart, and the kernel's rows and columns are taken in turns
of so many: of a 7x7 kernel over 3 channels, 7x2 pixels are 42 channels, three words of 16 lanes, and four turns make 12
passes instead of 49. Nothing but the host's copy of the image, and the weights, knows of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, prod
from typing import TYPE_CHECKING

import numpy as np

from controller.choice import LARGEST_DILATION
from controller.graph import Convolution, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.graph import Graph, Pair, Tensor
    from controller.layout import Bytes
    from spec.config import Config

#: Cycles below which an image is left as it comes: what is saved would hardly show.
_LEAST_SAVED = 4096


@dataclass(frozen=True)
class Packing:
    """How the pixels of a map are packed; all are pairs of rows and columns.

    Parameters
    ----------
    box
        Pixels of the map in a packed one.
    dilation
        From one of them to the next.
    grid
        From a packed pixel's first to the next one's. No window begins between them.
    before
        Before the map's first pixel the first packed one begins: the convolution's padding.
    size
        Packed pixels.
    """

    box: Pair
    dilation: Pair
    grid: Pair
    before: Pair
    size: Pair

    def pack(self, stored: Bytes, zero: int) -> Bytes:
        """A map, (batch, channels, height, width), as (batch, rows * columns * channels, height, width).

        Channels are those of the box's pixels one after the other, row by row; `zero` lies outside the map.
        """
        spans = [(size - 1) * grid + 1 for size, grid in zip(self.size, self.grid, strict=True)]
        reach = [span + (box - 1) * step for span, box, step in zip(spans, self.box, self.dilation, strict=True)]
        (top, left), (height, width) = self.before, stored.shape[2:]
        shape = max(reach[0], top + height), max(reach[1], left + width)
        padded = np.full((*stored.shape[:2], *shape), zero, np.int8)
        padded[..., top : top + height, left : left + width] = stored
        rows, columns = (range(0, box * step, step) for box, step in zip(self.box, self.dilation, strict=True))
        shifted = [
            padded[..., row : row + spans[0] : self.grid[0], column : column + spans[1] : self.grid[1]]
            for row, column in product(rows, columns)
        ]
        return np.concatenate(shifted, axis=1)

    def weights(self, weights: Bytes) -> Bytes:
        """A convolution's weights for packed pixels; zero where a turn goes beyond the kernel."""
        outputs, channels, *kernel = weights.shape
        (tall, wide), (rows, columns) = _turns((kernel[0], kernel[1]), self.box), self.box
        spread = np.zeros((outputs, channels, tall * rows, wide * columns), np.int8)
        spread[..., : kernel[0], : kernel[1]] = weights
        split = spread.reshape(outputs, channels, tall, rows, wide, columns)
        return split.transpose(0, 3, 5, 1, 2, 4).reshape(outputs, rows * columns * channels, tall, wide)


def pack_inputs(graph: Graph, config: Config) -> tuple[Graph, dict[str, Packing]]:
    """The graph with packed inputs, and their packings by tensor name.

    An input is packed that one convolution reads and nothing else, if that saves more cycles of the array than the
    larger image takes of the bus.
    """
    packings: dict[str, Packing] = {}
    nodes = list(graph.nodes)
    for index, node in _stems(graph):
        packing = _packing(node, config)
        if packing is not None:
            packings[node.source.name] = packing
            nodes[index] = _packed_convolution(node, packing)
    inputs = tuple(
        replace(port, tensor=_packed(port.tensor, packings[port.tensor.name])) if port.tensor.name in packings else port
        for port in graph.inputs
    )
    return replace(graph, nodes=tuple(nodes), inputs=inputs), packings


def _stems(graph: Graph) -> Iterator[tuple[int, Convolution]]:
    """Convolutions that alone read a network input."""
    inputs = {port.tensor.name for port in graph.inputs} - {tensor.name for tensor in graph.leaving}
    reads = Counter(tensor.name for node in graph.nodes for tensor in sources(node))
    for index, node in enumerate(graph.nodes):
        if not isinstance(node, Convolution) or node.groups > 1:
            continue
        if node.source.name in inputs and reads[node.source.name] == 1:
            yield index, node


def _packing(node: Convolution, config: Config) -> Packing | None:
    """The packing of fewest cycles; of equals that of most rows, whose bands of outputs share the fewest words."""
    kernel = node.weights.shape[2], node.weights.shape[3]
    plain = Packing((1, 1), node.dilations, (1, 1), (0, 0), (node.source.shape[2], node.source.shape[3]))
    most = _cycles(node, plain, config) - _LEAST_SAVED
    rows, columns = ({-(-taps // turns) for turns in range(1, taps + 1)} for taps in kernel)
    boxes = product(sorted(rows, reverse=True), sorted(columns))
    found = [
        packing
        for packing in (_boxed(node, box) for box in boxes)
        if max(_packed_convolution(node, packing).dilations) <= LARGEST_DILATION
        and _cycles(node, packing, config) <= most
    ]
    return min(found, key=lambda one: _cycles(node, one, config), default=None)


def _boxed(node: Convolution, box: Pair) -> Packing:
    """The packing with a box of some size."""
    grid, size = [], []
    kernel = node.weights.shape[2], node.weights.shape[3]
    for axis, turns in enumerate(_turns(kernel, box)):
        stride, turn = node.strides[axis], box[axis] * node.dilations[axis]
        grid.append(gcd(stride, turn) if turns > 1 else stride)
        size.append(((node.result.shape[2 + axis] - 1) * stride + (turns - 1) * turn) // grid[axis] + 1)
    return Packing(box, node.dilations, (grid[0], grid[1]), (node.pads[0], node.pads[1]), (size[0], size[1]))


def _cycles(node: Convolution, packing: Packing, config: Config) -> int:
    """Cycles of the array for all passes, and of the bus for the image."""
    batch, outputs, *size = node.result.shape
    words = -(-node.source.shape[1] * prod(packing.box) // config.rows)
    passes = words * prod(_turns((node.weights.shape[2], node.weights.shape[3]), packing.box))
    fetched = batch * prod(packing.size) * words * config.rows // config.bus_bytes
    return passes * batch * prod(size) * -(-outputs // config.cols) + fetched


def _turns(kernel: Pair, box: Pair) -> Pair:
    return -(-kernel[0] // box[0]), -(-kernel[1] // box[1])


def _packed_convolution(node: Convolution, packing: Packing) -> Convolution:
    """The convolution of packed pixels, all of whose padding is packed too."""
    weights, grid = packing.weights(node.weights), packing.grid
    turns = zip(weights.shape[2:], packing.box, node.dilations, grid, strict=True)
    rows, columns = (box * step // pixels if count > 1 else 1 for count, box, step, pixels in turns)
    strides = node.strides[0] // grid[0], node.strides[1] // grid[1]
    source = _packed(node.source, packing)
    return replace(node, source=source, weights=weights, strides=strides, dilations=(rows, columns), pads=(0, 0, 0, 0))


def _packed(tensor: Tensor, packing: Packing) -> Tensor:
    batch, channels = tensor.shape[:2]
    return replace(tensor, shape=(batch, channels * prod(packing.box), *packing.size))
