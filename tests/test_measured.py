"""What was measured at full size is whole, adds up, and is of the machines and cases that exist."""

from __future__ import annotations

from typing import Any

import pytest

from docs import bench, nightly
from docs.bench import machine
from docs.kept import rows
from docs.measured import FLOORS
from docs.networks import TOKENS
from spec.config import CONFIGS
from spec.registers import CAUSES

BENCH = {row["key"]: row for row in rows(bench.FILE)}
NIGHTLY = {row["key"]: row for row in rows(nightly.FILE)}
#: Runs on the machines that the promises are of.
FULL = {key: row for key, row in NIGHTLY.items() if row["config"] in CONFIGS}
#: Steps of the output by which networks with softmax, normalization or products of maps are beside onnxruntime.
NEAR = {"attention": 1, "bert": 3, "vit": 18, "lstm_step": 1, "lstm": 4}
BUILDS = {row["key"]: row for row in rows(nightly.BUILDS)}


def test_what_is_kept_is_of_cases_that_exist() -> None:
    """In their order; what is missing has not been run."""
    assert list(BENCH) == [key for key in bench.cases() if key in BENCH]
    assert list(NIGHTLY) == [key for key in nightly.cases() if key in NIGHTLY]
    assert list(BUILDS) == [name for name in nightly.MACHINES if name in BUILDS]


def test_every_network_was_measured_on_default() -> None:
    assert set(BENCH) >= {f"{name} 16 512 8" for name in FLOORS[8]}, "must be measured: make bench"


@pytest.mark.parametrize("row", BENCH.values(), ids=BENCH)
def test_every_cycle_is_charged_once(row: dict[str, Any]) -> None:
    """A queue's cycles by cause are all cycles; the array's busy ones are those that are explained."""
    config = machine(row["array"], row["kib"], row["bus"])
    assert row["config_hash"] == f"{config.hash:016x}"
    for queue, causes in row["queues"].items():
        assert tuple(causes) == CAUSES
        assert sum(causes.values()) == row["cycles"], queue
    assert sum(row["array_busy"].values()) == row["queues"]["ARRAY"]["busy"]
    assert all(part >= 0 for part in row["array_busy"].values())
    assert row["utilization"] == round(row["macs"] / (config.rows * config.cols * row["cycles"]), 4)


@pytest.mark.parametrize("row", BENCH.values(), ids=BENCH)
def test_bytes_are_conserved(row: dict[str, Any]) -> None:
    moved = row["dram"]
    data = {name: size for name, size in moved["by_class"].items() if name != "program"}
    assert sum(data.values()) == moved["read_bytes"] + moved["write_bytes"]
    assert row["cycles"] >= max(moved["read_bytes"], moved["write_bytes"]) / row["bus"]


def test_the_golden_model_is_as_fast_as_promised() -> None:
    seconds = BENCH["resnet50 16 512 8"]["seconds"]
    assert seconds["cycles"] < 3
    assert seconds["outputs"] < 60
    assert seconds["compile"] < 60


@pytest.mark.parametrize("row", NIGHTLY.values(), ids=NIGHTLY)
def test_a_run_is_of_a_machine_that_exists(row: dict[str, Any]) -> None:
    """With a golden run and, where there is RTL, nothing that differs; a second inference where the first teaches."""
    case = nightly.cases()[row["key"]]
    assert row["config_hash"] == f"{case.config.hash:016x}"
    assert row["equal"] == (["outputs", "cycles", "commands", "transactions"] if case.rtl else [])
    assert len(row["cycles"]) == (2 if row["policy"] == "eager" else 1)
    assert row["most"] <= (NEAR[row["network"]] if row["network"] in TOKENS else 0)
    assert (row["differing"] == 0) == (row["most"] == 0)


def test_the_corners_of_sizes_ran_on_the_rtl() -> None:
    found = {row["config"] for row in NIGHTLY.values() if "seconds" in row}
    assert found >= {machine(array, kib).name for array, kib in nightly.CORNERS}


@pytest.mark.parametrize("row", BUILDS.values(), ids=BUILDS)
def test_one_simulator_serves_all_networks(row: dict[str, Any]) -> None:
    """And it is made within what was promised: three minutes of processor, 4 GiB."""
    assert row["config_hash"] == f"{CONFIGS[row['config']].hash:016x}"
    of_machine = {one["hardware"] for one in NIGHTLY.values() if one["config"] == row["config"]}
    assert of_machine == {row["hardware"]}
    assert row["processor_seconds"] < 180
    assert row["peak_mib"] < 4096


@pytest.mark.parametrize("row", FULL.values(), ids=FULL)
def test_the_rtl_is_as_fast_as_promised(row: dict[str, Any]) -> None:
    assert sum(row["cycles"]) >= 100_000 * row["processor_seconds"]
    assert (row["peak_mib"] or 0) < 4096


def test_what_is_kept_is_checked_and_not_run_again() -> None:
    """The same program and the same cycles: the row as it was. Other cycles: an error. Another program: a new row."""
    case = nightly.Case("mobilenetv2", machine(32, 64), side=32, rtl=False)
    row = nightly.measure(case, None)
    assert row["differing"] == 0
    assert nightly.measure(case, row) is row
    with pytest.raises(AssertionError, match="mobilenetv2 32 32x32 64KiB 8B none: the golden model is not as the RTL"):
        nightly.measure(case, {**row, "record": "0"})
    stale = {**row, "program": "0", "cycles": [0]}
    assert nightly.measure(case, stale) == row
