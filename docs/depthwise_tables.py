"""The tables of docs/depthwise.md, from what docs.depthwise has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docs.depthwise import CAUSES_REMOVED, COMMAND, FILE, KERNELS, TAP_BY_TAP
from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Callable

#: A head and its rows.
Table = tuple[list[str], list[list[object]]]


def causes() -> Table:
    """One layer, what keeps it from more taken away cause by cause."""
    kept = _kept()
    alone = kept[COMMAND.key]["longest_command"]
    share = _percent(COMMAND.share(alone))
    command = ["scratchpad", COMMAND.bus, COMMAND.kib, "one, 56x56", f"{alone:,}", share, f"{alone:,}", 0, 0, 0]
    found: list[list[object]] = [command]
    for case in CAUSES_REMOVED:
        row = kept[case.key]
        found.append([
            "scratchpad" if case.resident else "DRAM", case.bus, case.kib, row["tiles"].split()[-1],
            f"{row['cycles']:,}", _percent(row["share"]),
            *(f"{row['engine'][cause]:,}" for cause in ("busy", "empty", "data", "port")),
        ])  # fmt: skip
    return ["maps in", "bus B", "KiB", "tiles", "cycles", "of nine products", "busy", "empty", "data", "port"], found


def kernels() -> Table:
    """Layers of several kernels, beside what they take tap by tap, and what bounds them."""
    kept, found = _kept(), []
    for case in KERNELS:
        row = kept[case.key]
        memory = max(row["read_bursts"], row["write_bursts"]) * case.config.page_beats
        before = kept[TAP_BY_TAP[case].key] if case in TAP_BY_TAP else None
        found.append([
            f"{case.side}x{case.side}x{case.channels}", f"{case.kernel}x{case.kernel}", case.stride,
            f"{before['cycles']:,}" if before else "", _percent(before["share"]) if before else "",
            row["tiles"].split()[-1], f"{row['cycles']:,}", _percent(row["share"]),
            f"{before['cycles'] / row['cycles']:.1f}" if before else "",
            f"{row['engine']['busy']:,}", f"{case.at_least:,}", f"{memory:,}",
        ])  # fmt: skip
    head = ["input", "kernel", "stride", "tap by tap", "of nine products", "tiles", "cycles", "of nine products"]
    return [*head, "gain", "engine busy", "at least", "bus busy"], found


def _kept() -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in rows(FILE)}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


TABLES: dict[str, Callable[[], Table]] = {"depthwise.causes": causes, "depthwise.kernels": kernels}
