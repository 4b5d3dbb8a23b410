"""Channels that are read together share blocks, as far as that costs fewer passes than it takes blocks."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from controller.lanes import together
from controller.layout import full_blocks

_READERS = st.lists(st.frozensets(st.integers(0, 2), min_size=1, max_size=1), min_size=1, max_size=30)


def cost(lanes: tuple[tuple[int, ...], ...], readers: list[frozenset[int]], passes: dict[int, int], own: int) -> int:
    """Passes of everyone that reads or writes."""
    read = [frozenset[int]().union(*(readers[channel] for channel in block)) for block in lanes]
    return own * len(lanes) + sum(passes[reader] for some in read for reader in some)


@given(_READERS, st.sampled_from([2, 4]), st.tuples(*[st.integers(0, 9)] * 3), st.integers(0, 20))
def test_no_other_gaps_between_groups_cost_less(
    readers: list[frozenset[int]], rows: int, each: tuple[int, int, int], own: int
) -> None:
    """Every channel has one lane, and all ways to begin blocks are compared."""
    passes = dict(enumerate(each))
    lanes = together(readers, rows, passes.__getitem__, own)
    assert sorted(channel for block in lanes for channel in block) == list(range(len(readers)))
    assert max(map(len, lanes)) <= rows
    groups = [[channel for channel, some in enumerate(readers) if some == {reader}] for reader in range(3)]
    groups = [group for group in groups if group]
    found = []
    for begins in product((False, True), repeat=len(groups)):
        blocks: list[list[int]] = []
        for begin, group in zip(begins, groups, strict=True):
            for place, channel in enumerate(group):
                if not blocks or len(blocks[-1]) == rows or (begin and not place):
                    blocks.append([])
                blocks[-1].append(channel)
        found.append(cost(tuple(map(tuple, blocks)), readers, passes, own))
    assert cost(lanes, readers, passes, own) == min(found)


@given(st.integers(1, 40), st.sampled_from([4, 16]))
def test_channels_with_the_same_readers_lie_as_they_are_numbered(channels: int, rows: int) -> None:
    """So programs of networks without choices are what they always were."""
    assert together([frozenset({3, 5})] * channels, rows, lambda _: 1, 1) == full_blocks(channels, rows)
