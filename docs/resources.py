"""Resources of an FPGA by unit, counted from the netlist that `make synth` or `make xilinx` makes."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from docs.markdown import table

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Family:
    """A family's cells.

    Attributes
    ----------
    netlist
        Where the netlist is, if nobody says.
    luts
        LUTs that a cell takes.
    columns
        For each other column a pattern of its cells, and how many of what it counts a cell is.
    memory, multiplier
        Columns of the memories that banks must become, and of the multipliers that processing elements must.
    """

    netlist: str
    luts: dict[str, int]
    columns: dict[str, dict[str, float]]
    memory: tuple[str, ...]
    multiplier: str


FAMILIES = {
    # A carry cell adds two bits, a cell of distributed memory holds four and has a write port.
    "ecp5": Family(
        "build/synth/shell.json", {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        {"flip-flops": {"TRELLIS_FF": 1}, "block memories": {"DP16KD": 1}, "multipliers": {"MULT18X18D": 1}},
        ("block memories",), "multipliers",
    ),
    # Two small LUTs may share a place: they are counted as two. Distributed memories and shift registers are LUTs.
    "xcup": Family(
        "build/xilinx/shell.json",
        {**{f"LUT{n}": 1 for n in range(1, 7)}, "INV": 1, "RAM32M": 4, "RAM32M16": 8, "RAM64M": 4, "RAM64M8": 8,
         "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8, "SRL16E": 1, "SRLC32E": 1},
        {"flip-flops": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1}, "CARRY8": {"CARRY8": 1, "CARRY4": 0.5},
         "BRAM36": {"RAMB36E2": 1, "RAMB18E2": 0.5}, "URAM": {"URAM288": 1}, "DSP": {"DSP48E2": 1}},
        ("BRAM36", "URAM"), "DSP",
    ),
}  # fmt: skip
#: Levels of a cell's name above the machine's units: module of the shell, core.
ABOVE = ("machine", "core")
#: Units whose parts have rows of their own.
SPLIT = ("array", "frontend", "post")
#: Units with fewer LUTs are one row together.
LEAST = 300


def unit(cell: str) -> str:
    """The unit that a cell is in, by the name that synthesis has kept; lanes are one."""
    parts = [part.partition("$")[0] for part in cell.lstrip("\\").split(".")]
    if tuple(parts[:2]) != ABOVE or len(parts) < 4:
        return "rest"
    name = parts[2]
    inner = parts[3].rstrip("0123456789").rstrip("_")
    return f"{name}.{inner}" if name in SPLIT and len(parts) > 4 else name


def cells(netlist: Path) -> dict[str, str]:
    """Type of each cell of a netlist, by name."""
    return {name: cell["type"] for name, cell in json.loads(netlist.read_text())["modules"]["shell"]["cells"].items()}


def counted(found: dict[str, str], family: Family) -> dict[str, Counter[str]]:
    """LUTs and the other columns of each unit."""
    kinds = {cell: (column, each) for column, those in family.columns.items() for cell, each in those.items()}
    kinds |= {cell: ("LUTs", each) for cell, each in family.luts.items()}
    units: dict[str, Counter[str]] = defaultdict(Counter)
    for name, kind in found.items():
        if kind in kinds:
            column, each = kinds[kind]
            units[unit(name)][column] += each  # type: ignore[assignment]
    return units


def main() -> int:
    """Print the table, the largest unit first, small ones together; 1 if banks or processing elements are LUTs."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("netlist", nargs="?")
    arguments.add_argument("--family", choices=FAMILIES, default="ecp5")
    asked = arguments.parse_args()
    family = FAMILIES[asked.family]
    units = counted(cells(Path(asked.netlist or ROOT / family.netlist)), family)
    inferred = any(units["scratchpad"][one] for one in family.memory) and units["array.array"][family.multiplier] > 0
    columns = ("LUTs", *family.columns)
    for name, used in list(units.items()):
        if used["LUTs"] < LEAST and name != "rest" and not used[family.multiplier]:
            units["rest"] += units.pop(name)
    rows = sorted(units.items(), key=lambda item: (item[0] == "rest", -item[1]["LUTs"]))
    total = sum((used for _, used in rows), Counter())
    lines = [
        [f"`{name}`" if name != "rest" else name, *(f"{used[one]:,}".removesuffix(".0") for one in columns)]
        for name, used in (*rows, ("all", total))
    ]
    print(table(["unit", *columns], lines))
    return not inferred


if __name__ == "__main__":
    sys.exit(main())
