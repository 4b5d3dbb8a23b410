"""The tables of docs/joint.md, from what `make joint` has kept."""

from __future__ import annotations

from functools import partial
from statistics import geometric_mean
from typing import TYPE_CHECKING, Any

from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = "joint.jsonl"
#: What the cycles of the search's own plan are kept as.
_OWN = "joint"
_MEANS = ("bands", "banks", "tiles", "prefetches", "leaving")
Table = tuple[list[str], list[list[object]]]


def table(machine: str) -> Table:
    """Every network that is kept of a machine: cycles of each method, and how near the bound is."""
    head = ["network", "`none`", "best policy", "`joint`", "over `none`", "fewer than the best policy", "bound",
            "of", "above the bound", "operators in chains", "seconds"]  # fmt: skip
    found: list[list[object]] = []
    ratios = []
    for row in _of(machine):
        cycles = row["cycles"]
        joint = cycles[_OWN]
        best = min((name for name in cycles if name != _OWN), key=cycles.__getitem__)
        ratios.append(joint / cycles[best])
        together = [one["end"] - one["first"] for one in row["chains"] if one["rule"]]
        found.append([
            row["network"], f"{cycles['none']:,}", f"`{best}` {cycles[best]:,}", f"{joint:,}",
            f"{cycles['none'] / joint:.2f}x", f"{100 * (1 - ratios[-1]):.1f} %", f"{row['bound']:,}",
            f"`{row['bound_by']}`", f"{100 * (joint / row['bound'] - 1):.0f} %",
            f"{sum(together)} of {row['operators']} in {len(together)}", row["seconds"],
        ])  # fmt: skip
    mean = f"{100 * (1 - geometric_mean(ratios)):.1f} %"
    return head, [*found, ["geometric mean", "", "", "", "", mean, "", "", "", "", ""]]


def without(machine: str) -> Table:
    """The plans of networks, and what they take without one of their means."""
    head = ["network", "`joint`", *(f"without {name}" for name in _MEANS)]
    found: list[list[object]] = []
    for row in _of(machine):
        joint = row["cycles"][_OWN]
        lost = [f"{row['without'][name]:,} ({100 * (row['without'][name] / joint - 1):+.1f} %)" for name in _MEANS]
        found.append([row["network"], f"{joint:,}", *lost])
    return head, found


def spans() -> Table:
    """Chain by chain, how long the first network's plan takes, and how busy the parts of the machine are meanwhile."""
    head = ["operators", "cycles", "bus busy", "array busy", "post-processing busy", "the busiest"]
    found: list[list[object]] = []
    for one in rows(FILE)[0]["spans"]:
        busy = [one[part] for part in ("bus", "array", "post")]
        share = f"{100 * max(busy) / one['cycles']:.0f} %" if one["cycles"] else ""
        found.append([f"{one['first']} to {one['end'] - 1}", *(f"{n:,}" for n in (one["cycles"], *busy)), share])
    return head, found


def _of(machine: str) -> list[dict[str, Any]]:
    return [row for row in rows(FILE) if row["config"] == machine]


TABLES: dict[str, Callable[[], Table]] = {
    **{f"joint-measured.{machine}": partial(table, machine) for machine in ("edge", "onsram")},
    **{f"joint-without.{machine}": partial(without, machine) for machine in ("edge", "onsram")},
    "joint-spans": spans,
}
