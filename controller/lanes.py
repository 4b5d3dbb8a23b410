"""In which block and lane the channels of a map lie that a sum writes: those that are read together share blocks.

A sum's weights can be put in any order, so a map that it writes may have its channels in any lanes. Channels with the
same readers form a group. Each group begins where the one before it ends or in a block of its own, whichever costs
fewer passes: a block is computed once, and read once by every reader of any of its channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from controller.layout import Lanes


def together(readers: Sequence[frozenset[int]], rows: int, passes: Callable[[int], int], own: int) -> Lanes:
    """The lanes of a map.

    Parameters
    ----------
    readers
        Of each channel.
    rows
        Lanes of a word.
    passes
        What it costs a reader to read one block more.
    own
        What it costs to write one block more.
    """
    groups: dict[frozenset[int], list[int]] = {}
    for channel, some in enumerate(readers):
        groups.setdefault(some, []).append(channel)
    if len(groups) == 1:
        order = [(False, channels) for channels in groups.values()]
    else:
        order = _aligned(sorted(groups.items(), key=lambda one: sorted(one[0])), rows, passes, own)
    lanes: list[list[int]] = []
    for begins, channels in order:
        for place, channel in enumerate(channels):
            if not lanes or len(lanes[-1]) == rows or (begins and not place):
                lanes.append([])
            lanes[-1].append(channel)
    return tuple(map(tuple, lanes))


def _aligned(
    groups: Sequence[tuple[frozenset[int], list[int]]], rows: int, passes: Callable[[int], int], own: int
) -> list[tuple[bool, list[int]]]:
    """The groups, and whether each begins in a block of its own: the cheapest way to any number of lanes used last."""
    ways: dict[int, tuple[int, list[tuple[bool, list[int]]]]] = {0: (0, [])}
    for some, channels in groups:
        each = sum(passes(reader) for reader in some)
        further: dict[int, tuple[int, list[tuple[bool, list[int]]]]] = {}
        for used, (cost, way) in ways.items():
            for begins in (False, True):
                start = 0 if begins else used
                end = start + len(channels)
                opened = -(-end // rows) - (start > 0)
                total = cost + opened * own + -(-end // rows) * each
                if end % rows not in further or total < further[end % rows][0]:
                    further[end % rows] = total, [*way, (begins, channels)]
        ways = further
    return min(ways.values(), key=lambda one: one[0])[1]
