"""The quantized network between the ONNX file and the program: tensors, twelve kinds of node, nothing else.

Integers are as the machine stores them: int8. A tensor that ONNX calls uint8 is stored minus 128, with
`unsigned` set; its zero point, its bounds and its padding are stored values too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.elements import Elements

Shape = tuple[int, int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Tensor:
    """A feature map: batch, channels, height, width.

    Parameters
    ----------
    name
        The ONNX name of the quantized tensor.
    shape
        Batch, channels, height, width; a matrix of ONNX has height and width 1.
    scale
        The float32 scale, as a Python number.
    zero
        The zero point as stored, -128 to 127.
    unsigned
        Whether ONNX holds `stored + 128` in uint8.
    """

    name: str
    shape: Shape
    scale: float
    zero: int
    unsigned: bool

    @property
    def offset(self) -> int:
        """What ONNX's integer exceeds the stored one by."""
        return 128 if self.unsigned else 0


@dataclass(frozen=True, eq=False)
class Requantize:
    """Sums to stored integers: `clamp(rint(f32(f32(sum + bias) * scale)) + zero, low, high)`, perhaps looked up.

    `bias` (int32) and `scale` (float32) have one entry for each output channel. `sum` is of stored integers, so
    the input's zero point is folded into `bias`. With a `table`, 256 stored integers, the result is the entry of
    that byte: those of 0 to 127 come first, then those of -128 to -1. With an `average` the
    sum is a window's byte, of the table that mode AVERAGE has as its WEIGHTS; no network has that, only its operators.
    """

    bias: NDArray[np.int32]
    scale: NDArray[np.float32]
    zero: int
    low: int
    high: int
    table: NDArray[np.int8] | None = None
    average: NDArray[np.int32] | None = None


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution; a dense layer is one whose kernel covers its whole input.

    `weights` are int8, (output channels, input channels / groups, kernel height, kernel width). `pads` are top,
    left, bottom, right, filled with the input's stored zero point.
    """

    name: str
    source: Tensor
    result: Tensor
    weights: NDArray[np.int8]
    groups: int
    strides: Pair
    pads: Shape
    dilations: Pair
    requantize: Requantize

    @property
    def depthwise(self) -> bool:
        """Whether each output channel reads one input channel of its own."""
        return self.groups == self.source.shape[1] == self.result.shape[1]

    @property
    def macs(self) -> int:
        """Multiplications by a weight, padding included."""
        return int(np.prod(self.result.shape)) * int(np.prod(self.weights.shape[1:]))


@dataclass(frozen=True, eq=False)
class SequentialAverage:
    """An average whose result depends on the order of float32 additions, not on the integer sum alone.

    The kernel computes `sum = f32(sum + f32(input_scale * (x - input zero)))` over a window's taps in row order,
    then `clamp(rint(f32(f32(f32(sum / divisor) / output_scale) + zero)))`, with ONNX's own zero points and bounds.
    It is needed only where some window's mean lies on the border between two results.
    """

    divisor: int


@dataclass(frozen=True, eq=False)
class Pool:
    """The maximum, the requantized sum, or the average of each channel's window.

    `pads` are filled with -128 for a maximum and with the stored zero point for an average; with ONNX's ceil mode
    they reach as far as the last window. An output position (row, column) uses `forms[which[row, column]]`: an average
    that does not count padding has one for each number of valid taps.
    """

    name: str
    kind: Literal["max", "average"]
    source: Tensor
    result: Tensor
    kernel: Pair
    strides: Pair
    pads: Shape
    dilations: Pair
    forms: tuple[Requantize | SequentialAverage, ...]
    which: NDArray[np.int64]


@dataclass(frozen=True)
class Addition:
    """Two feature maps: `clamp(rint(fma(first, first_ratio, fma(second, second_ratio, fixed))) + zero, low, high)`.

    `first` and `second` enter as ONNX's integers (stored plus 128 where unsigned). `fixed` holds the zero point of
    ONNX's result; `zero` is -128 where that is unsigned, else 0. A fused multiply-add rounds to float32 once.
    """

    name: str
    first: Tensor
    second: Tensor
    result: Tensor
    fixed: float
    first_ratio: float
    second_ratio: float
    zero: int
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Rescale:
    """Each integer requantized on its own: an activation function between two quantizations, or a change of scale."""

    name: str
    source: Tensor
    result: Tensor
    requantize: Requantize


@dataclass(frozen=True, eq=False)
class Concatenation:
    """Feature maps side by side along channels; None where an operand's bytes are taken as they are."""

    name: str
    sources: tuple[Tensor, ...]
    result: Tensor
    requantizes: tuple[Requantize | None, ...]


