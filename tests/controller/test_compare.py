"""Policies are compared on one program, between bounds that hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from controller.compare import Comparison, compare
from controller.compiler import compile_graph
from controller.read import read
from sim.energy import load_table
from spec.config import CONFIGS
from spec.registers import Policy
from tests.controller.fake_runner import fake_runner
from tests.controller.models import QdqModel
from tests.controller.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.rtl import RtlRun
    from spec.config import Config

DIGITS = Path(__file__).parents[2] / "docs" / "data" / "digits.onnx"
TINY = CONFIGS["tiny"]


def of_file(path: Path, config: Config = TINY) -> Comparison:
    return compare(path.name, compile_graph(read(path), config), list(Policy), load_table(), lambda _: None)


@pytest.fixture(scope="module")
def digits() -> Comparison:
    return of_file(DIGITS)


def test_every_policy_has_its_rows(digits: Comparison) -> None:
    """`none` first; a policy that learns is shown before and after it has."""
    names = [row.name for row in digits.rows]
    assert names == ["none", "static", "lru", "frequency", "eager, cold", "eager, warm", "directed"]


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_no_policy_beats_the_infinite_scratchpad(build: Callable[[QdqModel], None], tmp_path: Path) -> None:
    """Nor moves fewer bytes of any class than it, in the same program."""
    model = QdqModel(True, np.random.default_rng(3))
    build(model)
    found = of_file(model.save(tmp_path / "one.onnx"))
    assert found.infinite is not None
    assert found.infinite.evictions == 0
    for row in found.rows:
        assert found.infinite_cycles is not None
        assert found.infinite_cycles <= row.figures.cycles
        least, moved = (one.dram["by_class"] for one in (found.infinite, row.figures))
        assert all(least[name] <= moved[name] for name in least if name != "program")


def test_an_infinite_scratchpad_moves_only_what_it_must(digits: Comparison) -> None:
    """No activation leaves and comes back; the bound is below what any machine of limits does."""
    assert digits.infinite is not None
    moved = digits.infinite.dram["by_class"]
    assert (moved["activation_fill"], moved["activation_spill"]) == (0, 0)
    assert digits.unmanaged.dram["by_class"]["activation_fill"] > 0


def test_the_gap_is_closed_between_nothing_and_all(digits: Comparison) -> None:
    bound = digits.infinite_cycles
    assert bound is not None
    assert digits.closed(digits.rows[0]) == 0
    same = replace(digits.rows[1], figures=replace(digits.rows[1].figures, cycles=bound))
    half = replace(same, figures=replace(same.figures, cycles=(bound + digits.unmanaged.cycles) // 2))
    assert digits.closed(same) == 1
    assert digits.closed(half) == pytest.approx(0.5, abs=1e-3)
    assert replace(digits, infinite=None).closed(same) is None
    assert Comparison("one", digits.compiled, digits.rows[:1], digits.rows[0].figures).closed(digits.rows[0]) is None


def test_json_and_picture_have_what_was_measured(pinfold: Any, tmp_path: Path) -> None:  # noqa: ANN401
    picture = tmp_path / "deep" / "one.svg"
    chosen = ["--configs", "tiny,board", "--policies", "lru", "--plot", picture, "--json", "-"]
    status, out, err = pinfold("compare", DIGITS, *chosen)
    assert (status, err) == (0, "")
    first, second = json.loads(out)
    assert [(one["config"], one["scratchpad_bytes"]) for one in (first, second)] == [("tiny", 4096), ("board", 262144)]
    assert [row["policy"] for row in first["policies"]] == ["none", "lru"]
    assert first["bounds"]["no_management_cycles"] == first["policies"][0]["cycles"]
    assert first["bounds"]["infinite_scratchpad_cycles"] <= first["policies"][1]["cycles"]
    for row in first["policies"]:
        assert row["energy_pj"]["total"] == pytest.approx(sum(row["energy_pj"]["by_part"].values()))
        moved = sum(size for name, size in row["dram"]["by_class"].items() if name != "program")
        assert moved == row["dram"]["read_bytes"] + row["dram"]["write_bytes"]
    drawn = ET.fromstring(picture.read_text())  # noqa: S314 (ours)
    assert {"digits", "tiny", "board", "none", "lru"} <= {element.text for element in drawn.iter() if element.text}


def test_people_get_a_table(pinfold: Any) -> None:  # noqa: ANN401
    status, out, _ = pinfold("compare", DIGITS, "--configs", "tiny", "--policies", "none")
    assert status == 0
    for words in ("digits.onnx on tiny: 4 KiB, 4-byte bus", "none", "infinite scratchpad", "gap closed"):
        assert words in out


@pytest.mark.parametrize(("arguments", "sentence"), [
    ([DIGITS, "--policies", "lru,best"], "lru, frequency, eager, directed, not 'best'"),
    ([DIGITS, "--configs", "tiny,huge"], "configuration must be one of"),
    (["none.onnx"], "there is no such file"),
    ([DIGITS, "--set", "banks=3"], "banks must be a power of two"),
])  # fmt: skip
def test_what_is_wrong_is_one_line_and_exit_two(arguments: list[object], sentence: str, pinfold: Any) -> None:  # noqa: ANN401
    status, out, err = pinfold("compare", *arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert sentence in err


@pytest.mark.parametrize("policies", ["none,lru", "eager"])
def test_the_rtl_must_do_the_same(policies: str, pinfold: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """A run that learns is repeated on both; the last differs."""
    def late(run: RtlRun) -> RtlRun:
        return replace(run, cycles=run.cycles + 1)

    arguments = ["compare", DIGITS, "--configs", "tiny", "--policies", policies, "--engine", "rtl"]
    monkeypatch.setattr("controller.compare_command.runner", lambda: fake_runner(lambda run: run))
    assert pinfold(*arguments)[0] == 0
    monkeypatch.setattr("controller.compare_command.runner", lambda: fake_runner(late))
    status, _, err = pinfold(*arguments)
    assert status == 1
    assert f"on tiny under {policies.split(',', maxsplit=1)[0]}: cycles differ: the whole run" in err
