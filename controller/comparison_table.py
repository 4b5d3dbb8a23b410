"""A comparison for people: a row for each policy, from `none` to the bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from controller.execution import Execution

if TYPE_CHECKING:
    from controller.compare import Comparison
    from controller.figures import Figures

#: Columns of bytes: title and the classes in it.
_BYTES = {
    "weights": ("weights", "constants"),
    "input": ("input",),
    "fills": ("activation_fill",),
    "spills": ("activation_spill",),
    "output": ("output",),
    "program": ("program",),
}


def comparison_table(found: Comparison) -> Table:
    """Cycles, how much of the gap is closed, DRAM bytes by class, energy, and the part of the machine that binds."""
    config = found.compiled.config
    scratchpad = config.banks * config.bank_bytes // 1024
    execution = found.compiled.execution
    come = "" if execution is Execution.graph else f", {execution.value}"
    title = f"{found.model} on {config.name}: {scratchpad} KiB, {config.bus_bytes}-byte bus{come}"
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("policy")
    for column in ("cycles", "speed-up", "gap closed", *(f"KiB\n{name}" for name in _BYTES), "uJ"):
        made.add_column(column, justify="right")
    made.add_column("binds")
    for row in found.rows:
        closed = found.closed(row)
        made.add_row(
            row.name, f"{row.figures.cycles:,}", f"{found.unmanaged.cycles / row.figures.cycles:.2f}",
            "" if closed is None else f"{100 * closed:.0f} %", *_costs(row.figures),
        )  # fmt: skip
    for row in found.plans:
        speedup = found.unmanaged.cycles / row.figures.cycles
        made.add_row(row.name, f"{row.figures.cycles:,}", f"{speedup:.2f}", "", *_costs(row.figures))
    if found.infinite is not None and found.infinite_cycles is not None:
        made.add_section()
        speedup = found.unmanaged.cycles / found.infinite_cycles
        made.add_row(
            "infinite scratchpad", f"{found.infinite_cycles:,}", f"{speedup:.2f}", "", *_costs(found.infinite)
        )
    return made


def _costs(one: Figures) -> list[str]:
    """Bytes, energy, what binds."""
    by_class = one.dram["by_class"]
    kibibytes = [f"{sum(by_class[name] for name in names) / 1024:,.1f}" for names in _BYTES.values()]
    binds = one.usage["binds"]
    return [*kibibytes, f"{sum(one.energy.values()) / 1e6:,.1f}", "" if binds is None else binds.replace("_", " ")]
