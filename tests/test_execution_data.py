"""What `make execution` has measured adds up, and shows what it is kept for."""

from __future__ import annotations

from typing import Any

import pytest

from docs.execution_tables import CONFIG, FILE, NETWORKS, PROGRAMS
from docs.kept import rows
from spec.config import CONFIGS

ROWS = rows(FILE)
key = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])


def test_rows_are_of_networks_that_are_asked_for() -> None:
    names = [row["key"] for row in ROWS]
    assert names == [name for name in NETWORKS if name in names]
    assert all(row["config_hash"] == f"{CONFIGS[CONFIG].hash:016x}" for row in ROWS)
    assert all(set(row["programs"]) == set(PROGRAMS) for row in ROWS)


@key
def test_the_bus_carries_no_more_than_its_width(row: dict[str, Any]) -> None:
    for program in row["programs"].values():
        for one in program["policies"].values():
            assert one["cycles"] * CONFIGS[CONFIG].bus_bytes >= max(one["read_bytes"], one["write_bytes"])
            assert one["maps"] <= one["read_bytes"] + one["write_bytes"]


@key
def test_programs_of_a_host_have_the_same_commands(row: dict[str, Any]) -> None:
    """What is known of ends and of futures is all in which they differ."""
    programs = row["programs"]
    eager = [programs[name] for name in ("foreseen", "eager", "eager-untold")]
    assert len({(one["operators"], one["commands"]) for one in eager}) == 1
    assert eager[0]["operators"] >= programs["graph"]["operators"]


@key
def test_a_policy_that_learns_is_lru_before_it_has(row: dict[str, Any]) -> None:
    """The same bytes but for what repeats within an inference, and no more than a hundredth of time for recalling."""
    for program in row["programs"].values():
        cold, lru = program["policies"]["eager cold"], program["policies"]["lru"]
        assert cold["cycles"] == pytest.approx(lru["cycles"], rel=0.03)
