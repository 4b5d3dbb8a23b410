"""What `make policies` has measured is without the anomalies that other models show."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from docs import grid
from docs.grid import FILE
from docs.kept import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

CELLS = rows(FILE)
READ = ("weights", "constants", "input", "activation_fill")
WRITTEN = ("activation_spill", "output")
#: What more memory or a wider bus may cost: programs are cut anew for each machine, by trials of single operators.
MOST = 1.01
key = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell["key"])


@key
def test_time_and_bytes_have_floors(cell: dict[str, Any]) -> None:
    """No bus carries more than its width; no policy beats a scratchpad that holds all, or moves fewer bytes."""
    bounds, least = cell["bounds"], cell["infinite"]["by_class"]
    for policy, one in cell["policies"].items():
        moved = one["by_class"]
        for classes in (READ, WRITTEN):
            assert one["cycles"] * cell["bus"] >= sum(moved[name] for name in classes), policy
        assert one["cycles"] >= max(bounds["compute_cycles"], bounds["infinite_scratchpad_cycles"]), policy
        assert all(moved[name] >= least[name] for name in (*READ, *WRITTEN)), policy
        # What comes back must have left.
        assert moved["activation_fill"] == 0 or moved["activation_spill"] > 0, policy


@key
def test_the_gap_is_what_the_cycles_say(cell: dict[str, Any]) -> None:
    worst, best = cell["policies"]["none"]["cycles"], cell["bounds"]["infinite_scratchpad_cycles"]
    for one in cell["policies"].values():
        assert one["gap_closed"] == pytest.approx((worst - one["cycles"]) / (worst - best), abs=1e-4)


def _chains(along: str) -> Iterator[list[dict[str, Any]]]:
    """Cells that differ in one thing alone, the least of it first."""
    other = "bus" if along == "kib" else "kib"
    for fixed in dict.fromkeys((cell["network"], cell[other]) for cell in CELLS):
        yield sorted((one for one in CELLS if (one["network"], one[other]) == fixed), key=lambda one: int(one[along]))


@pytest.mark.parametrize("along", ["kib", "bus"])
def test_more_is_never_slower(along: str) -> None:
    """A larger scratchpad or a wider bus costs at most a hundredth under any policy.

    The bound is not compared: it belongs to a program, which is cut for `none` on a machine of its size.
    """
    for chain in _chains(along):
        for less, more in pairwise(chain):
            for policy, one in more["policies"].items():
                before = less["policies"][policy]["cycles"]
                assert one["cycles"] <= MOST * before, (less["key"], more["key"], policy)


def test_cells_hold_while_one_of_each_network_comes_out_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {cell["key"]: cell for cell in CELLS}
    asked, wrong = [], ""

    def measure(name: str, kib: int, bus: int) -> dict[str, Any]:
        asked.append(name)
        found = {name: value for name, value in kept[f"{name} {kib} {bus}"].items() if name != "key"}
        return {**found, "bounds": {}} if name == wrong else found

    monkeypatch.setattr(grid, "measure", measure)
    assert grid.holding(kept) == kept
    assert sorted(asked) == sorted({cell["network"] for cell in CELLS})
    wrong = asked[-1]
    assert grid.holding(kept) == {}
