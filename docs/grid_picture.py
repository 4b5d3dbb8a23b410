"""The picture of `make policies`: a panel for each network and bus, a line for each policy over sizes."""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Any

from controller.picture import COLOURS, Picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEFT, _TOP, _WIDTH, _HEIGHT, _GAP = 150, 44, 220, 120, 44
#: Room for the key.
_LEAST_WIDTH = 900
_BOUND = "infinite scratchpad"


def grid_picture(
    rows: Sequence[Mapping[str, Any]], networks: Sequence[str], sizes: Sequence[int], buses: Sequence[int]
) -> bytes:
    """SVG: speed-up over `none` against KiB; the dashed line above is the infinite scratchpad."""
    width = max(_LEAST_WIDTH, _LEFT + len(buses) * (_WIDTH + _GAP))
    picture = Picture(width, _TOP + len(networks) * (_HEIGHT + _GAP) + 20)
    picture.text(_LEFT, 18, "speed-up over no management, against KiB of scratchpad", anchor="start", bold=True)
    names = list(rows[0]["policies"])[1:]
    for column, bus in enumerate(buses):
        x = _LEFT + column * (_WIDTH + _GAP)
        picture.text(x + _WIDTH / 2, 36, f"{bus}-byte bus")
        for line, network in enumerate(networks):
            here = [row for row in rows if (row["network"], row["bus"]) == (network, bus)]
            _panel(picture, x, _TOP + line * (_HEIGHT + _GAP), here, names, sizes)
    for line, network in enumerate(networks):
        picture.text(_LEFT - 34, _TOP + line * (_HEIGHT + _GAP) + _HEIGHT / 2, network, anchor="end")
    entries = list(zip([*names, _BOUND], COLOURS, strict=False))
    picture.key(_LEFT, picture.height - 10, entries)
    return picture.svg()


def _panel(
    picture: Picture, left: float, top: float, rows: Sequence[Mapping[str, Any]], names: Sequence[str],
    sizes: Sequence[int],
) -> None:  # fmt: skip
    speedups = {
        name: [(row["kib"], row["policies"]["none"]["cycles"] / row["policies"][name]["cycles"]) for row in rows]
        for name in names
    }
    speedups[_BOUND] = [
        (row["kib"], row["policies"]["none"]["cycles"] / row["bounds"]["infinite_scratchpad_cycles"])
        for row in rows
        if row["bounds"]["infinite_scratchpad_cycles"] is not None
    ]
    values = [value for line in speedups.values() for _, value in line]
    low, high = min([1.0, *values]), max([1.01, *values])

    def place(kib: int, value: float) -> tuple[float, float]:
        across = log2(kib / sizes[0]) / log2(sizes[-1] / sizes[0])
        return left + _WIDTH * across, top + _HEIGHT * (high - value) / (high - low)

    for value in (low, high):
        y = place(sizes[0], value)[1]
        picture.line([(left, y), (left + _WIDTH, y)], "#dddddd")
        picture.text(left - 6, y + 4, f"{value:.2f}", anchor="end")
    for kib in sizes:
        picture.text(place(kib, low)[0], top + _HEIGHT + 14, str(kib))
    for (_, line), colour in zip(speedups.items(), COLOURS, strict=False):
        picture.line([place(*point) for point in sorted(line)], colour, width=2)
