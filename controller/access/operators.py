"""Layout operators as access functions: from each element of the result to the element of a source that it copies.

A layout operator is a loop nest Y[f_s(i)] = X[f_l(i)] that computes nothing (Zheng et al., "Optimizing memory-access
patterns for deep learning accelerators", arXiv 2002.12798, section 2). With Y's elements as the iterations f_s is the
identity, and what is left to say is f_l: one map for each source. The maps of an operator have disjoint domains;
elements in none of them hold a constant. What each operator means is ONNX's definition of it, opset 13 and up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from controller.access.sets import Shape, position, relation

if TYPE_CHECKING:
    import islpy as isl


class _OneSource(ABC):
    """An operator with one source: what relates their elements says all."""

    def access(self, source: Shape) -> tuple[isl.Map]:
        """The map from elements of the result to the source's."""
        return (relation(self.result(source), source, self._copied(source), ("p", "q")),)

    @abstractmethod
    def result(self, source: Shape) -> Shape:
        """The shape of the result."""

    @abstractmethod
    def _copied(self, source: Shape) -> list[str]:
        """Constraints between elements o of the result and elements i of the source; p and q are any integers."""


@dataclass(frozen=True)
class Transpose(_OneSource):
    """Axis `order[k]` of the source is axis k of the result."""

    order: tuple[int, ...]

    def result(self, source: Shape) -> Shape:
        """The sizes in the new order."""
        return tuple(source[axis] for axis in self.order)

    def _copied(self, source: Shape) -> list[str]:  # noqa: ARG002 (the order says all)
        return [f"i{axis} = o{place}" for place, axis in enumerate(self.order)]


@dataclass(frozen=True)
class Reshape(_OneSource):
    """The same elements in the same order under another shape: Reshape, Flatten, Squeeze, Unsqueeze, Identity."""

    shape: Shape

    def result(self, source: Shape) -> Shape:
        """The new shape.

        Raises
        ------
        ValueError
            If it has another number of elements.
        """
        if prod(source) != prod(self.shape):
            raise ValueError(f"a reshape must keep {prod(source)} elements, not make {prod(self.shape)} of them")
        return self.shape

    def _copied(self, source: Shape) -> list[str]:
        # An equation, not quotients and remainders: intermediate indices then vanish in a chain, and do not pile up.
        return [f"{position('o', self.shape)} = {position('i', source)}"]


@dataclass(frozen=True)
class Slice(_OneSource):
    """`shape[k]` indices along axis k, from `starts[k]` on, `steps[k]` apart; a step may be negative."""

    starts: tuple[int, ...]
    shape: Shape
    steps: tuple[int, ...]

    def result(self, source: Shape) -> Shape:
        """The shape of what is taken.

        Raises
        ------
        ValueError
            If some of it lies outside the source.
        """
        for first, count, step, size in zip(self.starts, self.shape, self.steps, source, strict=True):
            if not (0 <= first < size and 0 <= first + (count - 1) * step < size):
                raise ValueError(f"a slice must lie in {size} indices, not take {count} from {first}, {step} apart")
        return self.shape

    def _copied(self, source: Shape) -> list[str]:  # noqa: ARG002 (starts and steps say all)
        ends = zip(self.starts, self.steps, strict=True)
        return [f"i{axis} = {first} + {step}o{axis}" for axis, (first, step) in enumerate(ends)]


@dataclass(frozen=True)
class Concat:
    """Sources one behind the other along an axis."""

    axis: int

    def result(self, *sources: Shape) -> Shape:
        """The sizes along the axis together."""
        whole = list(sources[0])
        whole[self.axis] = sum(source[self.axis] for source in sources)
        return tuple(whole)

    def access(self, *sources: Shape) -> tuple[isl.Map, ...]:
        """For each source the map from its part of the result."""
        first, maps = 0, []
        for source in sources:
            shift = [f"i{axis} = o{axis} - {first if axis == self.axis else 0}" for axis in range(len(source))]
            maps.append(relation(self.result(*sources), source, shift))
            first += source[self.axis]
        return tuple(maps)


