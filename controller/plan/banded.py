"""A fused group's commands, band by band: of each operator what a band of the last result needs and nobody made yet.

So halos are cached: rows that two bands share are computed for the first and found in their pages by the second. To
compute them again, which the paper's machine does, would take more commands and no page less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from controller.joint.units import Unit


def banded(operators: Sequence[Sequence[Unit]], rows: int) -> list[list[Unit]]:
    """All units of operators that stand in an order in which they can run: a list for each band of so many rows.

    A unit belongs to the band in which its first row is needed first.
    """
    places = {unit: place for place, unit in enumerate(unit for some in operators for unit in some)}
    bands: dict[int, list[Unit]] = {}
    for unit in (one for one in operators[-1] if one.writes):
        bands.setdefault(unit.row // rows, []).append(unit)
    done: set[Unit] = set()
    found = []
    for _, last in sorted(bands.items()):
        fresh = _needed(last, done)
        done |= fresh
        found.append(sorted(fresh, key=places.__getitem__))
    # What the last result needs nothing of belongs to the group all the same.
    rest = [unit for unit in places if unit not in done]
    return [*found[:-1], sorted([*found[-1], *rest], key=places.__getitem__)]


def _needed(last: Iterable[Unit], done: set[Unit]) -> set[Unit]:
    """These units and all that they need, without what is done."""
    found: set[Unit] = set()
    waiting = list(last)
    while waiting:
        unit = waiting.pop()
        if unit not in found and unit not in done:
            found.add(unit)
            waiting += unit.needs
    return found
