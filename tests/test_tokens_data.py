"""What `make tokens` has measured is of the machines and sizes that are asked for."""

from __future__ import annotations

from docs.grid import machine
from docs.kept import rows
from docs.tokens import cells
from docs.tokens_tables import BUS, FILE

CELLS = rows(FILE)


def test_cells_are_those_that_are_asked_for() -> None:
    """In their order; what is missing has not been measured."""
    assert [cell["key"] for cell in CELLS] == [one for one in cells() if one in {cell["key"] for cell in CELLS}]
    for cell in CELLS:
        assert cell["config_hash"] == f"{machine(cell['kib'], BUS).hash:016x}"
