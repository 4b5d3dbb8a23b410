"""Model against RTL: the first difference, or none."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

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


def _records(kind: str, expected: Iterable[Any], got: Iterable[Any]) -> Difference | None:
    for i, (a, b) in enumerate(zip_longest(expected, got)):
        if a == b:
            continue
        if a is None or b is None:
            return Difference(f"{kind} {i}", "presence", a, b)
        name = next(n for n in a._fields if getattr(a, n) != getattr(b, n))
        return Difference(f"{kind} {i} ({a})", name, getattr(a, name), getattr(b, name))
    return None


def commands(expected: Iterable[Command], got: Iterable[Command]) -> Difference | None:
    """Compare every command's start and finish; both sides in order of queue and index."""
    return _records("command", sorted(expected), sorted(got))


def transactions(expected: Iterable[Transaction], got: Iterable[Transaction]) -> Difference | None:
    """Compare every burst's cycle, direction, address and length, in order of cycle."""
    return _records("transaction", sorted(expected), sorted(got))


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
