"""Model against RTL: the first difference, or none."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from spec.isa import Queue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spec.trace import Command, Transaction

__all__ = ["Difference", "commands", "counters", "transactions", "words"]


class Difference(NamedTuple):
    """The first place in which two records differ.

    Attributes
    ----------
    what
        What was compared: "command POST 3", "transaction 17", "counter CYCLES", "byte 0x40".
    field
        The part of it that differs.
    expected, got
        The model's and the RTL's; ``None`` where there is no such record.
    """

    what: str
    field: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        """One line."""
        return f"{self.what}: {self.field} must be {self.expected}, not {self.got}"


def _records(names: Iterable[str], expected: Iterable[Any], got: Iterable[Any]) -> Difference | None:
    for name, a, b in zip(names, expected, got, strict=True):
        if a == b:
            continue
        if a is None or b is None:
            return Difference(name, "presence", a, b)
        part = next(n for n in a._fields if getattr(a, n) != getattr(b, n))
        return Difference(f"{name} ({a})", part, getattr(a, part), getattr(b, part))
    return None


def commands(expected: Iterable[Command], got: Iterable[Command]) -> Difference | None:
    """Compare every command's start and finish; records of the same queue and index belong together."""
    sides = [{(command.queue, command.index): command for command in side} for side in (expected, got)]
    keys = sorted(sides[0].keys() | sides[1].keys())
    names = [f"command {Queue(queue).name} {index}" for queue, index in keys]
    return _records(names, *([side.get(key) for key in keys] for side in sides))


def transactions(expected: Iterable[Transaction], got: Iterable[Transaction]) -> Difference | None:
    """Compare every burst's cycle, direction, address and length; both sides in order of cycle."""
    pairs = list(zip_longest(expected, got))
    return _records([f"transaction {i}" for i in range(len(pairs))], *(zip(*pairs, strict=True) if pairs else ((), ())))


def counters(expected: dict[str, int], got: dict[str, int]) -> Difference | None:
    """Compare every counter that the model has."""
    for name, value in expected.items():
        if got.get(name) != value:
            return Difference(f"counter {name}", "value", value, got.get(name))
    return None


def words(expected: bytes, got: bytes, address: int = 0) -> Difference | None:
    """Compare bytes of DRAM from ``address``."""
    if expected == got:
        return None
    for i, (a, b) in enumerate(zip_longest(expected, got)):
        if a != b:
            return Difference(f"byte {address + i:#x}", "value", a, b)
    return None
