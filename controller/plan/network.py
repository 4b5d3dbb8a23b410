"""A network as planners see it: tensors with sizes, operators with work, no values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from controller.access.operators import Layout


class Kind(StrEnum):
    """What an operator is, as far as planning cares."""

    CONVOLUTION = "convolution"  # weights over a window of all channels, or of a group of several
    DEPTHWISE = "depthwise"  # weights over a window of one channel
    DENSE = "dense"  # weights over all features of a row
    PRODUCT = "product"  # a matrix product of two feature maps
    POOL = "pool"
    ELEMENTWISE = "elementwise"  # sums of maps
    GATE = "gate"  # products of maps, element by element
    ACTIVATION = "activation"
    NORMALIZATION = "normalization"
    BIAS = "bias"
    SOFTMAX = "softmax"
    CONCATENATION = "concatenation"
    COPY = "copy"  # moves values and changes none
    RESIZE = "resize"
    LOOKUP = "lookup"  # rows of a table, by index


@dataclass(frozen=True)
class Tensor:
    """A feature map.

    Parameters
    ----------
    name
        Its own in the network.
    shape
        Batch first; then channels and space, or tokens and features.
    width
        Bytes of an element.
    page
        Bytes of a page, of which it occupies whole ones.
    """

    name: str
    shape: tuple[int, ...]
    width: int
    page: int = 1

    @property
    def elements(self) -> int:
        """How many values it holds."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """What it occupies."""
        return -(-self.elements * self.width // self.page) * self.page


@dataclass(frozen=True)
class Window:
    """How an operator's output rows depend on input rows; an entry for each spatial dimension, height before width."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def taps(self) -> int:
        """Positions of the kernel."""
        return prod(self.kernel)


@dataclass(frozen=True)
class Cut:
    """How a real machine runs an operator.

    Parameters
    ----------
    rows
        Rows of its result that are computed together at the most.
    parameters
        Bytes of weights and tables that it has to hold at the worst moment.
    streams
        For each of its maps the bytes that it has to hold at the worst moment if the map comes and goes meanwhile.
    """

    rows: int
    parameters: int
    streams: Mapping[str, int]


@dataclass(frozen=True)
class Operator:
    """A step that is run whole.

    Parameters
    ----------
    name
        Its own in the network.
    kind
        What it is.
    inputs, outputs
        Names of feature maps. An input that is read twice is named once.
    macs
        Multiplications by a weight or of two maps, padding included: work of the matrix unit.
    operations
        Operations on elements: work of the vector unit.
    parameters
        Elements of its weights, all kinds together.
    reuse
        In how many products or sums one element of an input takes part at most.
    window
        For operators on windows.
    layout
        For concatenations and copies: which element goes where, if it has been said.
    aligned
        Inputs of which a row of the result needs the same row, whatever the window.
    cut
        On a real machine, how that runs it.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: int = 0
    operations: int = 0
    parameters: int = 0
    reuse: int = 1
    window: Window | None = None
    layout: Layout | None = None
    aligned: tuple[str, ...] = ()
    cut: Cut | None = None

    def held(self, resident: AbstractSet[str]) -> int:
        """Bytes that it takes beside the maps that are resident, where that is known."""
        if self.cut is None:
            return 0
        return self.cut.parameters + sum(size for name, size in self.cut.streams.items() if name not in resident)

    def streamed(self, name: str) -> int:
        """Bytes of these that a map takes which is not resident."""
        return 0 if self.cut is None else self.cut.streams.get(name, 0)


@dataclass(frozen=True)
class Network:
    """A layer graph; operators stand in an order in which each can run after those before it.

    Parameters
    ----------
    name
        The name on the command line.
    tensors
        All feature maps.
    operators
        In the order of the framework that the network comes from.
    inputs, outputs
        Names of the maps that come from outside, and of those that leave.

    Raises
    ------
    ValueError
        If an operator reads what nothing has made, or a map is made twice, or named without being listed.
    """

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        made = set(self.inputs)
        for operator in self.operators:
            missing = set(operator.inputs) - made
            if missing:
                raise ValueError(f"{self.name}: {operator.name} reads {min(missing)} before anything makes it")
            again = made & set(operator.outputs)
            if again or len(set(operator.outputs)) != len(operator.outputs):
                raise ValueError(f"{self.name}: {operator.name} makes {min(again or operator.outputs)} a second time")
            made |= set(operator.outputs)
        loose = made.symmetric_difference(self.tensor) | (set(self.outputs) - made)
        if loose:
            raise ValueError(f"{self.name}: {min(loose)} must be listed and made")

    @cached_property
    def tensor(self) -> dict[str, Tensor]:
        """Feature maps by name."""
        return {tensor.name: tensor for tensor in self.tensors}

    @cached_property
    def producer(self) -> dict[str, int]:
        """The place among the operators of the one that makes a map; inputs of the network have none."""
        return {name: place for place, operator in enumerate(self.operators) for name in operator.outputs}

    @cached_property
    def consumers(self) -> dict[str, tuple[int, ...]]:
        """The places among the operators of those that read a map, ascending."""
        found: dict[str, list[int]] = {tensor.name: [] for tensor in self.tensors}
        for place, operator in enumerate(self.operators):
            for name in operator.inputs:
                found[name].append(place)
        return {name: tuple(places) for name, places in found.items()}

    @property
    def macs(self) -> int:
        """Products of all operators."""
        return sum(operator.macs for operator in self.operators)

    @property
    def parameters(self) -> int:
        """Elements of all weights."""
        return sum(operator.parameters for operator in self.operators)

    def weight_bytes(self, operator: Operator) -> int:
        """What an operator's weights occupy, in elements as wide as the maps."""
        return operator.parameters * self.tensors[0].width

    def in_order(self, order: Iterable[int]) -> Network:
        """The same network with its operators in another order, given by their present places.

        Raises
        ------
        ValueError
            If the order is none of all operators in which each runs after those it reads from.
        """
        places = tuple(order)
        if sorted(places) != list(range(len(self.operators))):
            raise ValueError(f"{self.name}: an order must name each operator once")
        return replace(self, operators=tuple(self.operators[place] for place in places))
