"""A canonical depth-first search for packings: from the bottom up, each buffer as low as those below it let it lie.

A packing in which no buffer can sink is canonical: taken by rising offset, every buffer lies on the floor or on the top
of one taken before. So it is enough to choose which buffer comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from controller.plan.deadline import Deadline
    from controller.plan.pack_problem import Buffer

    Preference = Callable[[Buffer], tuple[int, ...]]

#: Orders in which candidates of one offset are tried; which is best differs from one family of instances to the next.
PREFERENCES: tuple[Preference, ...] = (
    lambda one: (-one.size * (one.upper - one.lower),),
    lambda one: (-one.size, one.lower),
    lambda one: (one.lower - one.upper, -one.size),
    lambda one: (one.lower, -one.size),
)


class BudgetError(Exception):
    """The search was given up before it knew."""


@dataclass(frozen=True)
class _Level:
    """A partial packing: what is filled and what is to come, clique by clique; buffers left, by preference.

    `tops` is where buffers end; `rest` the bytes to come; nothing to come begins below `offset`, and of those that
    begin there only ones after place `turn` of the preference, since they do not touch and their order is all one.
    """

    tops: tuple[int, ...]
    rest: tuple[int, ...]
    left: tuple[int, ...]
    offset: int
    turn: int


class Search:
    """Packings of buffers into so many bytes.

    Parameters
    ----------
    buffers
        None of size 0 and none without a lifetime.
    capacity
        Bytes.
    preference
        Which of several candidates is tried first: the least.
    nodes, deadline
        After how many placements, or by when, it is given up.
    """

    def __init__(
        self, buffers: Sequence[Buffer], capacity: int, preference: Preference, *, nodes: int, deadline: Deadline
    ) -> None:
        order = sorted(range(len(buffers)), key=lambda place: preference(buffers[place]))
        self.order = order
        self.spans = cliques([buffers[place] for place in order])
        self.sizes = [buffers[place].size for place in order]
        self.capacity = capacity
        self.nodes = nodes
        self.deadline = deadline

    def run(self) -> list[int] | None:
        """Offsets, or None if there is no packing.

        Raises
        ------
        BudgetError
            If the budget ends before that is known.
        """
        rest = [0] * max((span.stop for span in self.spans), default=0)
        for span, size in zip(self.spans, self.sizes, strict=True):
            for clique in span:
                rest[clique] += size
        if max(rest, default=0) > self.capacity:
            return None
        first = _Level((0,) * len(rest), tuple(rest), tuple(range(len(self.sizes))), 0, -1)
        stack = [(first, self._candidates(first))]
        chosen: list[tuple[int, int]] = []
        while stack:
            level, candidates = stack[-1]
            if not level.left:
                offsets = dict(chosen)
                return [offsets[turn] for turn, _ in sorted(enumerate(self.order), key=lambda pair: pair[1])]
            choice = next(candidates, None)
            if choice is None:
                stack.pop()
                del chosen[-1:]
                continue
            self.nodes -= 1
            if self.nodes < 0 or (self.nodes % 256 == 0 and self.deadline.passed):
                raise BudgetError
            following = self._placed(level, *choice)
            chosen.append(choice)
            stack.append((following, self._candidates(following)))
        return None

    def _candidates(self, level: _Level) -> Iterator[tuple[int, int]]:
        """Buffers that may come next and where they lie, lowest first; none if what is left does not fit."""
        tops, offset = level.tops, level.offset
        lying = [(max([tops[clique] for clique in self.spans[turn]]), turn) for turn in level.left]
        # A clique can be used from where the lowest of its buffers to come may lie; below, it is lost.
        base = [self.capacity] * len(tops)
        for low, turn in lying:
            # One that begins at this offset must do so in its turn.
            lowest = low if low > offset else offset + (turn < level.turn)
            for clique in self.spans[turn]:
                base[clique] = min(base[clique], lowest)
        if any(low + rest > self.capacity for low, rest in zip(base, level.rest, strict=True)):
            return iter(())
        # Where one could end by then, none may begin: it would have a place to sink to for ever.
        ends = min((low + self.sizes[turn] for low, turn in lying), default=0)
        found = [
            (low, turn) for low, turn in lying if low < ends and (low > offset or (low == offset and turn > level.turn))
        ]
        return iter([(turn, low) for low, turn in sorted(found)])

    def _placed(self, level: _Level, turn: int, offset: int) -> _Level:
        """The level after a buffer is put somewhere."""
        tops, rest = list(level.tops), list(level.rest)
        size = self.sizes[turn]
        for clique in self.spans[turn]:
            tops[clique] = offset + size
            rest[clique] -= size
        left = tuple(other for other in level.left if other != turn)
        return _Level(tuple(tops), tuple(rest), left, offset, turn)


def cliques(buffers: Sequence[Buffer]) -> list[range]:
    """For each buffer the times of its life, counting only times whose buffers are not all alive at another."""
    begins = {one.lower for one in buffers}
    ends = {one.upper for one in buffers}
    times = [low for low, high in pairwise(sorted(begins | ends)) if low in begins and high in ends]
    spans = []
    for one in buffers:
        first = sum(time < one.lower for time in times)
        spans.append(range(first, first + sum(one.lower <= time < one.upper for time in times)))
    return spans
