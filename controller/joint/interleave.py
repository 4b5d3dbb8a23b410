"""The order of the units of a chain of operators, band by band, so that what is between them need not leave the chip.

A list scheduler: whatever can start is a candidate, a small model of the engines says when, and a unit deep in the
chain goes first, since it ends the life of what it reads. So a band of rows is carried through the whole chain before
more of the first map is made than keeps the engines busy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from controller.joint.engines import Engines
from controller.joint.units import demanded, found, readers
from spec.timing import CROSSING, sums_latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from controller.choice import Tiled
    from controller.joint.chains import Chain
    from controller.joint.engines import Times
    from controller.joint.units import Page, Unit
    from spec.config import Config


@dataclass(frozen=True)
class Rule:
    """How a chain is interleaved.

    Parameters
    ----------
    room
        The part of the scratchpad that live pages, and weights of operators that have begun, may take, while there is a
        choice.
    first, post
        How much it counts that a unit's first engine waits for it, and that post-processing does.
    grain
        Waits count in so many cycles: among those that are as long the deepest unit goes first.
    left
        Whether what the chain leaves behind has banks of its own, see `by_engine`.
    blocks
        Whether an operator's units come in the order in which those behind it want them, see `demanded`.
    late
        Windows are taken for as long as post-processing waits for sums, which then may come late by so many parts of
        the last window; negative: the candidate is taken for which engines wait least.
    banks
        How many banks more weights, and maps of the array, have than they need.
    """

    room: float
    first: int
    post: int
    grain: int
    left: bool
    blocks: bool = False
    late: float = -1.0
    banks: tuple[int, int] = (0, 0)


class Interleaved(NamedTuple):
    """Units in order, and the cycles that they take as far as the small model knows."""

    order: list[Unit]
    cycles: int


class _Choice(NamedTuple):
    """A candidate: least is best."""

    full: bool
    idle: int
    shallow: int
    unit: Unit
    times: Times


def interleaved(
    some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, chain: Chain
) -> Interleaved:
    """All units of a chain, each after those that it needs.

    Of what fits the room a unit is taken for which the engines wait least, and of those the deepest.
    """
    return _Scheduler(some, tiled, config, chain).run()


class _Scheduler:
    def __init__(
        self, some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, chain: Chain
    ) -> None:
        assert chain.rule is not None
        self.rule = chain.rule
        self.some = demanded(some) if self.rule.blocks else some
        # In pages.
        self.room = int(self.rule.room * config.frames)
        self.weights = {
            place: one.weights.pages(config.page_words) if one.weights else 0 for place, one in tiled.items()
        }
        self.next = dict.fromkeys(some, 0)
        self.engines = Engines(sums_latency(config) + CROSSING)
        self.finish: dict[Unit, int] = {}
        #: The operator whose statistic the engine holds, while it is still wanted.
        self.measured: int | None = None
        self.unread = readers(some)
        self.alive: set[Page] = set() if chain.anew else found(some)
        self.begun = 0
        #: Pages that take no room, because they leave.
        self.gone = _left_behind(some) if chain.leaves else set()

    def run(self) -> Interleaved:
        """Choose, and note what that does, until nothing is left."""
        order: list[Unit] = []
        while open_places := [place for place in self.some if self.next[place] < len(self.some[place])]:
            candidates = [choice for place in open_places if (choice := self._choice(place))]
            fitting = [one for one in candidates if not one.full]
            unit = (self._best(fitting) if fitting else min(candidates, key=lambda one: one.shallow)).unit
            self._take(unit)
            order.append(unit)
        return Interleaved(order, self.engines.post)

    def _choice(self, place: int) -> _Choice | None:
        unit = self.some[place][self.next[place]]
        if any(one not in self.finish for one in unit.needs):
            return None
        if unit.measures and self.measured not in {None, place}:
            return None
        more = len({*unit.reads, *unit.writes} - self.alive) + (0 if self.next[place] else self.weights[place])
        times = self.engines.times(unit, self._ready(unit))
        idle = (self.rule.first * times.first + self.rule.post * times.post) // self.rule.grain
        return _Choice(len(self.alive) + self.begun + more > self.room, idle, -place, unit, times)

    def _best(self, fitting: Sequence[_Choice]) -> _Choice:
        if self.rule.late < 0:
            return min(fitting)
        sums = [one for one in fitting if one.unit.array]
        nearest = min(sums, key=self._soonest, default=None)
        until = None if nearest is None else nearest.times.post_done - nearest.unit.post
        windows = [
            one
            for one in fitting
            if not one.unit.array and (until is None or one.times.post_done - self.rule.late * one.unit.post <= until)
        ]
        return min(windows, key=self._soonest, default=nearest) or fitting[0]

    def _soonest(self, choice: _Choice) -> tuple[int, int]:
        return choice.times.first // self.rule.grain, choice.shallow

    def _ready(self, unit: Unit) -> int:
        return max((self.finish[one] for one in unit.needs), default=0)

    def _take(self, unit: Unit) -> None:
        place = unit.operator
        self.finish[unit] = self.engines.run(unit, self._ready(unit))
        self.begun += 0 if self.next[place] else self.weights[place]
        self.next[place] += 1
        if unit.measures or unit.normalizes:
            upcoming = self.some[place][self.next[place] : self.next[place] + 1]
            self.measured = place if upcoming and upcoming[0].normalizes else None
        self.begun -= self.weights[place] if self.next[place] == len(self.some[place]) else 0
        self.alive.update(page for page in (*unit.reads, *unit.writes) if page not in self.gone)
        for page in unit.reads:
            self.unread[page] -= 1
            # What is left behind stays.
            if not self.unread[page]:
                self.alive.discard(page)


def _left_behind(some: Mapping[int, Sequence[Unit]]) -> set[Page]:
    """Pages that are written, but not read."""
    return {page for several in some.values() for one in several for page in one.writes} - set(readers(some))
