"""Contiguous packing: buffers with lifetimes and sizes, offsets for them, and a check that knows no algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Buffer:
    """Bytes that are needed from time `lower` until just before time `upper`."""

    name: str
    lower: int
    upper: int
    size: int

    def meets(self, other: Buffer) -> bool:
        """Whether both are needed at some time."""
        return self.lower < other.upper and other.lower < self.upper


@dataclass(frozen=True)
class Packing:
    """An offset for each buffer, the height that they reach, and a bound that no packing's height is below."""

    offsets: tuple[int, ...]
    height: int
    bound: int

    @property
    def gap(self) -> float:
        """How far the height is above the bound, as a part of the height."""
        return (self.height - self.bound) / self.height if self.height else 0.0


def load(buffers: Sequence[Buffer]) -> int:
    """The most bytes needed at one time: no packing is lower."""
    changes = sorted(
        change for one in buffers if one.size for change in ((one.lower, one.size), (one.upper, -one.size))
    )
    total = most = 0
    for _, change in sorted(changes, key=lambda pair: (pair[0], pair[1])):
        total += change
        most = max(most, total)
    return most


def violations(buffers: Sequence[Buffer], offsets: Sequence[int], capacity: int) -> Iterator[str]:
    """A sentence for each way in which these offsets are no packing into so many bytes."""
    if len(buffers) != len(offsets):
        yield f"there must be {len(buffers)} offsets, not {len(offsets)}"
        return
    placed = sorted(zip(buffers, offsets, strict=True), key=lambda pair: pair[0].lower)
    for one, offset in placed:
        if offset < 0:
            yield f"{one.name} must not begin below 0, as at {offset}"
        if offset + one.size > capacity:
            yield f"{one.name} must end by {capacity}, not at {offset + one.size}"
    alive: list[tuple[Buffer, int]] = []
    for one, offset in placed:
        alive = [(other, place) for other, place in alive if other.upper > one.lower]
        for other, place in alive:
            if one.meets(other) and offset < place + other.size and place < offset + one.size:
                yield f"{other.name} and {one.name} must not both hold byte {max(offset, place)}"
        alive.append((one, offset))
