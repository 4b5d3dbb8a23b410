"""Eager execution on the RTL, as the golden model and onnxruntime say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.eager.compile import compile_eagerly
from controller.trial import Trials
from spec.config import CONFIGS
from spec.memory import PROFILES, Memory
from spec.registers import Policy
from tb.networks import Case, expected_of, run
from tests.controller.models import QdqModel
from tests.controller.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TINY = CONFIGS["tiny"]


def cases(folder: Path, seed: int) -> Iterator[Case]:
    """Small networks, told of ends and not in turn, each under one of the policies and under `eager`, cold and warm."""
    for index, build in enumerate(NETWORKS):
        told = bool(index % 2)
        model = QdqModel(True, np.random.default_rng([seed, index]))
        build(model)
        path = model.save(folder / f"{build.__name__}.onnx")
        graph, inputs, outputs = expected_of(path, seed)
        compiled = compile_eagerly(graph, TINY, told=told, trials=Trials(TINY, 2))
        memory = Memory(profile=PROFILES[index % len(PROFILES)])
        for policy in dict.fromkeys((list(Policy)[index % len(Policy)], Policy.EAGER)):
            name = f"{build.__name__}, {'told' if told else 'untold'}, {policy.name.lower()}"
            yield Case(name, compiled, inputs, outputs, memory, policy)
            if policy is Policy.EAGER:
                yield Case(f"{name}, warm", compiled, inputs, outputs, memory, policy, reset=False)


def test_eager_execution(tmp_path: Path, seed: int) -> None:
    made = list(cases(tmp_path, seed))
    run(TINY, made, seed)
    assert {case.policy for case in made} == set(Policy)
