"""What a name of the ONNX graph stands for while it is read: constants, feature maps, unfinished operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.graph import Node, Shape, Tensor
from controller.numerics import quantize

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from controller.access.compose import Origins
    from controller.elements import Elements
    from controller.numerics import Floats, Integers
    from controller.source import SourceNode


@dataclass(frozen=True, eq=False)
class QuantizedConstant:
    """Integers with a scale and zero point for all, or for each slice along `axis`."""

    values: NDArray[Any]
    scale: NDArray[np.float32]
    zero: NDArray[np.int64]
    axis: int

    def centred(self) -> NDArray[np.int64]:
        """The integers minus their zero points."""
        zero = self.zero
        if zero.size > 1:
            zero = zero.reshape([-1 if side == self.axis else 1 for side in range(self.values.ndim)])
        return self.values.astype(np.int64) - zero

    def real(self) -> Floats:
        """The float numbers that they stand for."""
        around = [-1 if side == self.axis and self.scale.size > 1 else 1 for side in range(self.values.ndim)]
        return self.centred().astype(np.float32) * self.scale.reshape(around)


@dataclass(frozen=True)
class Map:
    """A feature map, and how ONNX sees it.

    Parameters
    ----------
    tensor
        The map.
    rank
        How many dimensions ONNX sees: batch, channels, height and width, of which 3 lack the height, which is 1.
    flat
        ONNX sees (batch, channels * height * width).
    quantized
        It is integers to ONNX, not the floats that they stand for.
    tokens
        ONNX sees (batch, width, channels), or as a matrix (width, channels) of one image; the height is 1.
    """

    tensor: Tensor
    rank: int
    flat: bool = False
    quantized: bool = True
    tokens: bool = False

    @property
    def onnx_shape(self) -> tuple[int, ...]:
        """The shape that ONNX gives it."""
        batch, channels, height, width = self.tensor.shape
        if self.tokens:
            return (batch, width, channels)[3 - self.rank :]
        if self.flat or self.rank == 2:
            return batch, channels * height * width
        return (batch, channels, width) if self.rank == 3 else (batch, channels, height, width)


@dataclass(frozen=True)
class Stack:
    """Matrices along the last two axes of a tensor, each a map of one row and one image: mostly one for each head.

    Parameters
    ----------
    tensors
        One for each index of the other axes, the last of which runs fastest.
    leading
        The sizes of those axes.
    turned
        A matrix's rows are channels and its columns pixels; else it is the other way round.
    quantized
        They are integers to ONNX.
    """

    tensors: tuple[Tensor, ...]
    leading: tuple[int, ...]
    turned: bool = False
    quantized: bool = True

    @property
    def tensor(self) -> Tensor:
        """The first, which is like all of them."""
        return self.tensors[0]

    @property
    def onnx_shape(self) -> tuple[int, ...]:
        """The shape that ONNX gives it."""
        _, channels, _, width = self.tensor.shape
        return (*self.leading, *((channels, width) if self.turned else (width, channels)))


@dataclass(frozen=True, eq=False)
class Moved:
    """What layout operators made of feature maps: where in them each element comes from.

    Parameters
    ----------
    elements
        That, as a table. The maps have one quantization, but for those of a Concat that none follows.
    access
        The same on integer sets, when it is asked for.
    quantized
        They are integers to ONNX.
    """

    elements: Elements
    access: Callable[[], Origins]
    quantized: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that ONNX gives it."""
        return self.elements.numbers.shape

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The maps."""
        return self.elements.tensors

    @property
    def origins(self) -> Origins:
        """Where its elements come from, on integer sets."""
        return self.access()

    @property
    def tensor(self) -> Tensor:
        """One of them."""
        return self.tensors[0]


@dataclass(frozen=True, eq=False)
class Unfinished:
    """An operator that waits for the QuantizeLinear that names its result's integers.

    `build` makes its node for a result tensor; `before` are nodes that it needs. `low` and `high` are the real bounds
    of a Relu or Clip between them; `clamps` says that `build` heeds them itself. `tokens`: see `Map`.
    """

    node: SourceNode
    shape: Shape
    rank: int
    build: Callable[[Tensor, float, float], Node]
    low: float = -np.inf
    high: float = np.inf
    clamps: bool = False
    tokens: bool = False
    before: tuple[Node, ...] = ()


@dataclass(frozen=True, eq=False)
class Several:
    """An operator on each matrix of a stack: see `Unfinished` and `Stack`."""

    parts: tuple[Unfinished, ...]
    leading: tuple[int, ...]
    turned: bool = False


@dataclass(frozen=True, eq=False)
class Function:
    """A float function of each integer of a map, or of each map of a stack, that waits for its QuantizeLinear.

    Parameters
    ----------
    node
        The operator that ends it.
    source
        What it is a function of.
    real
        Its results for all 256 integers, in ascending order.
    kernel
        The integers that onnxruntime's kernel makes if the QuantizeLinear follows at once; else they are quantized.
    """

    node: SourceNode
    source: Map | Stack
    real: Floats
    kernel: Callable[[Quantization], Integers] | None = None

    def entries(self, form: Quantization) -> Integers:
        """The integers, as ONNX has them, in some quantization."""
        if self.kernel is not None:
            return self.kernel(form)
        return quantize(self.real, form.scale, form.zero, form.low, form.high)


@dataclass(frozen=True)
class Waiting:
    """A float input of the network that waits for its QuantizeLinear."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Joined:
    """A Concat of what layout operators made, along any axis, that waits for its QuantizeLinear, if there is one."""

    node: SourceNode
    parts: tuple[Moved, ...]
    axis: int


@dataclass(frozen=True, eq=False)
class Later:
    """What layout operators make of a value that is not quantized yet: done when it is.

    Parameters
    ----------
    value
        The value before all of them.
    moves
        The operators in order, and which of its results each hands on.
    """

    value: Unfinished | Several | Function | Waiting | Joined
    moves: tuple[tuple[SourceNode, int], ...]


Value = QuantizedConstant | Map | Stack | Moved | Unfinished | Several | Function | Waiting | Joined | Later


@dataclass(frozen=True)
class Quantization:
    """Scale, zero point as ONNX has it, and whether the integers are uint8."""

    scale: float
    zero: int
    unsigned: bool

    @property
    def low(self) -> int:
        """The smallest integer, as ONNX has it."""
        return 0 if self.unsigned else -128

    @property
    def high(self) -> int:
        """The largest integer, as ONNX has it."""
        return self.low + 255


def quantization_of(tensor: Tensor) -> Quantization:
    """A tensor's quantization in ONNX's own integers."""
    return Quantization(tensor.scale, tensor.zero + tensor.offset, tensor.unsigned)


def stored(name: str, shape: Shape, form: Quantization) -> Tensor:
    """The tensor as the machine stores it."""
    return Tensor(name, shape, form.scale, form.zero - 128 * form.unsigned, form.unsigned)


def clamped(form: Quantization, low: float, high: float) -> tuple[int, int]:
    """The integers, as ONNX has them, of a real interval's ends."""
    ends = quantize(np.array([low, high], np.float32), form.scale, form.zero, form.low, form.high)
    return int(ends[0]), int(ends[1])
