"""Which operators run band by band together, with which tiles: chains that change while the model says that it pays.

A network is cut where less lies between operators than before and after, so that what is large stays inside a part.
Each part is tried as it is and interleaved by several rules, then with other tiles, then neighbours as one; maps that
leave at once and pages that are fetched ahead come last. A trial is a run of the golden model of a few chains, with
those around them where these matter, so that what the neighbours leave on chip counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.choice import fits
from controller.joint.chains import RULES, Chain, Chains, cut
from controller.trial import shape

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from controller.joint.program import Programs
    from controller.plan.deadline import Deadline

#: Operators of the longest chain: all that are open at a time need a slot for each of their buffers.
_LONGEST = 12
#: Rules that are tried before a chain's tiles are.
_AT_FIRST = 3
#: Tiles for which the small model of the engines has so many times the cycles of the best are not tried.
_HOPELESS = 1.1
#: The part of the time after which only maps that leave at once and prefetches are tried.
_BEFORE_THE_WHOLE = 0.75


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
        self._tuned_alike: dict[Hashable, Chain] = {}
        #: Pages that are fetched before their time while chains are chosen, if that pays: few, for they take room.
        self.few = self.config.frames // 16
        #: What chains begin as: with so many or none, with maps that leave at once or not.
        self.start = Chain(0, len(self.tiled))

    def run(self) -> Chains:
        """The fastest chains that are found by the deadline."""
        whole = self.deadline
        self.deadline = whole.within(_BEFORE_THE_WHOLE * whole.left)
        starts = [
            replace(self.start, pages=pages, leaves=leaves) for pages in (self.few, 0) for leaves in (False, True)
        ]
        self.start = self._best((), [self._apart(start) for start in starts], ())[0]
        parts: list[Chains] = []
        for first, end in cut(self.tiled):
            before = parts[-1][-1:] if parts else ()
            self._tell(first, end, "")
            parts.append(self._best(before, list(self._options(first, end)), ()))
        self._merge(parts)
        for at, part in enumerate(parts):
            before = parts[at - 1][-1:] if at else ()
            parts[at] = self._best(before, [part, *self._tuned(part)], ())
        self._merge(parts)
        self.deadline = whole
        return self._fetched(self._left(tuple(chain for part in parts for chain in part)))

    def _options(self, first: int, end: int) -> Iterator[Chains]:
        yield self._apart(self.start)[first:end]
        if end - first > 1:
            yield from ((replace(self.start, first=first, end=end, rule=rule),) for rule in RULES[:_AT_FIRST])

    def _apart(self, start: Chain) -> Chains:
        """All operators, one after the other."""
        return tuple(replace(start, first=number, end=number + 1) for number in range(len(self.tiled)))

    def _tuned(self, part: Chains) -> Iterator[Chains]:
        """Chains of a part with other tiles, and by other rules for these, as they are best alone.

        Those of the same shapes are tried once.
        """
        for at, chain in enumerate(part):
            if chain.rule is not None:
                self._tell(chain.first, chain.end, "in other tiles")
                alike = tuple(shape(one.operator) for one in self.tiled[chain.first : chain.end])
                if alike not in self._tuned_alike:
                    self._tuned_alike[alike] = self._descended(chain)
                tuned = replace(self._tuned_alike[alike], first=chain.first, end=chain.end)
                yield (*part[:at], tuned, *part[at + 1 :])

    def _descended(self, chain: Chain) -> Chain:
        """A chain in other tiles and by other rules, one change after the other, as long as it takes fewer cycles."""
        best = chain
        while not self.deadline.passed:
            before = best
            for number in range(chain.first, chain.end):
                (best,) = self._best((), [(best,), *self._heights(best, number)], ())
            (best,) = self._best((), [(best,), *((replace(best, rule=rule),) for rule in RULES)], ())
            if best == before:
                break
        return best

    def _heights(self, chain: Chain, number: int) -> Iterator[Chains]:
        """A chain with other tiles of one operator, where the small model does not see that it takes much longer."""
        heights = chain.heights or tuple(one.height for one in self.tiled[chain.first : chain.end])
        at = number - chain.first
        most = _HOPELESS * self.programs.arranged(chain).cycles
        for height in self.tiled[number].heights:
            one = replace(chain, heights=(*heights[:at], height, *heights[at + 1 :]))
            if self.deadline.passed:
                return
            if height == heights[at] or not fits(self.programs.cut(number, height).commands, self.config):
                continue
            if self.programs.arranged(one).cycles <= most:
                yield (one,)

    def _merge(self, parts: list[Chains]) -> None:
        """Make parts that are faster as one one, from the first on."""
        at = 0
        while at + 1 < len(parts) and not self.deadline.passed:
            apart = parts[at] + parts[at + 1]
            before = parts[at - 1][-1:] if at else ()
            after = parts[at + 2][:1] if at + 2 < len(parts) else ()
            options = [apart]
            if apart[-1].end - apart[0].first <= _LONGEST:
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
        heights = tuple(one.height for chain in apart for one in self.programs.arranged(chain).tiled)
        one = replace(self.start, first=apart[0].first, end=apart[-1].end, heights=heights)
        return [(replace(one, rule=rule),) for rule in rules]

    def _left(self, chains: Chains) -> Chains:
        """Chains with maps that leave at once or that do not: all of them first, then each, from the first on."""
        chains = self._best((), [chains, tuple(replace(one, leaves=not one.leaves) for one in chains)], ())
        for at, chain in enumerate(chains):
            self._tell(chain.first, chain.end, "with maps that leave at once, or not")
            chains = self._best((), [chains, _with(chains, at, replace(chain, leaves=not chain.leaves))], ())
        return chains

    def _fetched(self, chains: Chains) -> Chains:
        """Chains with more or fewer pages fetched ahead: all of them first, then each, the last first."""
        levels = (0, self.few // 2, 2 * self.few)
        chains = self._best((), [chains, *(tuple(replace(one, pages=n) for one in chains) for n in levels)], ())
        for at in reversed(range(len(chains))):
            self._tell(chains[at].first, chains[at].end, "with other prefetches")
            for more in (True, False):
                best = None
                while best is not chains and not self.deadline.passed:
                    chains = best or chains
                    pages = chains[at].pages
                    pages = min(2 * pages or 4, self.config.frames) if more else pages // 2
                    best = self._best((), [chains, _with(chains, at, replace(chains[at], pages=pages))], ())
        return chains

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


def _with(chains: Chains, at: int, chain: Chain) -> Chains:
    return (*chains[:at], chain, *chains[at + 1 :])
