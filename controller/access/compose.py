"""Access functions composed through chains of layout operators: what each element really is.

If Y copies X and X copies W, a read of Y's element j is a read of W's element f(g(j)), and neither X nor Y need
exist. Where several tensors are copied into one (Concat), or a constant surrounds it (Pad), the domain splits: each
part of Y has an origin of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import islpy as isl

from controller.access.operators import Pad
from controller.access.sets import Shape, UndecidedError, bounded, box

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from controller.access.operators import Layout

#: Each division is a counter of its own in whatever generates the addresses, and a window has a row and a column.
MOST_DIVISIONS = 3

Key = TypeVar("Key", str, float)
Some = TypeVar("Some", isl.Map, isl.Set)


@dataclass(frozen=True)
class Copy:
    """A layout operator in a graph; a source may be named more than once."""

    layout: Layout
    sources: tuple[str, ...]
    result: str


@dataclass(frozen=True)
class Origins:
    """Where the elements of a tensor come from.

    Parameters
    ----------
    shape
        The tensor's.
    maps
        For each tensor that is stored, the map from this one's elements to its; their domains are disjoint.
    constants
        For each constant the elements that hold it.
    """

    shape: Shape
    maps: Mapping[str, isl.Map]
    constants: Mapping[float, isl.Set]

    @property
    def divisions(self) -> int:
        """Quotients that the longest of its descriptions needs."""
        return max([*map(_divisions, self.maps.values()), *map(_divisions, self.constants.values())], default=0)


def stored(name: str, shape: Shape) -> Origins:
    """A tensor that is its own origin."""
    return Origins(shape, {name: box(shape).identity()}, {})


def through(layout: Layout, sources: Sequence[Origins]) -> Origins:
    """What a layout operator makes of tensors whose origins are known."""
    shapes = [source.shape for source in sources]
    shape = layout.result(*shapes)
    maps: dict[str, isl.Map] = {}
    constants: dict[float, isl.Set] = {}
    accesses = layout.access(*shapes)
    for source, access in zip(sources, accesses, strict=True):
        for name, one in source.maps.items():
            _join(maps, name, access.apply_range(one))
        for value, some in source.constants.items():
            _join(constants, value, access.intersect_range(some).domain())
    if isinstance(layout, Pad):
        _join(constants, layout.value, box(shape).subtract(accesses[0].domain()))
    return Origins(shape, maps, constants)


def origins(shapes: Mapping[str, Shape], copies: Iterable[Copy]) -> dict[str, Origins]:
    """The origins of all tensors of a graph; those of `shapes` are stored, the others made by copies, in order.

    A tensor is stored, too, where its access would have more than `MOST_DIVISIONS`: what reads it begins there.
    """
    found = {name: stored(name, shape) for name, shape in shapes.items()}
    for copy in copies:
        one = through(copy.layout, [found[name] for name in copy.sources])
        found[copy.result] = one if one.divisions <= MOST_DIVISIONS else stored(copy.result, one.shape)
    return found


def _divisions(part: isl.Map | isl.Set) -> int:
    whole = part.wrap() if isinstance(part, isl.Map) else part
    return max((one.dim(isl.dim_type.div) for one in whole.get_basic_sets()), default=0)


def _is_empty(part: isl.Map | isl.Set) -> bool:
    """Whether it is known to be empty."""
    try:
        with bounded():
            return bool(part.is_empty())
    except UndecidedError:
        return False


def _join(parts: dict[Key, Some], key: Key, part: Some) -> None:
    # To find out that a long access is empty takes longer than anything else here, and it will not be used.
    if _divisions(part) <= MOST_DIVISIONS and _is_empty(part):
        return
    parts[key] = parts[key].union(part).coalesce() if key in parts else part.coalesce()
