"""Network inputs of few channels: columns side by side in a word's lanes, for a convolution of fewer kernel columns.

A word then holds the pixels of `columns` columns, `step` apart, and the kernel's columns are taken in turns of so many:
a 7x7 kernel over 3 channels on 16 lanes is 7x2 words of four pixels, 14 passes instead of 49. Nothing but the host's
copy of the image, and the weights, knows of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from controller.choice import LARGEST_DILATION
from controller.graph import Convolution, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.graph import Graph, Tensor
    from controller.layout import Bytes
    from spec.config import Config

#: Cycles of the array below which an image is left as it comes: what is saved would hardly show.
_LEAST_SAVED = 4096


@dataclass(frozen=True)
class Packing:
    """How the columns of a map are packed.

    Parameters
    ----------
    columns, step
        Columns in a word, and from one to the next.
    left
        Columns before the map's first that word 0 begins with: the convolution's padding.
    width
        Words of a row.
    """

    columns: int
    step: int
    left: int
    width: int

    def pack(self, stored: Bytes, zero: int) -> Bytes:
        """A map, (batch, channels, height, width), as (batch, columns * channels, height, words).

        Lane c * channels + k of word x is channel k of column x - left + c * step; `zero` lies outside the map.
        """
        batch, channels, height, width = stored.shape
        reach = self.width + (self.columns - 1) * self.step
        padded = np.full((batch, channels, height, max(reach, self.left + width)), zero, np.int8)
        padded[..., self.left : self.left + width] = stored
        shifted = [padded[..., c * self.step : c * self.step + self.width] for c in range(self.columns)]
        return np.concatenate(shifted, axis=1)

    def weights(self, weights: Bytes) -> Bytes:
        """A convolution's weights for packed words; zero where a turn has no kernel column."""
        outputs, channels, rows, taps = weights.shape
        turns = -(-taps // self.columns)
        spread = np.zeros((outputs, channels, rows, turns * self.columns), np.int8)
        spread[..., :taps] = weights
        split = spread.reshape(outputs, channels, rows, turns, self.columns)
        return split.transpose(0, 4, 1, 2, 3).reshape(outputs, self.columns * channels, rows, turns)


def pack_inputs(graph: Graph, config: Config) -> tuple[Graph, dict[str, Packing]]:
    """The graph with packed inputs, and their packings by tensor name.

    An input is packed that one convolution reads and nothing else, if several of its pixels fit a word and that saves
    passes.
    """
    packings: dict[str, Packing] = {}
    nodes = list(graph.nodes)
    for index, node in _stems(graph):
        packing = _packing(node, config)
        if packing is not None:
            packings[node.source.name] = packing
            nodes[index] = replace(
                node,
                source=_packed(node.source, packing),
                weights=packing.weights(node.weights),
                dilations=(node.dilations[0], packing.columns * packing.step),
                pads=(node.pads[0], 0, node.pads[2], 0),
            )
    inputs = tuple(
        replace(port, tensor=_packed(port.tensor, packings[port.tensor.name])) if port.tensor.name in packings else port
        for port in graph.inputs
    )
    return replace(graph, nodes=tuple(nodes), inputs=inputs), packings


def _stems(graph: Graph) -> Iterator[tuple[int, Convolution]]:
    """Convolutions that alone read a network input."""
    inputs = {port.tensor.name for port in graph.inputs} - {port.tensor.name for port in graph.outputs}
    reads = Counter(tensor.name for node in graph.nodes for tensor in sources(node))
    for index, node in enumerate(graph.nodes):
        if not isinstance(node, Convolution) or node.groups > 1:
            continue
        if node.source.name in inputs and reads[node.source.name] == 1:
            yield index, node


def _packing(node: Convolution, config: Config) -> Packing | None:
    channels, (rows, taps) = node.source.shape[1], node.weights.shape[2:]
    most = min(taps, config.rows // channels)
    if most < 2:
        return None
    turns = -(-taps // most)
    columns, step = -(-taps // turns), node.dilations[1]
    batch, outputs, height, width = node.result.shape
    saved = (taps - turns) * rows * batch * height * width * -(-outputs // config.cols)
    if saved < _LEAST_SAVED or (turns > 1 and columns * step > LARGEST_DILATION):
        return None
    words = (width - 1) * node.strides[1] + (turns - 1) * columns * step + 1
    return Packing(columns, step, node.pads[1], words)


def _packed(tensor: Tensor, packing: Packing) -> Tensor:
    batch, channels, height, _ = tensor.shape
    return replace(tensor, shape=(batch, channels * packing.columns, height, packing.width))
