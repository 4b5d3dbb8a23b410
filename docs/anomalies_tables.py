"""What is slower with more scratchpad or a wider bus, and with the cause removed, as docs.anomalies has kept it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "anomalies.jsonl"


def _anomalies() -> tuple[list[str], list[list[object]]]:
    """Cycles on the smaller machine, on the larger one, and there with the program of the smaller."""
    head = ["network", "KiB, bus", "to", "policy", "cycles", "to", "change", "with the first program", "change",
            "without waits for ports"]  # fmt: skip
    found: list[list[object]] = []
    for row in rows(FILE):
        (before, after), same = row["cycles"], row["same_program"]
        places = (f"{kib} KiB, {bus} B" for kib, bus in zip(row["kib"], row["bus"], strict=True))
        found.append([
            row["network"], *places, f"`{row['policy']}`", f"{before:,}", f"{after:,}", _change(after, before),
            f"{same:,}", _change(same, before), _change(*reversed(ports)) if (ports := row["without_ports"]) else "",
        ])  # fmt: skip
    return head, found


def _change(cycles: int, before: int) -> str:
    return f"{100 * (cycles / before - 1):+.1f} %"


TABLES: dict[str, Callable[[], tuple[list[str], list[list[Any]]]]] = {"anomalies": _anomalies}
