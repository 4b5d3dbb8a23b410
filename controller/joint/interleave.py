"""The order of the units of a chain of operators, band by band, so that what is between them need not leave the chip.

A list scheduler: whatever can start is a candidate, a small model of the engines says when, and a unit deep in the
chain goes first, since it ends the life of what it reads. So a band of rows is carried through the whole chain before
more of the first map is made than keeps the engines busy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from controller.joint.units import readers
from spec.timing import CROSSING, sums_latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from controller.choice import Tiled
    from controller.joint.units import Row, Unit
    from spec.config import Config


class _Choice(NamedTuple):
    """A candidate: least is best."""

    full: bool
    idle: int
    shallow: int
    unit: Unit


def interleaved(
    some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, room: float
) -> list[Unit]:
    """All units of a chain, each after those that it needs.

    Live rows and the weights of operators that have begun take no more than this part of the scratchpad, while there is
    a choice. Of what fits a unit is taken that lets its first engine wait least, and of those the deepest.
    """
    return _Scheduler(some, tiled, config, room).run()


@dataclass
class _Engines:
    """When engines are free, as far as this model knows: two engines in order, and two halves between them."""

    latency: int
    array: int = 0
    post: int = 0
    drains: tuple[int, int] = (0, 0)

    def idle(self, unit: Unit, ready: int) -> int:
        """How long a unit's first engine waits for it."""
        if unit.array:
            return max(0, ready - self.array, self.drains[0] - self.array)
        return max(0, ready - self.post)

    def run(self, unit: Unit, ready: int) -> int:
        """Take a unit; when its last word is written."""
        if not unit.array:
            self.post = max(self.post, ready) + unit.post
            return self.post + CROSSING
        self.array += self.idle(unit, ready) + unit.array
        self.post = max(self.post, self.array + self.latency) + unit.post
        self.drains = self.drains[1], self.post
        return self.post + CROSSING


class _Scheduler:
    def __init__(
        self, some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, room: float
    ) -> None:
        self.some = some
        self.room = int(room * config.banks * config.bank_bytes)
        self.weights = {
            place: one.weights.words * config.rows if one.weights else 0 for place, one in tiled.items()
        }
        self.next = dict.fromkeys(some, 0)
        self.engines = _Engines(sums_latency(config) + CROSSING)
        self.finish: dict[Unit, int] = {}
        self.unread = readers(some)
        self.alive: dict[Row, int] = {}
        self.live = 0

    def run(self) -> list[Unit]:
        """Choose, and note what that does, until nothing is left."""
        order: list[Unit] = []
        while open_places := [place for place in self.some if self.next[place] < len(self.some[place])]:
            candidates = [choice for place in open_places if (choice := self._choice(place))]
            fitting = [one for one in candidates if not one.full]
            unit = (min(fitting) if fitting else min(candidates, key=lambda one: one.shallow)).unit
            self._take(unit)
            order.append(unit)
        return order

    def _choice(self, place: int) -> _Choice | None:
        unit = self.some[place][self.next[place]]
        if any(one not in self.finish for one in unit.needs):
            return None
        more = sum(size for _, size in unit.writes) + (0 if self.next[place] else self.weights[place])
        return _Choice(self.live + more > self.room, self.engines.idle(unit, self._ready(unit)), -place, unit)

    def _ready(self, unit: Unit) -> int:
        return max((self.finish[one] for one in unit.needs), default=0)

    def _take(self, unit: Unit) -> None:
        place = unit.operator
        self.finish[unit] = self.engines.run(unit, self._ready(unit))
        self.live += 0 if self.next[place] else self.weights[place]
        self.next[place] += 1
        self.live -= self.weights[place] if self.next[place] == len(self.some[place]) else 0
        for row, size in unit.writes:
            self.alive[row] = self.alive.get(row, 0) + size
            self.live += size
        for row in unit.reads:
            self.unread[row] -= 1
        for row in (*unit.reads, *(row for row, _ in unit.writes)):
            if self.unread[row] <= 0:
                self.live -= self.alive.pop(row, 0)
