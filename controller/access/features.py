"""The features of a tensor as an operator meets them: in which words of stored tensors, in which lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import islpy as isl

from controller.access.generators import why_not
from controller.access.placement import at_first_pixel, moved_words, same_words, word_numbers
from controller.access.sets import box

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.access.compose import Origins
    from controller.access.operands import Operand


def met(
    origins: Origins, storage: Mapping[str, isl.Map], pixels: tuple[int, ...], operand: Operand, *, free: bool
) -> isl.Map | str:
    """From features, at pixel 0, to [word, lane], or why not; words of several stored tensors get numbers of their own.

    `free` says that features without a place (a constant's) do not matter.
    """
    found: isl.Map | None = None
    around, port = set(origins.constants), operand.port
    if around and (port.kind != "window" or port.padded or around != {0.0}):
        return "only a window's surroundings can be constant, all of them, and only zero"
    for root, access in origins.maps.items():
        address = access.apply_range(storage[root])
        # A tensor that is stored itself lies in rows and columns, wherever that is; weights need more.
        if root != operand.tensor or port.kind == "tiles":
            reason = why_not(address, pixels, port) or _crossed(origins, root, pixels, wide=port.wide)
            if reason:
                return reason
        features = at_first_pixel(address, pixels)
        if found is None:
            found = features
        elif found.domain().is_disjoint(features.domain()):
            behind = word_numbers(found)[-1] + 1 - word_numbers(features)[0]
            found = found.union(moved_words(features, behind)).coalesce()
        elif not _agree(found, features):
            return "its pixels and others' have features in different lanes"
    if found is None:
        return "it is constant"
    if not free and not _first(box(origins.shape), pixels).is_subset(found.domain()):
        return "some of its features are constants"
    return found


def numbered(features: isl.Map, own: isl.Map) -> bool:
    """Whether features lie as they are numbered, which `own` says: block after block, each full."""
    return same_words(own.intersect_domain(features.domain()), features)


def _agree(found: isl.Map, features: isl.Map) -> bool:
    """Whether another part of the pixels has its features in the same lanes, and as many of them."""
    return bool(found.domain().is_equal(features.domain())) and same_words(found, features)


def _crossed(origins: Origins, root: str, pixels: tuple[int, ...], *, wide: bool) -> str | None:
    """Why windows of several taps cannot take a part: what is around it is neither its own nor zero."""
    if not wide:
        return None
    mine = origins.maps[root].domain()
    everywhere = mine
    for axis in pixels:
        everywhere = everywhere.eliminate(isl.dim_type.set, axis, 1)
    around = everywhere.intersect(box(origins.shape)).subtract(mine)
    zero = origins.constants.get(0.0)
    if around.is_empty() or (zero is not None and around.is_subset(zero)):
        return None
    return "windows cross from its pixels to others"


def _first(elements: isl.Set, pixels: tuple[int, ...]) -> isl.Set:
    """The elements at pixel 0."""
    for axis in pixels:
        elements = elements.fix_val(isl.dim_type.set, axis, isl.Val(0))
    return elements
