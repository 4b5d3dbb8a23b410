"""Tiles of an output and what they reach of the input; no machine in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

Interval = tuple[int, int]


@dataclass(frozen=True)
class Tile:
    """Rows and columns, (first, end), of an image, and the index of the requantization that they have."""

    image: int
    rows: Interval
    columns: Interval
    form: int = 0

    @property
    def height(self) -> int:
        """Its rows."""
        return self.rows[1] - self.rows[0]

    @property
    def width(self) -> int:
        """Its columns."""
        return self.columns[1] - self.columns[0]

    @property
    def pixels(self) -> int:
        """Its pixels."""
        return self.height * self.width


@dataclass(frozen=True)
class Axis:
    """A window along one axis: `size` of the map, and kernel positions `taps` (first, end) of the whole kernel."""

    size: int
    taps: Interval
    stride: int
    dilation: int
    pad: int

    def reach(self, outputs: Interval) -> tuple[Interval, int]:
        """The part of the map that outputs read, at least one wide, and where their first tap is from its start."""
        first = outputs[0] * self.stride - self.pad + self.taps[0] * self.dilation
        last = (outputs[1] - 1) * self.stride - self.pad + (self.taps[1] - 1) * self.dilation
        low = min(max(first, 0), self.size - 1)
        high = min(max(last, low), self.size - 1) + 1
        return (low, high), first - low


def pieces(total: int, size: int) -> list[Interval]:
    """Intervals of `size` that cover `total`, the last perhaps smaller.

    >>> pieces(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(start, min(start + size, total)) for start in range(0, total, size)]


def sizes(total: int, most: int) -> list[int]:
    """Piece sizes worth trying: those that cut `total` evenly, largest first, few where there are many.

    >>> sizes(10, 4)
    [4, 3, 2, 1]
    """
    found: list[int] = []
    parts = -(-total // most)
    while parts <= total:
        size = -(-total // parts)
        if not found or size < found[-1]:
            found.append(size)
        parts = max(parts + 1, parts * 5 // 4)
    return found if found[-1] == 1 else [*found, 1]


def rectangles(which: NDArray[np.int64]) -> list[tuple[Interval, Interval, int]]:
    """A map of indices as rectangles of one index each: rows, columns, index."""
    found: list[tuple[Interval, Interval, int]] = []
    for rows in _equal_runs([tuple(row) for row in which.tolist()]):
        for columns in _equal_runs(which[rows[0]].tolist()):
            found += [(rows, columns, int(which[rows[0], columns[0]]))]
    return found


def _equal_runs(values: Sequence[object]) -> list[Interval]:
    starts = [index for index, value in enumerate(values) if not index or value != values[index - 1]]
    return list(zip(starts, [*starts[1:], len(values)], strict=True))


def tiles(batch: int, size: Interval, step: Interval, which: NDArray[np.int64] | None) -> list[Tile]:
    """Tiles of at most `step` (height, width) that cover `batch` images of `size`, bands from the top.

    Where `which` gives each position an index, no tile has two.
    """
    parts = [((0, size[0]), (0, size[1]), 0)] if which is None else rectangles(which)
    found: list[Tile] = []
    for image in range(batch):
        for band in pieces(size[0], step[0]):
            for rows, columns, form in parts:
                low, high = max(rows[0], band[0]), min(rows[1], band[1])
                if low >= high:
                    continue
                width = columns[1] - columns[0]
                found += [
                    Tile(image, (low, high), (columns[0] + left, columns[0] + right), form)
                    for left, right in pieces(width, step[1])
                ]
    return found
