"""A comparison as a picture: the cycles of each policy, network by network, against no management."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from controller.picture import COLOURS, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.compare import Comparison

_LEFT, _TOP, _HEIGHT, _BOTTOM = 48, 30, 240, 64
_BAR, _GAP = 18, 28
_SHARES = (0, 0.25, 0.5, 0.75, 1)


def comparison_picture(found: Sequence[Comparison]) -> bytes:
    """SVG: a group of bars for each network and machine; a black line across each is the infinite scratchpad."""
    names = [row.name for row in found[0].rows]
    group = len(names) * _BAR
    width = _LEFT + len(found) * (group + _GAP) + _GAP
    picture = Picture(max(width, 640), _TOP + _HEIGHT + _BOTTOM)
    picture.text(_LEFT, 18, "cycles, as a share of those without management", anchor="start", bold=True)
    highest = max(1.0, *(row.figures.cycles / one.unmanaged.cycles for one in found for row in one.rows))
    for share in _SHARES:
        y = _y(share, highest)
        picture.line([(_LEFT, y), (width - _GAP, y)], "#dddddd")
        picture.text(_LEFT - 6, y + 4, f"{share:g}", anchor="end")
    for number, one in enumerate(found):
        left = _LEFT + _GAP / 2 + number * (group + _GAP)
        for index, row in enumerate(one.rows):
            top = _y(row.figures.cycles / one.unmanaged.cycles, highest)
            picture.rectangle(left + index * _BAR, top, _BAR - 2, _TOP + _HEIGHT - top, COLOURS[index])
        if one.infinite_cycles is not None:
            bound = _y(one.infinite_cycles / one.unmanaged.cycles, highest)
            picture.line([(left - 4, bound), (left + group + 2, bound)], "#000000", width=2)
        for line, words in enumerate((Path(one.model).stem, one.compiled.config.name)):
            picture.text(left + group / 2, _TOP + _HEIGHT + 16 + 14 * line, words)
    picture.key(_LEFT, _TOP + _HEIGHT + 54, list(zip(names, COLOURS, strict=False)))
    return picture.svg()


def _y(share: float, highest: float) -> float:
    return _TOP + _HEIGHT * (1 - share / highest)
