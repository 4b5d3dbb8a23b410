"""Products of two feature maps: the second one's words are tiles of weights, where they lie."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from controller.commands import Range

if TYPE_CHECKING:
    from controller.geometry import Interval
    from controller.layout import View
    from controller.operators import Operator


def rounded(width: int, rows: int) -> int:
    """The pitch of a map whose pixels are tiles' rows or columns: the last tile ends within it.

    >>> rounded(5, 4)
    8
    """
    return -(-width // rows) * rows


def product_runs(operator: Operator) -> list[Interval]:
    """Blocks of the first map, (first, end), in pieces that follow each other in a buffer of either map."""
    first, other = operator.source, operator.other
    assert other is not None
    if not operator.turned:
        return first.runs
    borders = sorted({end for view in (first, other) for run in view.runs for end in run})
    return list(pairwise(borders))


def tiles_range(operator: Operator, image: int, output: int, blocks: Interval, rows: int) -> Range:
    """The tiles of the second map that some blocks of the first meet, for a block of outputs.

    Turned, pixels of a block of outputs are columns: a run of `rows` words of every block. Else channels of a block are
    columns, and pixels are rows: one run of them.
    """
    other = operator.other
    assert other is not None
    first, count = blocks[0], blocks[1] - blocks[0]
    if operator.turned:
        start = other.word(image, 0, first, output * rows)
        return Range(other.blocks[first].buffer, start, rows, other.pitch(first), count)
    return Range(other.blocks[output].buffer, other.word(image, 0, output, first * rows), count * rows)


def within(view: View, rows: int) -> bool:
    """Whether the tiles of a map end within its blocks' pitches."""
    return all(view.pitch(block) % rows == 0 for block in range(len(view.blocks)))
