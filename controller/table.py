"""A classifier's inferences, a line each: classes by every engine, cycles and bursts by both, utilization; totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENGINES = ("onnxruntime", "golden", "rtl")
_TITLES = {"onnxruntime": "onnxruntime", "golden": "golden", "rtl": "RTL"}


def is_tabular(data: dict[str, Any]) -> bool:
    """Whether there are several inferences, of a classifier."""
    return len(data["inferences"]) > 1 and data["inferences"][0]["classes"] is not None


def table(data: dict[str, Any]) -> Table:
    """The table, from the keys of `run --json`; columns of engines that did not run are left out."""
    rows = data["inferences"]
    labelled = rows[0]["labels"] is not None
    engines = [name for name in _ENGINES if rows[0]["classes"][name] is not None]
    machines = [name for name in engines if name != "onnxruntime"]
    made = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    made.add_column("image", f"{len(rows)}", justify="right")
    if labelled:
        made.add_column("label", justify="right")
    for name in engines:
        made.add_column(f"class by\n{_TITLES[name]}", _agreeing(rows, name, engines[0]), justify="right")
    for figure in ("cycles", "bursts"):
        for name in machines:
            total = sum(row[figure][name] for row in rows)
            made.add_column(f"{figure} by\n{_TITLES[name]}", f"{total:,}", justify="right")
    mean = len(rows) / sum(1 / row["utilization"] for row in rows)
    made.add_column("utilization", f"{100 * mean:.1f} %", justify="right")
    for index, row in enumerate(rows):
        cells = [str(index)]
        cells += [_classes(row["labels"])] if labelled else []
        cells += [_classes(row["classes"][name]) for name in engines]
        cells += [f"{row[figure][name]:,}" for figure in ("cycles", "bursts") for name in machines]
        made.add_row(*cells, f"{100 * row['utilization']:.1f} %")
    return made


def _agreeing(rows: Sequence[dict[str, Any]], name: str, first: str) -> str:
    """How many classes are right, by label for the reference, and by the reference for the engines."""
    pairs: list[tuple[int, int]] = []
    for row in rows:
        wanted = row["labels"] if name == first else row["classes"][first]
        if wanted is None:
            return ""
        pairs += zip(wanted, row["classes"][name], strict=True)
    held = sum(one == other for one, other in pairs)
    return f"{held} of {len(pairs)} {'right' if name == first else 'equal'}"


def _classes(classes: list[int]) -> str:
    return " ".join(map(str, classes))
