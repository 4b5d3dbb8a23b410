"""Chains that are a little unlike another one: other tiles of some operators, another rule, other pages fetched."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from controller.choice import fits

if TYPE_CHECKING:
    from random import Random

    from controller.joint.chains import Chain
    from controller.joint.interleave import Rule
    from controller.joint.program import Programs

#: Changes that are made at once.
_CHANGES = (1, 1, 2, 3)
_ROOMS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
#: What counts of waits, and how finely: `first`, `post`, `grain`.
WAITS = ((0, 1, 1), (1, 0, 1), (1, 1, 256), (1, 1, 64))
_LATE = (-1.0, -1.0, 0.0, 0.5, 1.0, 2.0)
_BANKS = ((-1, 0, 1), (-2, -1, 0, 1, 2))
#: Parts of the scratchpad of which as many pages are fetched ahead; the last is none.
_PARTS_AHEAD = (4, 8, 16, 32, 64, 1 << 20)
#: How often an operator gets any other tiles, rather than the next taller or lower ones.
_ANY_HEIGHT = 0.4


class Variations:
    """Makes them, by chance.

    Parameters
    ----------
    programs
        What cuts operators.
    random
        Where chance comes from.
    """

    def __init__(self, programs: Programs, random: Random) -> None:
        self.programs, self.random = programs, random
        self.config = programs.config
        self.heights = cache(self._heights)

    def tall(self, first: int, end: int, most: int) -> tuple[int, ...]:
        """The tallest tiles that operators can have, of so many rows at the most if they can be that low."""
        some = [self.heights(number) for number in range(first, end)]
        return tuple(next((height for height in heights if height <= most), heights[-1]) for heights in some)

    def of(self, chain: Chain) -> Chain:
        """A chain with some changes."""
        for _ in range(self.random.choice(_CHANGES)):
            at = self.random.randrange(chain.end - chain.first + 2)
            chain = self._higher_or_lower(chain, at) if at < chain.end - chain.first else self._changed(chain)
        return chain

    def _heights(self, number: int) -> list[int]:
        one = self.programs.tiled[number]
        some = sorted({one.height, *one.heights}, reverse=True)
        found = [height for height in some if fits(self.programs.cut(number, height).commands, self.config)]
        return found or [one.height]

    def _higher_or_lower(self, chain: Chain, at: int) -> Chain:
        heights = list(self.programs.heights(chain))
        some = self.heights(chain.first + at)
        if self.random.random() < _ANY_HEIGHT:
            heights[at] = self.random.choice(some)
        else:
            place = some.index(heights[at]) + self.random.choice((-1, 1))
            heights[at] = some[min(max(place, 0), len(some) - 1)]
        return replace(chain, heights=tuple(heights))

    def _changed(self, chain: Chain) -> Chain:
        what = self.random.randrange(4 if chain.rule is None else 10)
        if what == 0:
            return replace(chain, leaves=not chain.leaves)
        if what == 1:
            return replace(chain, anew=not chain.anew)
        if what <= 3 or chain.rule is None:
            return replace(chain, pages=self.config.frames // self.random.choice(_PARTS_AHEAD))
        return replace(chain, rule=self._ruled(chain.rule, what))

    def _ruled(self, rule: Rule, what: int) -> Rule:
        if what == 4:
            return replace(rule, room=self.random.choice(_ROOMS))
        if what == 5:
            first, post, grain = self.random.choice(WAITS)
            return replace(rule, first=first, post=post, grain=grain)
        if what == 6:
            return replace(rule, late=self.random.choice(_LATE))
        if what == 7:
            return replace(rule, blocks=not rule.blocks)
        if what == 8:
            return replace(rule, left=not rule.left)
        weights, maps = (self.random.choice(some) for some in _BANKS)
        return replace(rule, banks=(weights, maps))
