"""Cells of a netlist are counted by unit, and banks or processing elements of LUTs are noticed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from docs.resources import FAMILIES, counted, main, unit

if TYPE_CHECKING:
    from pathlib import Path

CELLS = {
    "machine.core.scratchpad.bank3.cells.0.0": "URAM288",
    "machine.core.array.array.pe_0_0.product": "DSP48E2",
    "machine.core.post.lane_7.first.$signal$9_LUT4_Z": "LUT6",
    "machine.core.post.lane_0.first.$signal$9_LUT4_Z": "CARRY4",
    "machine.core.frontend.decode.raw_FDRE_Q": "FDRE",
    "machine.core.frontend.decode.word": "RAMB18E2",
    "ticks": "LUT1",
}


@pytest.mark.parametrize(("cell", "name"), [
    ("\\machine.core.post.lane_7.first.x", "post.lane"), ("machine.core.scratchpad.bank3.cells.0.0", "scratchpad"),
    ("machine.core.csr.values_1", "csr"), ("machine.core.post.command", "post"), ("ticks", "rest"),
])  # fmt: skip
def test_a_cell_belongs_to_its_unit(cell: str, name: str) -> None:
    assert unit(cell) == name


def test_cells_are_counted_by_what_they_are() -> None:
    found = counted(CELLS, FAMILIES["xcup"])
    assert dict(found["post.lane"]) == {"LUTs": 1, "CARRY8": 0.5}
    assert dict(found["frontend.decode"]) == {"flip-flops": 1, "BRAM36": 0.5}
    assert dict(found["rest"]) == {"LUTs": 1}


@pytest.mark.parametrize(("lost", "status"), [(None, 0), ("bank3", 1), ("pe_0_0", 1)])
def test_banks_and_processing_elements_of_luts_fail(
    lost: str | None, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = {name: {"type": "LUT6" if lost and lost in name else kind} for name, kind in CELLS.items()}
    netlist = tmp_path / "shell.json"
    netlist.write_text(json.dumps({"modules": {"shell": {"cells": cells}}}))
    monkeypatch.setattr(sys, "argv", ["resources", str(netlist), "--family", "xcup"])
    assert main() == status
