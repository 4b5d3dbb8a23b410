"""Plans for our machines, from the command line to the program: what breaks a rule is refused in one sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, str, str]]

DIGITS = Path(__file__).parents[3] / "docs/data/digits.onnx"
ON = ("--config", "tiny", "--set", "bank_bytes=512")


@pytest.fixture
def planned(pinfold: Run, tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    status, out, _ = pinfold("plan", DIGITS, "--method", "onsram-static", *ON, "-o", path)
    assert status == 0
    assert "planned to move: maps" in out
    assert out.count(" cycles; ") == 2
    assert out.count("<- the plan's") == 1
    return path


def test_a_plan_runs_as_it_was_measured(pinfold: Run, planned: Path, tmp_path: Path) -> None:
    plan = json.loads(planned.read_text())
    assert (plan["method"], plan["policy"], plan["config"]) == ("onsram-static", "directed", "tiny")
    status, _, _ = pinfold("run", DIGITS, *ON, "--plan", planned, "--json", tmp_path / "run.json")
    ran = json.loads((tmp_path / "run.json").read_text())
    assert status == 0
    assert ran["policy"] == "directed"
    assert ran["cycles"]["golden"] == min(one["cycles"] for one in plan["cycles"])
    assert ran["reference"]["differing"] == 0


def test_plans_are_compared_with_policies(pinfold: Run, planned: Path) -> None:
    arguments = ("compare", DIGITS, "--policies", "lru", "--plans", planned)
    status, out, _ = pinfold(*arguments, "--configs", "tiny", "--set", "bank_bytes=512", "--json", "-")
    assert status == 0
    [found] = json.loads(out)
    [row] = found["plans"]
    plan = json.loads(planned.read_text())
    assert (row["plan"], row["policy"]) == (str(planned), "directed")
    assert row["cycles"] == min(one["cycles"] for one in plan["cycles"])
    assert row["speedup"] == found["policies"][0]["cycles"] / row["cycles"]
    status, out, _ = pinfold(*arguments, "--configs", "tiny", "--set", "bank_bytes=512")
    assert f"{row['cycles']:,}" in out
    status, _, err = pinfold(*arguments, "--configs", "tiny,board")
    assert (status, err.count("\n")) == (2, 1)
    assert "--plans must come with one network and one machine" in err


def _swap(plan: dict[str, Any]) -> None:
    plan["steps"][0], plan["steps"][1] = plan["steps"][1], plan["steps"][0]


def _forget(plan: dict[str, Any]) -> None:
    del plan["steps"][-1]


def _overfill(plan: dict[str, Any]) -> None:
    """Everything stays for ever."""
    kept: list[str] = []
    for step in plan["steps"]:
        kept += [name for name in (*step["resident"], *step["stored"]) if name not in kept]
        step["resident"] = list(kept)


def _lose(plan: dict[str, Any]) -> None:
    step = next(step for step in plan["steps"] if step["stored"])
    step["stored"] = []


def _fetch(plan: dict[str, Any]) -> None:
    plan["steps"][0]["resident"] = plan["steps"][0]["fetched"] = ["nothing"]


def _negative(plan: dict[str, Any]) -> None:
    plan["steps"][0]["rows"] = -1


def _elsewhere(plan: dict[str, Any]) -> None:
    plan["network"] = "other"


@pytest.mark.parametrize(("damage", "sentence"), [
    (_swap, "the plan is wrong: step 0: .* which nothing has made yet"),
    (_forget, "the plan is wrong: .* never"),
    (_overfill, "the plan is wrong: step .* bytes are needed in"),
    (_lose, "the plan is wrong: step .* is neither resident nor stored"),
    (_fetch, "the plan is wrong: step 0: nothing is fetched, but DRAM does not hold it"),
    (_negative, "not a plan for a machine of ours: ValueError rows must be a number from 0 on, not -1"),
    (_elsewhere, "the plan's network must be digits, not other"),
    (dict.clear, "not a plan for a machine of ours: KeyError 'method'"),
])  # fmt: skip
def test_a_damaged_plan_is_refused(
    pinfold: Run, planned: Path, damage: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    plan = json.loads(planned.read_text())
    damage(plan)
    planned.write_text(json.dumps(plan))
    status, _, err = pinfold("run", DIGITS, *ON, "--plan", planned)
    assert status == 2
    assert err.count("\n") == 1
    assert re.search(sentence, err), err


def test_a_plan_is_for_one_machine(pinfold: Run, planned: Path) -> None:
    status, _, err = pinfold("run", DIGITS, "--config", "tiny", "--plan", planned)
    assert status == 2
    assert "the plan's machine must be " in err


@pytest.mark.parametrize(("arguments", "sentence"), [
    (("--config", "tiny", "--budget", "1000"), "--budget must not be given with joint or --config"),
    (("--set", "bank_bytes=100"), "bank_bytes"),
])  # fmt: skip
def test_what_cannot_be_planned_is_refused(
    pinfold: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    status, out, err = pinfold("plan", DIGITS, "--method", "pin", *arguments, "-o", tmp_path / "plan.json")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert not list(tmp_path.iterdir())
