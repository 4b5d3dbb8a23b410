"""The order of the units of a chain of operators, band by band, so that what is between them need not leave the chip.

A list scheduler: whatever can start is a candidate, a small model of the engines says when, and a unit deep in the
chain goes first, since it ends the life of what it reads. So a band of rows is carried through the whole chain before
more of the first map is made than keeps the engines busy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from controller.joint.units import readers
from spec.timing import CROSSING, sums_latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from controller.choice import Tiled
    from controller.joint.units import Row, Unit
    from spec.config import Config

#: Front end cycles of a COMPUTE with its registers, bindings and releases: a mean over MobileNetV2.
_FRONT_END = 110


@dataclass(frozen=True)
class Rule:
    """How the next unit is chosen.

    Parameters
    ----------
    room
        The part of the scratchpad that live rows and the weights of begun operators may take, while there is a choice.
    even
        Take the unit that starts earliest, counting what waits in the queues; else the deepest that lets its engine
        not wait.
    """

    room: float
    even: bool


class _Choice(NamedTuple):
    """A candidate: least is best."""

    full: bool
    start: int
    shallow: int
    unit: Unit


def interleaved(
    some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, rule: Rule
) -> list[Unit]:
    """All units of a chain, each after those that it needs."""
    return _Scheduler(some, tiled, config, rule).run()


@dataclass
class _Engines:
    """When engines are free, as far as this model knows: two engines in order, two halves, short queues."""

    depth: int
    latency: int
    array: int = 0
    post: int = 0
    front_end: int = 0
    drains: list[int] = field(default_factory=lambda: [0, 0])
    array_starts: list[int] = field(default_factory=list)
    post_starts: list[int] = field(default_factory=list)

    def dispatch(self, unit: Unit) -> int:
        """When the front end has dispatched a unit: its queues have room."""
        time = self.front_end
        if len(self.post_starts) >= self.depth:
            time = max(time, self.post_starts[-self.depth])
        if unit.array and len(self.array_starts) >= self.depth:
            time = max(time, self.array_starts[-self.depth])
        return time

    def start(self, unit: Unit, ready: int) -> int:
        """When its first engine starts a unit."""
        return max(self.array, ready, self.drains[-2]) if unit.array else max(self.post, ready)

    def run(self, unit: Unit, start: int, dispatch: int) -> int:
        """Take a unit; when its last word is written."""
        self.front_end = dispatch + _FRONT_END * len(unit.commands)
        begin = start
        if unit.array:
            self.array_starts.append(start)
            self.array = start + unit.array
            begin = max(self.post, self.array + self.latency)
        self.post_starts.append(begin)
        self.post = begin + unit.post
        if unit.array:
            self.drains.append(self.post)
        return self.post + CROSSING


class _Scheduler:
    def __init__(
        self, some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, rule: Rule
    ) -> None:
        self.some, self.config, self.rule = some, config, rule
        self.weights = {
            place: one.weights.words * config.rows if one.weights else 0 for place, one in tiled.items()
        }
        self.next = dict.fromkeys(some, 0)
        self.engines = _Engines(config.queue_depth, sums_latency(config) + CROSSING)
        self.finish: dict[Unit, int] = {}
        self.unread = readers(some)
        self.alive: dict[Row, int] = {}
        self.live = 0

    def run(self) -> list[Unit]:
        """Choose, and note what that does, until nothing is left."""
        room = int(self.rule.room * self.config.banks * self.config.bank_bytes)
        order: list[Unit] = []
        while open_places := [place for place in self.some if self.next[place] < len(self.some[place])]:
            candidates = [choice for place in open_places if (choice := self._choice(place, room))]
            fitting = [one for one in candidates if not one.full]
            unit = (min(fitting) if fitting else min(candidates, key=lambda one: one.shallow)).unit
            self._take(unit)
            order.append(unit)
        return order

    def _choice(self, place: int, room: int) -> _Choice | None:
        unit = self.some[place][self.next[place]]
        if any(one not in self.finish for one in unit.needs):
            return None
        engines = self.engines
        start = engines.start(unit, self._ready(unit))
        if self.rule.even:
            start = max(start, engines.dispatch(unit))
        else:
            start -= engines.array if unit.array else engines.post
        more = sum(size for _, size in unit.writes) + (0 if self.next[place] else self.weights[place])
        return _Choice(self.live + more > room, start, -place, unit)

    def _ready(self, unit: Unit) -> int:
        return max((self.finish[one] for one in unit.needs), default=0)

    def _take(self, unit: Unit) -> None:
        place = unit.operator
        dispatch = self.engines.dispatch(unit)
        start = max(self.engines.start(unit, self._ready(unit)), dispatch if self.rule.even else 0)
        self.finish[unit] = self.engines.run(unit, start, dispatch)
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