@dataclass(frozen=True)
class Pad(_OneSource):
    """The source with `before[k]` and `after[k]` elements of a constant around it along axis k."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: float = 0.0

    def result(self, source: Shape) -> Shape:
        """The sizes with what is around."""
        return tuple(sum(sizes) for sizes in zip(self.before, source, self.after, strict=True))

    def _copied(self, source: Shape) -> list[str]:  # noqa: ARG002 (elements without a source hold the constant)
        return [f"i{axis} = o{axis} - {before}" for axis, before in enumerate(self.before)]


@dataclass(frozen=True)
class Tile(_OneSource):
    """The source `repeats[k]` times along axis k."""

    repeats: tuple[int, ...]

    def result(self, source: Shape) -> Shape:
        """The sizes times the repeats."""
        return tuple(size * repeat for size, repeat in zip(source, self.repeats, strict=True))

    def _copied(self, source: Shape) -> list[str]:
        return [f"i{axis} = o{axis} mod {size}" for axis, size in enumerate(source)]


@dataclass(frozen=True)
class Expand(_OneSource):
    """The source with its axes of size 1 repeated up to a shape of the same rank."""

    shape: Shape

    def result(self, source: Shape) -> Shape:  # noqa: ARG002 (any source that fits gives this shape)
        """The shape."""
        return self.shape

    def _copied(self, source: Shape) -> list[str]:
        return [f"i{axis} = {'0' if size == 1 else f'o{axis}'}" for axis, size in enumerate(source)]


@dataclass(frozen=True)
class Repeat(_OneSource):
    """Every element `factors[k]` times in a row along axis k: a Resize to the nearest, asymmetric, rounded down."""

    factors: tuple[int, ...]

    def result(self, source: Shape) -> Shape:
        """The sizes times the factors."""
        return tuple(size * factor for size, factor in zip(source, self.factors, strict=True))

    def _copied(self, source: Shape) -> list[str]:  # noqa: ARG002 (the factors say all)
        return [f"{factor}i{axis} <= o{axis} < {factor}i{axis} + {factor}" for axis, factor in enumerate(self.factors)]


@dataclass(frozen=True)
class DepthToSpace(_OneSource):
    """Channels to blocks of `block` x `block` pixels: depth outermost in the channels (DCR), or innermost (CRD)."""

    block: int
    innermost: bool = False

    def result(self, source: Shape) -> Shape:
        """Fewer channels, more pixels."""
        images, channels, height, width = source
        return images, channels // self.block**2, height * self.block, width * self.block

    def _copied(self, source: Shape) -> list[str]:
        channels, side = source[1] // self.block**2, self.block
        depth = f"{side**2}o1 + {side}p + q" if self.innermost else f"{side * channels}p + {channels}q + o1"
        return ["i0 = o0", f"i1 = {depth}", *_pixels("o", "i", side)]


@dataclass(frozen=True)
class SpaceToDepth(_OneSource):
    """Blocks of `block` x `block` pixels to channels, depth outermost."""

    block: int

    def result(self, source: Shape) -> Shape:
        """More channels, fewer pixels."""
        images, channels, height, width = source
        return images, channels * self.block**2, height // self.block, width // self.block

    def _copied(self, source: Shape) -> list[str]:
        channels, side = source[1], self.block
        return ["i0 = o0", f"o1 = {side * channels}p + {channels}q + i1", *_pixels("i", "o", side)]


#: An operator that copies elements and changes none.
Layout = Transpose | Reshape | Slice | Concat | Pad | Tile | Expand | Repeat | DepthToSpace | SpaceToDepth


def _pixels(fine: str, coarse: str, side: int) -> list[str]:
    """Row p and column q of a fine pixel in its block, and the coarse pixel that the block is."""
    rows = f"{fine}2 = {side}{coarse}2 + p and 0 <= p < {side}"
    return [rows, f"{fine}3 = {side}{coarse}3 + q and 0 <= q < {side}"]
