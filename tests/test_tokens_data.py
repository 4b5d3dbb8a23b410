"""What `make tokens` has measured adds up, and is of the machines and sizes that are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from docs.grid import machine
from docs.kept import rows
from docs.tokens import cells
from docs.tokens_tables import BUS, FILE

CELLS = rows(FILE)
READ = ("weights", "constants", "input", "activation_fill")
WRITTEN = ("activation_spill", "output")
key = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell["key"])


def test_cells_are_those_that_are_asked_for() -> None:
    """In their order; what is missing has not been measured."""
    assert [cell["key"] for cell in CELLS] == [one for one in cells() if one in {cell["key"] for cell in CELLS}]
    for cell in CELLS:
        assert cell["config_hash"] == f"{machine(cell['kib'], BUS).hash:016x}"


@key
def test_time_and_bytes_have_floors(cell: dict[str, Any]) -> None:
    """No bus carries more than its width; no policy beats a scratchpad that holds all, or moves fewer bytes."""
    bounds, least = cell["bounds"], cell["infinite"]["by_class"]
    for policy, one in cell["policies"].items():
        moved = one["by_class"]
        for classes in (READ, WRITTEN):
            assert one["cycles"] * BUS >= sum(moved[name] for name in classes), policy
        assert one["cycles"] >= max(bounds["compute_cycles"], bounds["infinite_scratchpad_cycles"]), policy
        assert all(moved[name] >= least[name] for name in (*READ, *WRITTEN)), policy
        assert moved["activation_fill"] == 0 or moved["activation_spill"] > 0, policy
