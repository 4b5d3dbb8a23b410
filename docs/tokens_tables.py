"""The tables of docs/policies.md on networks of tokens, from what `make tokens` has kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Callable

FILE, BUS = "tokens.jsonl", 4
#: KiB of scratchpad that each network is measured with.
SIZES = {
    "attention": (128, 256, 512, 1024), "bert": (128, 256, 512, 1024), "vit": (128, 256, 512, 1024),
    "lstm_step": (128, 256, 512, 1024), "lstm": (256,),
}  # fmt: skip
Table = tuple[list[str], list[list[object]]]


def speeds() -> Table:
    """How many times fewer cycles than under `none`, how much of the gap is closed, and the change of energy."""
    found = rows(FILE)
    policies = list(found[0]["policies"])[1:]
    head = [
        "network", "KiB", "cycles under `none`", "infinite", *(f"`{one}`" for one in policies),
        "gap closed by `directed`", "by `eager warm`", "energy of `directed`",
    ]  # fmt: skip
    return head, [[row["network"], row["kib"], *_speeds(row, policies)] for row in found]


def _speeds(row: dict[str, Any], policies: list[str]) -> list[object]:
    one, none = row["policies"], row["policies"]["none"]
    bound = row["bounds"]["infinite_scratchpad_cycles"]
    return [
        f"{none['cycles']:,}", f"{none['cycles'] / bound:.2f}",
        *(f"{none['cycles'] / one[name]['cycles']:.2f}" for name in policies),
        *(f"{100 * one[name]['gap_closed']:.0f} %" for name in ("directed", "eager warm")),
        f"{100 * (one['directed']['energy_pj'] / none['energy_pj'] - 1):+.0f} %",
    ]  # fmt: skip


def bytes_by_class(kib: int = 256) -> Table:
    """KiB over the bus by class, and energy, under `none`, the best that learns or counts, and `directed`."""
    classes = {
        "weights": ("weights", "constants"), "input": ("input",), "fills": ("activation_fill",),
        "spills": ("activation_spill",), "output": ("output",),
    }  # fmt: skip
    lines: list[list[object]] = []
    for row in rows(FILE):
        if row["kib"] != kib:
            continue
        for policy, one in [*row["policies"].items(), ("infinite scratchpad", row["infinite"])]:
            kibibytes = [sum(one["by_class"][name] for name in names) / 1024 for names in classes.values()]
            shown = f"`{policy}`" if policy in row["policies"] else policy
            lines.append([
                row["network"], shown, f"{one['cycles']:,}", *(f"{some:,.0f}" for some in kibibytes),
                f"{one['energy_pj'] / 1e6:,.0f}",
            ])  # fmt: skip
    return ["network", "policy", "cycles", *(f"KiB {name}" for name in classes), "uJ"], lines


TABLES: dict[str, Callable[[], Table]] = {"tokens": speeds, "tokens.bytes": bytes_by_class}
