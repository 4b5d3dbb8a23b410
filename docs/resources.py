"""Resources of an ECP5 by unit, counted from the netlist that `make synth` makes."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

from docs.markdown import table

ROOT = Path(__file__).parents[1]
#: LUTs that a cell takes: a carry cell adds two bits, a cell of distributed memory holds four and has a write port.
LUTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}
#: Columns and their cells.
CELLS = {"flip-flops": "TRELLIS_FF", "block memories": "DP16KD", "multipliers": "MULT18X18D"}
#: Levels of a cell's name above the machine's units: module of the shell, core.
ABOVE = ("machine", "core")
#: Units whose parts have rows of their own.
SPLIT = ("array", "frontend", "post")


def unit(cell: str) -> str:
    """The unit that a cell is in, by the name that synthesis has kept; lanes are one."""
    parts = [part.partition("$")[0] for part in cell.lstrip("\\").split(".")]
    if tuple(parts[:2]) != ABOVE or len(parts) < 4:
        return "rest"
    name = parts[2]
    inner = parts[3].rstrip("0123456789").rstrip("_")
    return f"{name}.{inner}" if name in SPLIT and len(parts) > 4 else name


def counted(netlist: Path) -> dict[str, Counter[str]]:
    """LUTs, flip-flops, block memories and multipliers of each unit."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    kinds = {cell: column for column, cell in CELLS.items()}
    for name, cell in json.loads(netlist.read_text())["modules"]["shell"]["cells"].items():
        kind = cell["type"]
        if kind in LUTS or kind in kinds:
            found[unit(name)][kinds.get(kind, "LUTs")] += LUTS.get(kind, 1)
    return found


def main() -> int:
    """Print the table, the largest unit first, small ones together."""
    units = counted(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "synth" / "shell.json")
    columns = ("LUTs", *CELLS)
    small = [name for name, used in units.items() if used["LUTs"] < 300 and not (used["multipliers"] or name == "rest")]
    for name in small:
        units["rest"] += units.pop(name)
    rows = sorted(units.items(), key=lambda item: (item[0] == "rest", -item[1]["LUTs"]))
    total = sum((used for _, used in rows), Counter())
    print(table(["unit", *columns], [[f"`{n}`" if n != "rest" else n, *(f"{u[c]:,}" for c in columns)] for n, u in
                                      (*rows, ("all", total))]))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
