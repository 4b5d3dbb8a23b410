"""The order of the units of a chain of operators, band by band, so that what is between them need not leave the chip.

A list scheduler: whatever can start is a candidate, a small model of the engines says when, and a unit deep in the
chain goes first, since it ends the life of what it reads. So a band of rows is carried through the whole chain before
more of the first map is made than keeps the engines busy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from controller.joint.units import found, readers
from spec.isa import Role
from spec.timing import CROSSING, sums_latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from controller.choice import Tiled
    from controller.joint.units import Unit
    from controller.layout import Buffer
    from spec.config import Config


@dataclass(frozen=True)
class Rule:
    """How a chain is interleaved.

    Parameters
    ----------
    room
        The part of the scratchpad that live rows, and weights of operators that have begun, may take, while there is a
        choice.
    first, post
        How much it counts that a unit's first engine waits for it, and that post-processing does.
    grain
        Waits count in so many cycles: among those that are as long the deepest unit goes first.
    left
        Whether what the chain leaves behind has banks of its own, see `by_engine`.
    """

    room: float
    first: int
    post: int
    grain: int
    left: bool


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


class _Times(NamedTuple):
    """What a unit would do to the engines: waits of its first one and of post-processing, and when each is done."""

    first: int
    post: int
    array_done: int
    post_done: int


def interleaved(
    some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, rule: Rule
) -> Interleaved:
    """All units of a chain, each after those that it needs.

    Of what fits the room a unit is taken for which the engines wait least, and of those the deepest.
    """
    return _Scheduler(some, tiled, config, rule).run()


@dataclass
class _Engines:
    """When engines are free, as far as this model knows: two engines in order, and two halves between them.

    `read` has when each engine has last read a buffer: the other one then waits for the port of its banks.
    """

    latency: int
    array: int = 0
    post: int = 0
    drains: tuple[int, int] = (0, 0)
    read: dict[tuple[Buffer, bool], int] = field(default_factory=dict)

    def times(self, unit: Unit, ready: int) -> _Times:
        """When a unit would run whose operands are there at `ready`."""
        on_array, on_post = _maps(unit)
        post_free = max(self.post, *(self.read.get((buffer, True), 0) for buffer in on_post), 0)
        if not unit.array:
            start = max(post_free, ready)
            return _Times(start - self.post, start - self.post, self.array, start + unit.post)
        start = max(self.array, ready, self.drains[0], *(self.read.get((buffer, False), 0) for buffer in on_array))
        done = start + unit.array
        drained = max(post_free, done + self.latency)
        return _Times(start - self.array, drained - self.post, done, drained + unit.post)

    def run(self, unit: Unit, ready: int) -> int:
        """Take a unit; when its last word is written."""
        found = self.times(unit, ready)
        on_array, on_post = _maps(unit)
        self.array, self.post = found.array_done, found.post_done
        self.read |= {(buffer, True): self.array for buffer in on_array}
        self.read |= {(buffer, False): self.post for buffer in on_post}
        if unit.array:
            self.drains = self.drains[1], self.post
        return self.post + CROSSING


def _maps(unit: Unit) -> tuple[list[Buffer], list[Buffer]]:
    """The maps that the array reads for a unit, and those that post-processing reads."""
    operands = unit.commands[-1].operands
    source = [operands[Role.INPUT].buffer]
    addend = [operands[Role.RESIDUAL].buffer] if Role.RESIDUAL in operands else []
    return (source, addend) if unit.array else ([], source + addend)


class _Scheduler:
    def __init__(
        self, some: Mapping[int, Sequence[Unit]], tiled: Mapping[int, Tiled], config: Config, rule: Rule
    ) -> None:
        self.some, self.rule = some, rule
        self.room = int(rule.room * config.banks * config.bank_bytes)
        self.weights = {
            place: one.weights.words * config.rows if one.weights else 0 for place, one in tiled.items()
        }
        self.next = dict.fromkeys(some, 0)
        self.engines = _Engines(sums_latency(config) + CROSSING)
        self.finish: dict[Unit, int] = {}
        #: The operator whose statistic the engine holds, while it is still wanted.
        self.measured: int | None = None
        self.unread = readers(some)
        self.read_here = set(self.unread)
        self.alive = found(some, config)
        self.live = sum(self.alive.values())

    def run(self) -> Interleaved:
        """Choose, and note what that does, until nothing is left."""
        order: list[Unit] = []
        while open_places := [place for place in self.some if self.next[place] < len(self.some[place])]:
            candidates = [choice for place in open_places if (choice := self._choice(place))]
            fitting = [one for one in candidates if not one.full]
            unit = (min(fitting) if fitting else min(candidates, key=lambda one: one.shallow)).unit
            self._take(unit)
            order.append(unit)
        return Interleaved(order, self.engines.post)

    def _choice(self, place: int) -> _Choice | None:
        unit = self.some[place][self.next[place]]
        if any(one not in self.finish for one in unit.needs):
            return None
        if unit.measures and self.measured not in {None, place}:
            return None
        more = sum(size for _, size in unit.writes) + (0 if self.next[place] else self.weights[place])
        times = self.engines.times(unit, self._ready(unit))
        idle = (self.rule.first * times.first + self.rule.post * times.post) // self.rule.grain
        return _Choice(self.live + more > self.room, idle, -place, unit)

    def _ready(self, unit: Unit) -> int:
        return max((self.finish[one] for one in unit.needs), default=0)

    def _take(self, unit: Unit) -> None:
        place = unit.operator
        self.finish[unit] = self.engines.run(unit, self._ready(unit))
        self.live += 0 if self.next[place] else self.weights[place]
        self.next[place] += 1
        if unit.measures or unit.normalizes:
            upcoming = self.some[place][self.next[place] : self.next[place] + 1]
            self.measured = place if upcoming and upcoming[0].normalizes else None
        self.live -= self.weights[place] if self.next[place] == len(self.some[place]) else 0
        for row, size in unit.writes:
            self.alive[row] = self.alive.get(row, 0) + size
            self.live += size
        for row in unit.reads:
            self.unread[row] -= 1
        for row in (*unit.reads, *(row for row, _ in unit.writes)):
            # What is left behind stays.
            if self.unread[row] <= 0 and row in self.read_here:
                self.live -= self.alive.pop(row, 0)
