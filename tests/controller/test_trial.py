"""Cuts are chosen by the golden model's cycles, each shape of operator tried once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.choice import Candidate, cheapest
from controller.compiler import compile_graph
from controller.read import read
from controller.trial import Trials
from sim.machine import Machine
from spec.config import CONFIGS
from tests.controller.models import QdqModel
from tests.controller.networks import inverted_bottleneck, residual_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.choice import Tiled
    from controller.commands import Command
    from controller.compiler import Compiled
    from controller.layout import Buffer
    from spec.config import Config


@pytest.fixture
def one(tmp_path: Path) -> Tiled:
    """An operator as it is cut for `tiny`."""
    model = QdqModel(True, np.random.default_rng(3))
    inverted_bottleneck(model)
    return compile_graph(read(model.save(tmp_path / "model.onnx")), CONFIGS["tiny"], finalists=1).tiled[0]


def test_the_fastest_of_the_finalists_is_taken(one: Tiled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimates only say who is tried: as many as are wanted, and none that is estimated far beyond the best."""
    taken = {"a": 50, "b": 40, "c": 30, "far": 1}
    tried: list[str] = []

    def timed(_: Trials, __: object, choice: str, ___: object) -> int:
        tried.append(choice)
        return taken[choice]

    monkeypatch.setattr(Trials, "cycles", timed)
    estimates = {"far": 200.0, "c": 120.0, "a": 100.0, "b": 110.0}
    for finalists, fastest in ((1, "a"), (2, "b"), (3, "c"), (9, "c")):
        tried.clear()
        candidates = (Candidate(cost, choice, lambda: list(one.commands)) for choice, cost in estimates.items())
        best, _ = cheapest(one.operator, Trials(CONFIGS["tiny"], finalists), candidates, list)
        assert best.choice == fastest
        assert tried == (["a", "b", "c"][:finalists] if finalists > 1 else [])


def test_operators_of_one_shape_are_tried_once(one: Tiled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names and numbers do not matter, sizes do."""
    runs: list[int] = []

    def counted(_: Trials, __: list[Buffer], commands: list[Command]) -> int:
        runs.append(len(commands))
        return 1

    monkeypatch.setattr(Trials, "run", counted)
    trials = Trials(CONFIGS["tiny"], 4)
    for operator in (one.operator, replace(one.operator, name="another"), replace(one.operator, pads=(7, 7))):
        trials.cycles(operator, one.choice, one.commands)
    assert len(runs) == 2


def _cycles(compiled: Compiled) -> int:
    run = Machine(compiled.config).run(
        compiled.program, compiled.image, address=compiled.program_address, compute_outputs=False
    )
    assert run.cycles
    return run.cycles


@pytest.mark.parametrize("network", [inverted_bottleneck, residual_blocks])
def test_trials_never_slow_a_network_down(network: Callable[[QdqModel], None], tmp_path: Path) -> None:
    """Whole networks are compared at the end; somewhere trials win."""
    model = QdqModel(True, np.random.default_rng(3))
    network(model)
    graph = read(model.save(tmp_path / "model.onnx"))
    machines: list[Config] = [CONFIGS["tiny"], CONFIGS["board"], CONFIGS["edge"]]
    gains = [_cycles(compile_graph(graph, one, finalists=1)) - _cycles(compile_graph(graph, one)) for one in machines]
    assert min(gains) >= 0
    assert max(gains) > 0
