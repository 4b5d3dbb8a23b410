"""The pixels that a node gathers, as lines of pixels of its maps that follow each other in the result."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from controller.choice import LARGEST_STRIDE
from controller.operators import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.graph import Pair
    from controller.layout import View

#: What lines have in common that may be taken together: form, first column, pixels, stride, column of the result.
Key = tuple[int, int, int, int, int]


def gathered(pixels: Sequence[Pair], views: Sequence[View], width: int) -> list[Gathered]:
    """What covers a result of rows of some width; the result of one row is covered in order."""
    if len(pixels) == width:
        return list(_rectangles(pixels, views))
    found: list[Gathered] = []
    rows: dict[Key, list[Gathered]] = {}
    for place in range(0, len(pixels), width):
        for one in _lines(pixels[place : place + width], views, place):
            if one.lines == 1:
                key = one.form, one.first[1], one.pixels, one.stride, (one.place - place)
                rows.setdefault(key, []).append(one)
            else:
                found.append(one)
    found += [whole for some in rows.values() for whole in _below(some)]
    return sorted(found, key=lambda one: one.place)


def _rectangles(pixels: Sequence[Pair], views: Sequence[View]) -> Iterator[Gathered]:
    """Whole rows of maps together, the rest of a row apart."""
    for place, count in _runs(pixels):
        form, first = pixels[place]
        view = views[form]
        done = 0
        while done < count:
            row, column = divmod(first + done, view.width)
            width = min(view.width - column, count - done)
            height = (count - done) // view.width if width == view.width else 1
            yield Gathered(view, form, (row, column), height, (1, 0), width, 1, place + done, width)
            done += height * width


def _runs(pixels: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    """Where pixels begin that follow each other in one map, and how many they are."""
    begin = 0
    for place in range(1, len(pixels) + 1):
        form, pixel = pixels[place - 1]
        if place == len(pixels) or pixels[place] != (form, pixel + 1):
            yield begin, place - begin
            begin = place


def _lines(pixels: Sequence[Pair], views: Sequence[View], place: int) -> Iterator[Gathered]:
    """A row of the result in pieces: pixels of a row or a column, some apart, each as often as the first of them."""
    begin = 0
    while begin < len(pixels):
        form, first = pixels[begin]
        view = views[form]
        again = _again(pixels, begin)
        step, count = _followed(pixels, begin, again, view.width)
        row = divmod(first, view.width)
        if again == 1 and step[0] == 0 and step[1] <= LARGEST_STRIDE:
            yield Gathered(view, form, row, 1, (1, 0), count, max(step[1], 1), place + begin, 1)
        else:
            yield Gathered(view, form, row, count, step, again, int(again == 1), place + begin, again)
        begin += again * count


def _again(pixels: Sequence[Pair], begin: int) -> int:
    """How often the pixel at a place comes in a row."""
    end = begin + 1
    while end < len(pixels) and pixels[end] == pixels[begin]:
        end += 1
    return end - begin


def _followed(pixels: Sequence[Pair], begin: int, again: int, width: int) -> tuple[Pair, int]:
    """The step of rows or columns by which pixels go on, each `again` times, and how many they are."""
    form, here = pixels[begin]
    rows, columns, count = 0, 0, 1
    for place in range(begin + again, len(pixels) - again + 1, again):
        other, pixel = pixels[place]
        (row, column), (to_row, to_column) = divmod(here, width), divmod(pixel, width)
        step = to_row - row, to_column - column
        alike = other == form and _again(pixels, place) >= again and min(step) == 0 < max(step)
        if not alike or (count > 1 and step != (rows, columns)):
            break
        (rows, columns), here, count = step, pixel, count + 1
    return (rows, columns), count


def _below(some: Sequence[Gathered]) -> Iterator[Gathered]:
    """Equal lines of rows of the result, one below the other, those of one row of the map each in another turn."""
    turns: list[list[Gathered]] = []
    seen: dict[int, int] = {}
    for one in some:
        turn = seen[one.first[0]] = seen.get(one.first[0], -1) + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(one)
    for lines in turns:
        begin = 0
        steps = [(other.first[0] - one.first[0], other.place - one.place) for one, other in pairwise(lines)]
        for end in range(1, len(lines) + 1):
            apart = end == len(lines) or steps[end - 1][0] < 1 or steps[end - 1] != steps[begin]
            if apart:
                yield _whole(lines[begin:end], steps[begin:])
                begin = end


def _whole(lines: Sequence[Gathered], steps: Sequence[Pair]) -> Gathered:
    """Lines as one."""
    first = lines[0]
    if len(lines) == 1:
        return first
    rows, pitch = steps[0]
    return Gathered(
        first.source, first.form, first.first, len(lines), (rows, 0), first.pixels, first.stride, first.place, pitch
    )
