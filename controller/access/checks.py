"""Checks by sets: every element written exactly once, none read before it is written, none outside a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import islpy as isl

from controller.access.sets import Shape, box

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from controller.access.compose import Origins


class AccessError(Exception):
    """Elements are written or read as they must not be; the text names some."""


@dataclass(frozen=True)
class Nest:
    """A loop nest that runs whole: what it reads, then what it writes, each as elements of stored tensors."""

    name: str
    reads: tuple[tuple[str, isl.Set], ...]
    writes: tuple[tuple[str, isl.Set], ...]


def check_origins(name: str, origins: Origins, shapes: Mapping[str, Shape]) -> None:
    """Check that every element of a tensor has one origin, and that this is an element of a stored tensor.

    Raises
    ------
    AccessError
        If an element has two origins or none, or one outside its tensor.
    """
    left = box(origins.shape)
    for root, one in origins.maps.items():
        if not one.is_single_valued():
            raise AccessError(f"{name} has elements that are two of {root}")
        outside = one.range().subtract(box(shapes[root]))
        if not outside.is_empty():
            raise AccessError(f"{name} reads {root} at {_some(outside)}, outside its {shapes[root]}")
    for part in [*(one.domain() for one in origins.maps.values()), *origins.constants.values()]:
        missing = part.subtract(left)
        if not missing.is_empty():
            raise AccessError(f"{name} gets {_some(missing)} twice, or has no such element")
        left = left.subtract(part)
    if not left.is_empty():
        raise AccessError(f"{name} gets nothing at {_some(left)}")


def check_order(shapes: Mapping[str, Shape], given: Iterable[str], nests: Iterable[Nest]) -> None:
    """Check that nests in order write every element of every tensor once, and read none before.

    `shapes` are the stored tensors, `given` those that are written before the first nest.

    Raises
    ------
    AccessError
        If an element is written twice or never, or read before.
    """
    written = {name: isl.Set.empty(box(shape).get_space()) for name, shape in shapes.items()}
    written |= {name: box(shapes[name]) for name in given}
    for nest in nests:
        for name, some in nest.reads:
            early = some.subtract(written[name])
            if not early.is_empty():
                raise AccessError(f"{nest.name} reads {name} at {_some(early)} before it is written")
        for name, some in nest.writes:
            again = some.subtract(box(shapes[name])).union(some.intersect(written[name]))
            if not again.is_empty():
                raise AccessError(f"{nest.name} writes {name} at {_some(again)} a second time, or outside it")
            written[name] = written[name].union(some).coalesce()
    for name, shape in shapes.items():
        never = box(shape).subtract(written[name])
        if not never.is_empty():
            raise AccessError(f"{name} is never written at {_some(never)}")


def injective(origins: Origins) -> bool:
    """Whether no two elements have the same origin: then what reads a tensor can also be where it is written."""
    return all(one.is_injective() for one in origins.maps.values())


def _some(elements: isl.Set) -> str:
    point = elements.lexmin().sample_point()
    rank = elements.dim(isl.dim_type.set)
    return str([point.get_coordinate_val(isl.dim_type.set, axis).to_python() for axis in range(rank)])
