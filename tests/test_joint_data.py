"""What `make joint` has kept: nothing is faster than its bound, nothing beats it, and a row holds only as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.compiler import compile_graph
from controller.read import read
from docs import joint
from docs.joint_tables import FILE
from docs.kept import DATA, rows
from docs.plans_tables import FILE as PLANS
from spec.config import CONFIGS

if TYPE_CHECKING:
    from controller.compiler import Compiled

ROWS = rows(FILE)
each = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])


@each
def test_no_plan_is_faster_than_the_bound_and_no_policy_than_the_plan(row: dict[str, Any]) -> None:
    cycles = row["cycles"]
    assert row["bound"] <= cycles["joint"] == min(cycles.values())
    moved = row.get("dram", {"read_bytes": 0, "write_bytes": 0})
    assert cycles["joint"] * CONFIGS[row["config"]].bus_bytes >= max(moved["read_bytes"], moved["write_bytes"])


@each
def test_no_paper_s_method_is_faster(row: dict[str, Any]) -> None:
    for other in (one for one in rows(PLANS) if one["key"] == row["key"]):
        for method, found in other["methods"].items():
            assert row["cycles"]["joint"] < found["fastest"]["cycles"], method


def test_a_row_holds_if_every_figure_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(_: str) -> Compiled:
        return compile_graph(read(DATA / "digits.onnx"), CONFIGS["tiny"])

    monkeypatch.setattr(joint, "_compiled", compiled)
    monkeypatch.setattr(joint, "SECONDS", 2.0)
    said: list[str] = []
    row = {"key": "digits:tiny", "sources": "", **joint.measure("digits:tiny", said.append)}
    assert row["chains"]
    # Another hash of the machine alone changes no figure.
    held = joint.again({**row, "config_hash": "0"}, said.append)
    assert held is not None
    assert {"key": row["key"], "sources": "", **held} == joint.as_read(row)
    slower = {**row, "cycles": {**row["cycles"], "lru": row["cycles"]["lru"] + 1}}
    for other in (slower, {**row, "chains": row["chains"][:-1]}, {**row, "chains": []}):
        assert joint.again(other, said.append) is None
    assert any(text.startswith("cycles was") for text in said)
