"""A small model of the engines, by which a chain's units are put in order: two engines in turn, two halves between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from spec.isa import Role
from spec.timing import CROSSING

if TYPE_CHECKING:
    from controller.joint.units import Unit
    from controller.layout import Buffer


class Times(NamedTuple):
    """What a unit would do to the engines: waits of its first one and of post-processing, and when each is done."""

    first: int
    post: int
    array_done: int
    post_done: int


@dataclass
class Engines:
    """When engines are free, as far as this model knows: two engines in order, and two halves between them.

    `read` has when each engine has last read a buffer: the other one then waits for the port of its banks.
    """

    latency: int
    array: int = 0
    post: int = 0
    drains: tuple[int, int] = (0, 0)
    read: dict[tuple[Buffer, bool], int] = field(default_factory=dict)

    def times(self, unit: Unit, ready: int) -> Times:
        """When a unit would run whose operands are there at `ready`."""
        on_array, on_post = _maps(unit)
        post_free = max(self.post, *(self.read.get((buffer, True), 0) for buffer in on_post), 0)
        if not unit.array:
            start = max(post_free, ready)
            return Times(start - self.post, start - self.post, self.array, start + unit.post)
        start = max(self.array, ready, self.drains[0], *(self.read.get((buffer, False), 0) for buffer in on_array))
        done = start + unit.array
        drained = max(post_free, done + self.latency)
        return Times(start - self.array, drained - self.post, done, drained + unit.post)

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
