"""Writes a network layer by layer, as frameworks do, and counts the work of each operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from controller.access.operators import Concat, Slice
from controller.plan.network import Kind, Network, Operator, Tensor, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from controller.access.operators import Layout

Sizes = int | tuple[int, ...]
#: Operations of the vector unit for an element of the result, where it is not one.
_OPERATIONS = {Kind.NORMALIZATION: 2, Kind.SOFTMAX: 4, Kind.COPY: 0, Kind.CONCATENATION: 0, Kind.LOOKUP: 0}


@dataclass(frozen=True)
class Granularity:
    """Which steps after a convolution or dense layer are operators of their own; the others are part of it.

    With `scale` a normalization of its own is two: one for mean and variance, one for factor and offset.
    """

    bias: bool = False
    normalization: bool = False
    activation: bool = False
    scale: bool = False


FOLDED = Granularity()
SEPARATE = Granularity(bias=True, normalization=True, activation=True)
FOUR_STEPS = Granularity(bias=True, normalization=True, activation=True, scale=True)
ACTIVATIONS = Granularity(activation=True)


@dataclass
class Builder:
    """A network that grows operator by operator; methods return names of feature maps.

    Parameters
    ----------
    granularity
        What counts as an operator.
    width
        Bytes of an element, of maps and weights alike.
    """

    granularity: Granularity
    width: int
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def finish(self, name: str, outputs: Iterable[str]) -> Network:
        """The network, with these maps as its results."""
        return Network(name, tuple(self.tensors.values()), tuple(self.operators), tuple(self.inputs), tuple(outputs))

    def shape(self, x: str) -> tuple[int, ...]:
        """The shape of a map."""
        return self.tensors[x].shape

    def input(self, *shape: int) -> str:
        """A map from outside."""
        name = f"input{len(self.inputs)}"
        self.tensors[name] = Tensor(name, shape, self.width)
        self.inputs.append(name)
        return name

    def operator(
        self, kind: Kind, inputs: Sequence[str], shape: tuple[int, ...], *, macs: int = 0,
        operations: int | None = None, parameters: int = 0, reuse: int = 1, window: Window | None = None,
        layout: Layout | None = None,
    ) -> str:  # fmt: skip
        """Any operator with one result; operations of the vector unit are counted by kind unless they are given."""
        name = f"{kind}{len(self.operators)}"
        self.tensors[name] = Tensor(name, shape, self.width)
        if operations is None:
            operations = 0 if macs else prod(shape) * _OPERATIONS.get(kind, 1)
        once = tuple(dict.fromkeys(inputs))
        made = Operator(name, kind, once, (name,), macs, operations, parameters, reuse, window, layout)
        self.operators.append(made)
        return name

    def conv(
        self, x: str, channels: int, kernel: Sizes, *, stride: Sizes = 1, padding: Sizes | None = None, groups: int = 1,
        dilation: Sizes = 1, bias: bool = False, norm: bool = True, act: bool = True,
    ) -> str:  # fmt: skip
        """A convolution with what follows it; the padding that is left out keeps the size at stride 1."""
        source = self.shape(x)
        window, space = self._window(source[2:], kernel, stride, padding, dilation, ceil=False)
        per_group = source[1] // groups
        depthwise = groups > 1 and per_group == 1
        shape = (source[0], channels, *space)
        weights = channels * per_group * window.taps
        return self._followed(
            Kind.DEPTHWISE if depthwise else Kind.CONVOLUTION, x, shape, channels, weights=weights,
            macs=prod(shape) * per_group * window.taps, reuse=window.taps * channels // groups, window=window,
            bias=bias, norm=norm, act=act,
        )  # fmt: skip

    def dense(self, x: str, features: int, *, bias: bool = True, act: bool = False) -> str:
        """A product with a matrix of weights along the last dimension; maps of pixels are flattened first."""
        source = self.shape(x)
        rows, depth = (source[:-1], source[-1]) if len(source) <= 3 else (source[:1], prod(source[1:]))
        weights = depth * features
        return self._followed(
            Kind.DENSE, x, (*rows, features), features, weights=weights, macs=prod(rows) * weights, reuse=features,
            window=None, bias=bias, norm=False, act=act,
        )  # fmt: skip

    def product(self, x: str, y: str, shape: tuple[int, ...], depth: int) -> str:
        """A matrix product of two maps, heads side by side: each element of the result sums `depth` products."""
        return self.operator(Kind.PRODUCT, (x, y), shape, macs=prod(shape) * depth, reuse=shape[-1])

    def pool(
        self, x: str, kernel: Sizes, *, stride: Sizes | None = None, padding: Sizes = 0, ceil: bool = False
    ) -> str:
        """The maximum or mean of windows, each channel for itself."""
        source = self.shape(x)
        window, space = self._window(source[2:], kernel, kernel if stride is None else stride, padding, 1, ceil=ceil)
        shape = (*source[:2], *space)
        return self.operator(Kind.POOL, (x,), shape, operations=prod(shape) * window.taps, window=window)

    def global_pool(self, x: str) -> str:
        """The mean of each channel."""
        source = self.shape(x)
        return self.pool(x, source[2:])

    def add(self, *inputs: str, act: bool = False) -> str:
        """Sums of maps; a map that is smaller in some dimension counts for all of it."""
        result = self._elementwise(Kind.ELEMENTWISE, inputs)
        return self.rectify(result) if act else result

    def multiply(self, *inputs: str) -> str:
        """Products of maps, element by element."""
        return self._elementwise(Kind.GATE, inputs)

    def activation(self, x: str) -> str:
        """An activation that stands alone, whatever the granularity."""
        return self.operator(Kind.ACTIVATION, (x,), self.shape(x))

    def rectify(self, x: str) -> str:
        """An activation that belongs to what is before it, unless activations are operators."""
        return self.activation(x) if self.granularity.activation else x

    def follow(self, x: str) -> str:
        """A normalization and an activation behind any operator, where they are operators of their own."""
        return self.rectify(self._normalized(x) if self.granularity.normalization else x)

    def normalization(self, x: str) -> str:
        """A normalization that no layer before it can take up."""
        source = self.shape(x)
        return self.operator(Kind.NORMALIZATION, (x,), source, parameters=2 * source[-1 if len(source) <= 3 else 1])

    def softmax(self, x: str) -> str:
        """Along the last dimension."""
        return self.operator(Kind.SOFTMAX, (x,), self.shape(x))

    def concat(self, *inputs: str, axis: int = 1) -> str:
        """Maps side by side along an axis, channels if it is left out."""
        layout = Concat(axis)
        shape = layout.result(*(self.shape(x) for x in inputs))
        return self.operator(Kind.CONCATENATION, inputs, shape, layout=layout)

    def moved(self, x: str, *layouts: Layout) -> str:
        """The result of layout operators, one after another."""
        for layout in layouts:
            x = self.operator(Kind.COPY, (x,), layout.result(self.shape(x)), layout=layout)
        return x

    def part(self, x: str, axis: int, first: int, count: int) -> str:
        """Some indices of a map along an axis."""
        source = self.shape(x)
        starts = tuple(first if place == axis else 0 for place in range(len(source)))
        shape = (*source[:axis], count, *source[axis + 1 :])
        return self.moved(x, Slice(starts, shape, (1,) * len(source)))

    def copy(self, x: str, shape: tuple[int, ...]) -> str:
        """Some of the values of a map, unchanged."""
        return self.operator(Kind.COPY, (x,), shape)

    def resize(self, x: str, *space: int) -> str:
        """A map on another grid, bilinear."""
        shape = (*self.shape(x)[:2], *space)
        return self.operator(Kind.RESIZE, (x,), shape, operations=4 * prod(shape))

    def _normalized(self, x: str) -> str:
        """With factor and offset in a step of their own, the first has no parameters that are trained."""
        if self.granularity.scale:
            x = self.operator(Kind.NORMALIZATION, (x,), self.shape(x))
        return self.normalization(x)

    def _elementwise(self, kind: Kind, inputs: Sequence[str]) -> str:
        shape = max((self.shape(x) for x in inputs), key=prod)
        return self.operator(kind, inputs, shape, operations=(len(inputs) - 1) * prod(shape))

    def _followed(
        self, kind: Kind, x: str, shape: tuple[int, ...], channels: int, *, weights: int, macs: int, reuse: int,
        window: Window | None, bias: bool, norm: bool, act: bool,
    ) -> str:  # fmt: skip
        """A layer with weights, then its bias, normalization and activation where they are operators of their own."""
        own = self.granularity
        inside = channels if (bias and not own.bias) or (norm and not own.normalization) else 0
        x = self.operator(kind, (x,), shape, macs=macs, parameters=weights + inside, reuse=reuse, window=window)
        if bias and own.bias:
            x = self.operator(Kind.BIAS, (x,), shape, parameters=channels)
        if norm and own.normalization:
            x = self._normalized(x)
        return self.rectify(x) if act else x

    @staticmethod
    def _window(
        space: tuple[int, ...], kernel: Sizes, stride: Sizes, padding: Sizes | None, dilation: Sizes, *, ceil: bool
    ) -> tuple[Window, tuple[int, ...]]:
        """The window, and the space of its results."""

        def each(sizes: Sizes) -> tuple[int, ...]:
            return (sizes,) * len(space) if isinstance(sizes, int) else sizes

        kernels, strides, dilations = each(kernel), each(stride), each(dilation)
        reaches = [(k - 1) * d for k, d in zip(kernels, dilations, strict=True)]
        pads = tuple(reach // 2 for reach in reaches) if padding is None else each(padding)
        result = []
        for size, reach, step, pad in zip(space, reaches, strides, pads, strict=True):
            spare = size + 2 * pad - reach - 1
            count = (-(-spare // step) if ceil else spare // step) + 1
            result.append(count - (ceil and (count - 1) * step >= size + pad))
        return Window(kernels, strides, pads, dilations), tuple(result)
