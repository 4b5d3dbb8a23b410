"""Which operators run band by band together, with which tiles: chains that change while the model says that it pays.

A network is cut where less lies between operators than before and after, so that what is large stays inside a part.
Each part is tried as it is and interleaved by several rules, then neighbours as one. Then each chain is bred: what is
a little unlike the fastest so far is tried, several changes at once. At last the whole plan is changed chain by chain.
A trial is a run of the golden model of a few chains, with those around them where these matter, so that what the
neighbours leave on chip counts.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random
from typing import TYPE_CHECKING

from controller.joint.breed import bred
from controller.joint.chains import LONGEST, RULES, TALL, Chain, Chains, cut
from controller.joint.polish import polished
from controller.joint.vary import Variations

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from controller.joint.program import Programs
    from controller.plan.deadline import Deadline

#: Rules that are tried before a chain is bred.
_AT_FIRST = 3
#: The most rows of tall tiles.
_TALL = (1 << 20, 8, 4)
#: The parts of the time after which chains are bred, are made one, and change in the whole plan.
_BEFORE_BREEDING, _BEFORE_MERGING, _BEFORE_THE_WHOLE = 0.15, 0.6, 0.2
#: Chains as one are not tried if the small model of the engines has so many times the cycles of those apart.
_HOPELESS = 1.05


class Search:
    """Chains for operators that are cut into commands.

    Parameters
    ----------
    programs
        What makes and runs their programs.
    deadline
        When the best chains so far are taken.
    say
        Told what is being tried.
    """

    def __init__(
        self, programs: Programs, deadline: Deadline, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.programs, self.deadline, self.say = programs, deadline, say
        self.tiled, self.config = programs.tiled, programs.config
        self.variations = Variations(programs, Random(1))
        self._bred_alike: dict[Hashable, Chain] = {}
        #: Pages that are fetched before their time while chains are chosen, if that pays: few, for they take room.
        self.few = self.config.frames // 16
        #: What chains begin as: with so many or none, with maps that leave at once or not.
        self.start = Chain(0, len(self.tiled))

    def run(self) -> Chains:
        """The fastest chains that are found by the deadline."""
        whole = self.deadline
        self.deadline = whole.within(_BEFORE_BREEDING * whole.left)
        starts = [
            replace(self.start, pages=pages, leaves=leaves) for pages in (self.few, 0) for leaves in (False, True)
        ]
        self.start = self._best((), [self._apart(start) for start in starts], ())[0]
        parts: list[Chains] = []
        for first, end in cut(self.tiled):
            before = parts[-1][-1:] if parts else ()
            self._tell(first, end, "")
            parts.append(self._best(before, list(self._options(first, end)), ()))
        self._merge(parts, LONGEST // 2)
        self.deadline = whole.within(_BEFORE_MERGING * whole.left)
        self._breed(parts)
        self.deadline = whole.within(_BEFORE_THE_WHOLE * whole.left)
        self._merge(parts, LONGEST)
        self.deadline = whole
        chains = tuple(chain for part in parts for chain in part)
        return polished(chains, self.programs, self.variations, whole, self.say)

    def _options(self, first: int, end: int) -> Iterator[Chains]:
        yield self._apart(self.start)[first:end]
        if end - first > 1:
            one = replace(self.start, first=first, end=end)
            yield (replace(one, rule=TALL, heights=self.variations.tall(first, end, _TALL[0])),)
            yield from ((replace(one, rule=rule),) for rule in RULES[:_AT_FIRST])

    def _apart(self, start: Chain) -> Chains:
        """All operators, one after the other."""
        return tuple(replace(start, first=number, end=number + 1) for number in range(len(self.tiled)))

    def _breed(self, parts: list[Chains]) -> None:
        """Breed the chain of each part, those that take long for longer; those of the same shapes once."""
        cycles = [self.programs.cycles(part) if not self.deadline.passed else 1 for part in parts]
        for at, part in enumerate(parts):
            first, end = part[0].first, part[-1].end
            if not 1 < end - first <= LONGEST:
                continue
            self._tell(first, end, "in other tiles")
            alike = self.programs.shapes(first, end)
            if alike not in self._bred_alike:
                share = self.deadline.within(self.deadline.left * cycles[at] / sum(cycles[at:]))
                self._bred_alike[alike] = bred(self._seeds(part), self.programs, self.variations, share)
            chain = replace(self._bred_alike[alike], first=first, end=end)
            before = parts[at - 1][-1:] if at else ()
            lefts = dict.fromkeys((before, tuple(replace(one, leaves=one.leaves or chain.anew) for one in before)))
            best = self._best((), [before + part, *((*left, chain) for left in lefts)], ())
            if before:
                parts[at - 1] = (*parts[at - 1][:-1], best[0])
            parts[at] = best[len(before) :]

    def _seeds(self, part: Chains) -> list[Chain]:
        """What is bred from."""
        first, end = part[0].first, part[-1].end
        one = replace(part[0], first=first, end=end)
        heights = tuple(height for chain in part for height in self.programs.heights(chain))
        rule = part[0].rule or TALL
        talls = [self.variations.tall(first, end, most) for most in _TALL]
        return [
            replace(one, rule=some, heights=tiles)
            for some, tiles in product((rule, TALL, *RULES[:_AT_FIRST]), (heights, *talls))
        ]

    def _merge(self, parts: list[Chains], longest: int) -> None:
        """Make parts that are faster as one one, from the first on, of so many operators at the most."""
        at = 0
        while at + 1 < len(parts) and not self.deadline.passed:
            apart = parts[at] + parts[at + 1]
            before = parts[at - 1][-1:] if at else ()
            after = parts[at + 2][:1] if at + 2 < len(parts) else ()
            options = [apart]
            if apart[-1].end - apart[0].first <= longest:
                self._tell(apart[0].first, apart[-1].end, "as one")
                options += self._as_one(apart)
            best = self._best(before, options, after)
            if best is apart:
                at += 1
            else:
                parts[at : at + 2] = [best]

    def _as_one(self, apart: Chains) -> list[Chains]:
        """Chains as a single one, of the tiles that each has, by their rules and those that are best most often."""
        rules = dict.fromkeys([*(one.rule for one in apart if one.rule), *RULES[:2]])
        heights = tuple(height for chain in apart for height in self.programs.heights(chain))
        one = replace(
            apart[0], first=apart[0].first, end=apart[-1].end, heights=heights, leaves=apart[-1].leaves
        )
        several = [replace(one, rule=rule) for rule in rules]
        most = _HOPELESS * sum(self.programs.arranged(chain).cycles for chain in apart)
        known = all(chain.rule for chain in apart)
        return [(chain,) for chain in several if not known or self.programs.arranged(chain).cycles <= most]

    def _best(self, before: Chains, options: Iterable[Chains], after: Chains) -> Chains:
        """The fastest between some others; the first of those that time allows to try."""
        best, least = None, 0
        for one in options:
            if best is not None and self.deadline.passed:
                break
            cycles = 0 if self.deadline.passed else self.programs.cycles(before + one + after)
            if best is None or cycles < least:
                best, least = one, cycles
        assert best is not None
        return best

    def _tell(self, first: int, end: int, how: str) -> None:
        names = f"{self.tiled[first].operator.name} to {self.tiled[end - 1].operator.name}"
        self.say(f"{names} {how}; {len(self.programs.known)} trials")