@dataclass(frozen=True)
class Selection:
    """Some channels of a feature map in any order, as they are: channel c of the result is `channels[c]`."""

    name: str
    source: Tensor
    result: Tensor
    channels: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Product:
    """The product of two feature maps of one row each, whose pixels are tokens.

    Channel c of pixel t of the result is the requantized sum over k of `(first[t, k] - first.zero) *
    (second[k, c] - second.zero)`, where `second[k, c]` is pixel k's channel c, or with `turned` pixel c's channel k.
    `requantize.bias` is zero: the sums have no zero points to fold.
    """

    name: str
    first: Tensor
    second: Tensor
    result: Tensor
    turned: bool
    requantize: Requantize

    @property
    def macs(self) -> int:
        """Multiplications of two activations."""
        return int(np.prod(self.result.shape)) * self.first.shape[1]


@dataclass(frozen=True, eq=False)
class Softmax:
    """Softmax over each pixel's channels: `exponentials[largest - x]` over their sum, in units of 2^-24, requantized.

    `exponentials` are 256 of uint16, the first the largest.
    """

    name: str
    source: Tensor
    result: Tensor
    exponentials: NDArray[np.uint16]
    requantize: Requantize


@dataclass(frozen=True, eq=False)
class Normalization:
    """Each pixel's channels less their mean, over their standard deviation, in units of 2^-16, requantized.

    `epsilon` is what the variance is increased by, times the square of the channels' number and over that of the
    source's scale, as an integer. Scale and bias of each channel are in `requantize`.
    """

    name: str
    source: Tensor
    result: Tensor
    epsilon: int
    requantize: Requantize


@dataclass(frozen=True, eq=False)
class Multiplication:
    """Two feature maps, lane by lane: `(first - first.zero) * (second - second.zero)`, requantized."""

    name: str
    first: Tensor
    second: Tensor
    result: Tensor
    requantize: Requantize


@dataclass(frozen=True, eq=False)
class Gather:
    """Pixels of feature maps, in any order: copies, for which the machine has windows of 1x1.

    Pixel p of the result is pixel `pixels[p][1]` of map `pixels[p][0]`, counted row by row, image after image; a
    source's bytes are requantized, or where its entry of `requantizes` is None taken as they are.
    """

    name: str
    sources: tuple[Tensor, ...]
    result: Tensor
    requantizes: tuple[Requantize | None, ...]
    pixels: tuple[Pair, ...]


@dataclass(frozen=True, eq=False)
class Constant:
    """A feature map that the network itself has: biases for each token, learned positions, the class token."""

    name: str
    result: Tensor
    values: NDArray[np.int8]


Node = (
    Convolution | Pool | Addition | Rescale | Concatenation | Selection | Product | Softmax | Normalization
    | Multiplication | Gather | Constant
)  # fmt: skip


@dataclass(frozen=True)
class Port:
    """An input or output of the network: its ONNX name and shape, and the tensor that holds it.

    `tokens` says that ONNX has channels as the last axis and pixels of the one row before: (batch, tokens, channels).
    With `elements` an output is put together of several maps, element by element, of which `tensor` is one; and an
    input is stored as the `tensor` that these elements are of the map that it would else be.
    """

    name: str
    shape: tuple[int, ...]
    tensor: Tensor
    tokens: bool = False
    elements: Elements | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The maps that an output is put together of."""
        return (self.tensor,) if self.elements is None else self.elements.tensors

    def taken(self, stored: NDArray[np.int8]) -> NDArray[np.int8]:
        """An input's map, of the map that ONNX's input is."""
        return stored if self.elements is None else self.elements.values([stored])


@dataclass(frozen=True, eq=False)
class Graph:
    """A quantized network: nodes in an order in which every tensor is computed before it is read."""

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def macs(self) -> int:
        """Multiplications by a weight, or of two activations in a sum, in one run of the whole batch."""
        return sum(node.macs for node in self.nodes if isinstance(node, Convolution | Product))

    @property
    def leaving(self) -> tuple[Tensor, ...]:
        """The maps that outputs are put together of."""
        return tuple(dict.fromkeys(tensor for port in self.outputs for tensor in port.tensors))

    @property
    def equal(self) -> bool:
        """Whether its integers are onnxruntime's in every element; docs/numerics.md has of these nodes how near."""
        return not any(isinstance(node, Softmax | Normalization | Multiplication) for node in self.nodes)


def sources(node: Node) -> tuple[Tensor, ...]:
    """The feature maps that a node reads, in order."""
    if isinstance(node, Addition | Product | Multiplication):
        return node.first, node.second
    if isinstance(node, Constant):
        return ()
    return node.sources if isinstance(node, Concatenation | Gather) else (node.source,)
