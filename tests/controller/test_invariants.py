"""What must hold of every network, policy and machine: bytes and cycles are conserved, and more is never slower."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.compiler import Compiled, compile_graph
from controller.read import read
from controller.rebind import rebound
from controller.traffic import traffic
from sim.machine import Machine, Run
from spec.config import CONFIGS, Config
from spec.isa import Queue, TensorClass
from spec.memory import Memory
from spec.registers import CAUSES, Policy
from tests.controller.models import QdqModel
from tests.controller.networks import NETWORKS

if TYPE_CHECKING:
    from controller.graph import Graph

DIGITS = Path(__file__).parents[2] / "docs" / "data" / "digits.onnx"
TINY = CONFIGS["tiny"]
BUILDS = {build.__name__: build for build in NETWORKS}
NAMES = ("digits", *BUILDS)
#: More of one thing.
MORE = {
    "twice the scratchpad": {"bank_bytes": 2 * TINY.bank_bytes},
    "four times the scratchpad": {"bank_bytes": 4 * TINY.bank_bytes, "virtual_pages": 512},
    "twice the bus": {"bus_bytes": 8},
    "four times the bus": {"bus_bytes": 16},
}
#: What more may cost all the same: in max-plus time other banks meet at other ports.
SLACK = 1.01


@cache
def graph(name: str) -> Graph:
    if name == "digits":
        return read(DIGITS)
    model = QdqModel(True, np.random.default_rng(3))
    BUILDS[name](model)
    with TemporaryDirectory() as folder:
        return read(model.save(Path(folder) / "model.onnx"))


@cache
def compiled(name: str, config: Config = TINY) -> Compiled:
    return compile_graph(graph(name), config)


def run(of: Compiled, policy: Policy, *, config: Config | None = None, program: bytes | None = None) -> Run:
    """Two inferences, of which the second is given: a policy may have learned from the first."""
    machine = Machine(config or of.config)
    for _ in range(2):
        found = machine.run(
            program or of.program, of.image, policy=policy, address=of.program_address, compute_outputs=False
        )
        assert found.cycles is not None, (found.error, found.error_address)
    return found


@pytest.mark.parametrize("policy", Policy, ids=lambda policy: policy.name.lower())
@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_conserved(name: str, policy: Policy) -> None:
    """What must move does; what comes back has left before; the controller's counts are those of the bus."""
    of = compiled(name)
    found = run(of, policy)
    page, moved = of.config.page_bytes, traffic(of, found.transactions)
    compulsory = Counter[TensorClass]()
    for buffer in of.placement.pages:
        compulsory[buffer.kind] += buffer.pages(of.config.page_words) * page
    for kind in (TensorClass.WEIGHTS, TensorClass.CONSTANTS, TensorClass.OUTPUT):
        assert moved["by_class"][kind.name.lower()] >= compulsory[kind], kind.name
    assert moved["read_bytes"] == found.counters["FILLS"] * page
    assert moved["write_bytes"] == found.counters["WRITE_BACKS"] * page
    parameters = {TensorClass.WEIGHTS, TensorClass.CONSTANTS, TensorClass.INPUT}
    held = {
        (first + at) * page
        for buffer, first in of.placement.pages.items()
        if buffer.kind in parameters
        for at in range(buffer.pages(of.config.page_words))
    }
    for burst in found.transactions:
        at = burst.address // page * page
        if burst.kind == "R":
            assert at in held, f"the page at {at:#x} must have been written before it is read"
        elif burst.kind == "W":
            held.add(at)


@pytest.mark.parametrize("profile", ["flat", "shared", "ddr4"])
@pytest.mark.parametrize("policy", Policy, ids=lambda policy: policy.name.lower())
@pytest.mark.parametrize("name", NAMES)
def test_cycles_are_conserved(name: str, policy: Policy, profile: str) -> None:
    """Every queue accounts for each cycle, none negative, and no bus carries more than it can."""
    config = replace(TINY, memory=Memory(profile=profile, rate_beats=2, rate_cycles=3))
    found = run(compiled(name), policy, config=config)
    assert found.cycles is not None
    for queue in Queue:
        if queue is not Queue.SUMS:
            charges = [found.counters[f"{queue.name}_{cause.upper()}"] for cause in CAUSES]
            assert min(charges) >= 0
            assert sum(charges) == found.cycles
    beats = Counter[str]()
    for burst in found.transactions:
        beats[burst.kind] += burst.beats
    rate = 3 / 2 if profile == "shared" else 1
    busiest = max(beats["R"], beats["W"]) if profile == "flat" else (beats["R"] + beats["W"]) * rate
    assert found.cycles >= max(busiest, beats["P"])


@pytest.mark.parametrize("policy", Policy, ids=lambda policy: policy.name.lower())
@pytest.mark.parametrize("name", NAMES)
def test_more_is_never_slower(name: str, policy: Policy) -> None:
    """The same commands on a machine with more of one thing, under `flat`: at most a hundredth slower."""
    of = compiled(name)
    before = run(of, policy).cycles
    assert before is not None
    for more, fields in MORE.items():
        larger = replace(TINY, **fields)  # type: ignore[arg-type]
        after = run(of, policy, config=larger, program=rebound(of, larger)).cycles
        assert after is not None
        assert after <= SLACK * before, f"{more} must not cost {100 * (after / before - 1):.1f} %"
