"""The README's results are of this machine and this compiler."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.compiler import compile_graph
from controller.read import read
from sim.machine import Machine
from spec.config import CONFIGS
from spec.memory import PROFILES

DATA = Path(__file__).parents[2] / "docs" / "data"
ROWS: list[dict[str, Any]] = json.loads((DATA / "digits.json").read_text())


def test_every_machine_and_memory_is_there() -> None:
    wanted = [(name, profile) for name in ("tiny", "board", "default", "edge", "onsram") for profile in PROFILES]
    assert [(row["config"], row["profile"]) for row in ROWS] == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['config']}-{row['profile']}")
def test_the_golden_model_still_takes_as_long(row: dict[str, Any]) -> None:
    """Outputs take no time of their own, so none are computed."""
    config = CONFIGS[row["config"]]
    config = replace(config, memory=replace(config.memory, profile=row["profile"]))
    compiled = compile_graph(read(DATA / "digits.onnx"), config)
    dram = compiled.image.copy()
    run = Machine(config).run(compiled.program, dram, address=compiled.program_address, compute_outputs=False)
    said = "must be measured anew: make results docs"
    assert row["cycles"] == {"golden": run.cycles, "rtl": run.cycles}, f"docs/data/digits.json {said}"
    assert row["bursts"] == dict.fromkeys(("golden", "rtl"), len(run.transactions)), f"docs/data/digits.json {said}"
    assert row["differing"] == 0
