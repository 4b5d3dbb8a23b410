"""Pictures as SVG text: marks on a plot with its axes, and a key."""

from __future__ import annotations

from html import escape
from math import floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Distinct to people who see no red or no green (Okabe and Ito).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#000000")
_INK = "#333333"
_SIZE = 11


class Picture:
    """An SVG picture that grows mark by mark, in pixels from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._marks: list[str] = []

    def text(self, x: float, y: float, words: str, *, anchor: str = "middle", bold: bool = False) -> None:
        """Words on the baseline ``y``; ``anchor`` is start, middle or end."""
        weight = ' font-weight="bold"' if bold else ""
        self._marks.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}>{escape(words)}</text>')

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        self._marks.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{colour}"/>')

    def line(self, points: Iterable[tuple[float, float]], colour: str = _INK, *, width: float = 1) -> None:
        """Straight lines from point to point."""
        listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._marks.append(f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>')

    def cells(self, rectangles: Iterable[tuple[int, int, int, int]], place: str, colour: str) -> None:
        """Many rectangles (x, y, width, height) in units that the SVG transform ``place`` makes pixels."""
        path = "".join(f"M{x} {y}h{width}v{height}h-{width}z" for x, y, width, height in rectangles)
        self._marks.append(f'<path transform="{place}" fill="{colour}" d="{path}"/>')

    def key(self, x: float, y: float, entries: Sequence[tuple[str, str]]) -> None:
        """Names and their colours in a row."""
        for name, colour in entries:
            self.rectangle(x, y - _SIZE + 2, _SIZE, _SIZE, colour)
            self.text(x + _SIZE + 4, y, name, anchor="start")
            x += 2.2 * _SIZE + 0.62 * _SIZE * len(name)

    def svg(self) -> bytes:
        """The whole picture."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="sans-serif" font-size="{_SIZE}" fill="{_INK}" '
            'shape-rendering="crispEdges">'
        )
        paper = f'<rect width="{self.width}" height="{self.height}" fill="white"/>'
        return "\n".join([head, paper, *self._marks, "</svg>", ""]).encode()


def ticks(top: float, most: int = 8) -> list[float]:
    """Round numbers from 0 to at most ``top``, ``most`` of them or a few more.

    >>> ticks(930)
    [0, 200, 400, 600, 800]
    """
    if top <= 0:
        return [0]
    rough = top / most
    unit = 10 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * number for number in range(int(top / step) + 1)]
