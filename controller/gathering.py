"""The pixels that a node gathers, as rectangles of its maps whose pixels follow each other in the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.operators import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.graph import Pair
    from controller.layout import View


def rectangles(pixels: Sequence[Pair], views: Sequence[View]) -> Iterator[Gathered]:
    """Rectangles that cover the result, in order: whole rows together, the rest of a row apart."""
    for place, count in _runs(pixels):
        form, first = pixels[place]
        view = views[form]
        done = 0
        while done < count:
            row, column = divmod(first + done, view.width)
            width = min(view.width - column, count - done)
            height = (count - done) // view.width if width == view.width else 1
            yield Gathered(view, form, (row, row + height), (column, column + width), place + done)
            done += height * width


def _runs(pixels: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    """Where pixels begin that follow each other in one map, and how many they are."""
    begin = 0
    for place in range(1, len(pixels) + 1):
        form, pixel = pixels[place - 1]
        if place == len(pixels) or pixels[place] != (form, pixel + 1):
            yield begin, place - begin
            begin = place
