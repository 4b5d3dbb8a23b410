"""What the emitted hardware's coverage is counted from, and that it is kept for every unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docs.holes import HOLES
from docs.reached import MACHINES, ranges, sentences, units
from docs.reached_tables import KINDS, holes, kept, places, reason
from tb.points import Point, marked, merged

if TYPE_CHECKING:
    from pathlib import Path

#: As Verilator writes it, but for the control characters.
ENTRY = "C '\1f\2/some/{file}\1l\2{line}\1n\2{column}\1t\2x\1page\2v_{kind}/pinfold.core\1o\2{what}\1h\2top' {count}"


def entry(kind: str, what: str, count: int, *, file: str = "system.v", line: int = 1, column: int = 3) -> str:
    return ENTRY.format(file=file, line=line, column=column, kind=kind, what=what, count=count)


@pytest.mark.parametrize("line", [
    "  input rst;", "  output [5:0] held;", "  wire [5:0] held;", r"  reg [5:0] \$7 ;", r"  reg \$7  = 1'h0;",
    r"  reg \$once = 0;", "  reg [31:0] entries [0:15];", r"    if (\$once ) begin end", "    if (1'h1) begin",
])  # fmt: skip
def test_what_no_unit_keeps_is_not_counted(line: str) -> None:
    assert marked(f"module unit;\n{line}\nendmodule") == (
        f"module unit;\n/*verilator coverage_off*/{line}/*verilator coverage_on*/\nendmodule"
    )


@pytest.mark.parametrize("line", [
    "  reg [5:0] held_0 = 6'h00;", r"  reg \final  = 1'h0;", "    if (rst) begin", "  output f;\n  reg f = 1'h0;",
    "  output [1:0] f;\n  reg [1:0] f = 2'h0;", "    if (!full)\n      f = 1'h1;",
])  # fmt: skip
def test_registers_and_choices_are_counted(line: str) -> None:
    assert marked(line) == line


@pytest.mark.parametrize("lines", [
    '    if (!held )\n      $write("a frame must be held");', "    7'h0a:\n        /* empty */;",
])  # fmt: skip
def test_failing_assertions_and_cases_of_nothing_are_not_counted(lines: str) -> None:
    assert marked(lines).splitlines()[0].endswith("coverage_on*/")


def test_runs_are_added(tmp_path: Path) -> None:
    """What none reached is there too; other files are not."""
    runs = [tmp_path / "a.dat", tmp_path / "b.dat"]
    bit = entry("toggle", "held__0245[1]:0->1", 0)
    runs[0].write_text("\n".join([bit, entry("branch", "if", 2), entry("line", "block", 9, file="memory.sv")]))
    runs[1].write_text("\n".join([bit, entry("branch", "if", 3)]))
    assert merged("system.v", runs) == {
        Point("pinfold.core", "toggle", 1, "held$5[1]:0->1"): 0,
        Point("pinfold.core", "branch", 1, "if in column 3"): 5,
    }


def test_what_was_missed_is_said_shortly() -> None:
    bits = [Point("pinfold.core", "toggle", 1, f"held[{bit}]:0->1") for bit in (9, 2, 3, 11, 10)]
    choice = Point("pinfold.core", "branch", 2, "else in column 3")
    assert sentences([*bits, choice], ["reg held;", "  if (rst) begin"]) == [
        "core branch else: if (rst) begin", "core held[3:2, 11:9]",
    ]  # fmt: skip
    assert ranges([4]) == "4"


def test_every_unit_of_the_machine_was_counted() -> None:
    """In the data of each machine; a unit without points is only wires."""
    for config in MACHINES:
        made = kept()[config.name]
        assert set(made) <= set(units(config).values())
        assert all(0 <= unit[kind][0] <= unit[kind][1] for unit in made.values() for kind in KINDS)


def test_places_are_told_apart_by_bits() -> None:
    assert list(places(["core held$5[3:2, 9]", "core line case: 3'h0:"])) == [
        "core held$ 2", "core held$ 3", "core held$ 9", "core line case: 3'h0:",
    ]  # fmt: skip


def test_every_hole_is_named() -> None:
    """By the first reason that holds; each reason holds for something."""
    assert [place for place in holes() if not reason(place)] == []
    assert {reason(place) for place in holes()} == set(HOLES)
