"""What the manual shows of data movement is what the pass finds today."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from controller.access import movement_paper
from controller.access.eliminate import eliminate
from controller.access.sets import UNDECIDED
from controller.plan.zoo import network

KEPT = json.loads((Path(__file__).parents[3] / "docs/data/papers-movement.json").read_text())
RUNS = {run["network"]: run for run in KEPT["data"]["runs"]}


@pytest.mark.parametrize("name", ["shufflenetv2", "multihead", "yolov5s"])
def test_figures_are_fresh(name: str) -> None:
    assert json.loads(json.dumps(movement_paper.figures(name))) == RUNS[name]


def test_all_networks_are_there_and_every_copy_has_a_reason() -> None:
    assert tuple(RUNS) == movement_paper.NETWORKS
    for run in RUNS.values():
        copies = [one for way in ("local", "global") for one in run[way]["copies"]]
        assert all(one["reason"] and not one["reason"].startswith(UNDECIDED) for one in copies)
        written, local, everywhere = (run[way]["pairs"] for way in ("written", "local", "global"))
        assert len(run["global"]["copies"]) == everywhere <= local <= written


def test_lanes_chosen_for_the_whole_network_leave_fewer_copies() -> None:
    assert RUNS["shufflenetv2"]["global"]["pairs"] == 0 < RUNS["shufflenetv2"]["local"]["pairs"]
    assert RUNS["yolov5s"]["global"]["pairs"] < RUNS["yolov5s"]["local"]["pairs"]


def test_the_sets_of_a_network_take_less_than_twenty_seconds() -> None:
    began = time.process_time()
    eliminate(network("vittiny"), 16)
    assert time.process_time() - began < 20


def test_tables_have_a_row_for_the_paper_and_for_each_network() -> None:
    for name in ("movement.pairs", "movement.bytes"):
        rows = KEPT["tables"][name]["rows"]
        assert [row[0] for row in rows[:8]] == ["paper, unknown models", *movement_paper.NETWORKS]
    listed = sum(len(row[1].split(", ")) for row in KEPT["tables"]["movement.copies"]["rows"])
    assert listed == sum(run["global"]["pairs"] for run in RUNS.values())
