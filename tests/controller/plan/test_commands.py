"""`pinfold plan` and `pinfold papers` write what has been replayed, and refuse in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from controller.plan import methods, papers
from controller.plan.comparison import Comparison, Table, geometric_mean
from controller.plan.solution import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.plan.deadline import Deadline
    from controller.plan.machine import Machine
    from controller.plan.network import Network

DIGITS = Path(__file__).parents[3] / "docs/data/digits.onnx"


@pytest.mark.parametrize("method", methods.METHODS)
def test_a_plan_is_written(pinfold: Callable[..., tuple[int, str, str]], tmp_path: Path, method: str) -> None:
    status, out, _ = pinfold("plan", DIGITS, "--method", method, "-o", tmp_path / "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert status == 0
    assert {name for step in plan["steps"] for name in step["operators"]} >= {"first", "dense"}
    assert plan["traffic"]["macs"] >= 100_000
    assert plan["unsupported"] == []
    assert "multiplications" in out


def test_how_far_a_plan_may_be_from_the_least_is_said(
    pinfold: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    arguments = ("plan", DIGITS, "--method", "cosma", "-o", tmp_path / "plan.json")
    _, out, _ = pinfold(*arguments, "--seconds", "30")
    plan = json.loads((tmp_path / "plan.json").read_text())
    moved = plan["traffic"]["read"] + plan["traffic"]["written"]
    assert plan["bound"] == moved
    assert f"at least {moved:,} bytes of maps must move: none of it may be saved yet" in out


def test_what_is_only_planned_is_marked(pinfold: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    _, out, _ = pinfold("plan", "attention", "--method", "onsram-static", "-o", tmp_path / "plan.json")
    said = "only planned, for the machine does not run it yet: product, softmax, maps that are no images"
    assert said in out
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["unsupported"] == ["product", "softmax", "maps that are no images"]


def test_a_budget_replaces_the_machine_s(pinfold: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    pinfold("plan", "squeezenet", "--method", "onsram-static", "--budget", 1000, "-o", tmp_path / "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["capacity"] == 1000
    assert not any(step["resident"] for step in plan["steps"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("lenet", "--method", "pin"), "not 'lenet'"),
        (("resnet18", "--method", "lru"), "--method must be one of onsram-static, "),
        (("resnet18", "--method", "layer", "--budget", "900"), "resnet18 does not fit: no plan of method layer"),
        (("none.onnx", "--method", "pin"), "none.onnx"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    pinfold: Callable[..., tuple[int, str, str]], tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    status, out, err = pinfold("plan", *arguments, "-o", tmp_path / "plan.json")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert not list(tmp_path.iterdir())


def test_a_wrong_plan_is_never_written(
    pinfold: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty(network: Network, machine: Machine, _: Deadline) -> Plan:
        return Plan(network.name, "empty", machine.capacity, ())

    broken = replace(methods.METHODS["pin"], plan=empty)
    monkeypatch.setitem(methods.METHODS, "pin", broken)
    status, _, err = pinfold("plan", "resnet18", "--method", "pin", "-o", tmp_path / "plan.json")
    assert status == 1
    assert "resnet18: the plan is wrong: resnet18: 31 operators never run" in err
    assert not list(tmp_path.iterdir())


def test_papers_are_shown_and_kept(
    pinfold: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table("one.table", "What was found", ("network", "paper"), (("resnet18", "1.00"),))
    monkeypatch.setitem(papers.PAPERS, "onsram", lambda _: Comparison("Someone, 2021", (table,), {"raw": 1}))
    status, out, _ = pinfold("papers", "--only", "onsram", "-o", tmp_path)
    assert status == 0
    assert [word in out for word in ("Someone, 2021", "What was found", "resnet18")] == [True] * 3
    kept = json.loads((tmp_path / "papers-onsram.json").read_text())
    assert kept["tables"]["one.table"]["rows"] == [["resnet18", "1.00"]]
    assert kept["data"] == {"raw": 1}


def test_an_unknown_paper_is_refused(pinfold: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = pinfold("papers", "--only", "another")
    assert status == 2
    assert "--only must be one of cosma, onsram, pinfuse" in err


def test_the_geometric_mean_is_of_ratios() -> None:
    assert geometric_mean([0.5, 8]) == pytest.approx(2)
