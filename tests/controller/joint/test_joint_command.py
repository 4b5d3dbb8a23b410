"""`pinfold plan --method joint` and `pinfold run --plan`: what is written is what runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
DIGITS = ROOT / "docs/data/digits.onnx"
#: All operators of the network, one after the other.
CHAIN = {"first": 0, "end": 8, "rule": None, "heights": [], "pages": 0, "leaves": False, "anew": False}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan, made once for whoever asks first."""
    path = tmp_path_factory.mktemp("joint") / "plan.json"
    command = [sys.executable, "-c", "from controller.cli import main; main()", "plan", str(DIGITS)]
    command += ["--method", "joint", "--config", "tiny", "--seconds", "15", "-o", str(path)]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 (ours)
    assert "fewer cycles than the best policy" in made.stdout
    return path


def test_a_plan_runs_in_the_cycles_that_it_promises(
    pinfold: Callable[..., tuple[int, str, str]], written: Path
) -> None:
    plan = json.loads(written.read_text())
    assert plan["fastest"] == "joint"
    status, out, _ = pinfold("run", DIGITS, "--config", "tiny", "--plan", written, "--json", "-")
    assert status == 0
    found = json.loads(out)
    assert found["cycles"]["golden"] == plan["cycles"]["joint"]
    assert found["bounds"]["no_management_cycles"] == plan["cycles"]["none"]
    assert found["policy"] == plan["policy"] == "directed"
    assert found["reference"]["differing"] == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"network": "lenet"}, "the plan's network must be digits, not lenet"),
        ({"operators": 3}, "the plan's number of operators must be "),
        ({"chains": [CHAIN | {"end": 2}]}, "must name each operator once, in order"),
        ({"chains": [CHAIN | {"heights": [8]}]}, "the plan's chain from first must have 8 heights or none"),
        ({"chains": [CHAIN | {"heights": [5] + [1] * 7}]}, "first cannot have tiles of 5 rows"),
        ({"chains": [{"first": 0, "end": 8, "rule": None}]}, "not a plan of method joint: KeyError 'heights'"),
        ({"policy": "belady"}, "not a plan of method joint"),
        ({"chains": None}, "not a plan of method joint"),
    ],
)
def test_a_plan_for_something_else_is_refused(
    pinfold: Callable[..., tuple[int, str, str]], written: Path, tmp_path: Path, change: dict[str, object],
    sentence: str,
) -> None:  # fmt: skip
    broken = tmp_path / "plan.json"
    broken.write_text(json.dumps(json.loads(written.read_text()) | change))
    status, out, err = pinfold("run", DIGITS, "--config", "tiny", "--plan", broken)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sentence in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("plan", DIGITS, "--method", "joint", "--budget", "9", "-o", "x"), "--budget must not be given"),
        (("plan", "resnet18", "--method", "pin", "--config", "tiny", "-o", "x"), "resnet18: "),
        (("run", DIGITS, "--plan", "x", "--policy", "lru"), "--policy must not be given with --plan"),
    ],
)
def test_what_does_not_go_together_is_refused(
    pinfold: Callable[..., tuple[int, str, str]], arguments: tuple[object, ...], sentence: str
) -> None:
    status, out, err = pinfold(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
