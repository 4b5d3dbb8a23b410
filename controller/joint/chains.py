"""Chains: operators that run band by band together; where a network may be cut into them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

from controller.joint.interleave import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.choice import Tiled
    from controller.layout import Buffer

#: Operators of the longest chain: all that are open at a time need a slot for each of their buffers.
LONGEST = 12
#: Rules that a chain is tried with, those first that are best most often.
RULES = tuple(
    Rule(room, first, post, grain, left)
    for left, room, (first, post, grain) in product(
        (False, True), (0.8, 0.6), ((0, 1, 1), (1, 0, 1), (1, 1, 256), (1, 1, 64))
    )
)
#: The rule for tall tiles.
TALL = Rule(0.7, 0, 1, 1, left=True, blocks=True, late=0.5)


@dataclass(frozen=True)
class Chain:
    """Operators that are interleaved, or run one after the other.

    Parameters
    ----------
    first, end
        From the first to before the end.
    rule
        How they are interleaved; None: not at all.
    heights
        Rows of each operator's tiles; empty: as the compiler cut them.
    pages
        How many pages are fetched before their time at the most while it runs.
    leaves
        Whether pages of maps that chains behind it read leave when it has used them, rather than when room is needed.
    anew
        Whether the maps that it finds come from DRAM row by row, as an input does, because they have left.
    """

    first: int
    end: int
    rule: Rule | None = None
    heights: tuple[int, ...] = ()
    pages: int = 0
    leaves: bool = False
    anew: bool = False


Chains = tuple[Chain, ...]


def cut(tiled: Sequence[Tiled]) -> list[tuple[int, int]]:
    """Parts of a network, (first, end): between them fewer words are still to be read than before and after."""
    made: dict[Buffer, int] = {}
    read: dict[Buffer, int] = {}
    for number, one in enumerate(tiled):
        made.setdefault(one.operator.result.buffer, number)
        read |= dict.fromkeys(one.operator.buffers, number)
    crossing = [
        sum(buffer.words for buffer, begin in made.items() if begin <= number < read[buffer])
        for number in range(len(tiled) - 1)
    ]
    ends = [
        number + 1
        for number, words in enumerate(crossing)
        if (not number or words < crossing[number - 1]) and (number + 2 == len(tiled) or words <= crossing[number + 1])
    ]
    return list(pairwise([0, *ends, len(tiled)]))
