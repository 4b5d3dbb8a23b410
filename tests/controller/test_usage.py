"""What binds is what is in use most, and it binds less when there is more of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from controller.compiler import compile_graph
from controller.read import read
from controller.run import Activity
from controller.traffic import traffic
from controller.usage import sentence, usage
from sim.events import Events, count_events
from sim.machine import Machine
from spec.config import CONFIGS
from spec.memory import Memory
from spec.registers import CAUSES

if TYPE_CHECKING:
    from spec.config import Config

DIGITS = Path(__file__).parents[2] / "docs" / "data" / "digits.onnx"


def digits(config: Config) -> tuple[int, dict[str, Any]]:
    compiled = compile_graph(read(DIGITS), config)
    run = Machine(config).run(
        compiled.program, compiled.image.copy(), address=compiled.program_address, compute_outputs=False
    )
    assert run.cycles is not None
    activity = Activity(run.counters, count_events(config, run))
    return run.cycles, usage(config, run.cycles, activity, traffic(compiled, run.transactions))


def counted(cycles: int, **busy: int) -> Activity:
    """The array busy for so long, else waiting for data; the rest as said."""
    counters = {f"{queue}_{cause.upper()}": 0 for queue in ("ARRAY", "POST") for cause in CAUSES}
    counters |= {"ARRAY_BUSY": busy["array"], "ARRAY_DATA": cycles - busy["array"], "POST_BUSY": busy.get("post", 0)}
    return Activity(counters, Events(front_end_cycles=busy.get("front_end", 0)))


@pytest.mark.parametrize(("profile", "shares"), [
    ("flat", {"read_bus": 0.5, "write_bus": 0.25}), ("shared", {"bus": 1.5}), ("ddr4", {"bus": 0.75}),
])  # fmt: skip
def test_a_bus_is_in_use_while_beats_cross_it(profile: str, shares: dict[str, float]) -> None:
    """At the rate that the memory has; both directions share one unless the memory is flat."""
    config = replace(CONFIGS["tiny"], memory=Memory(profile=profile, rate_beats=1, rate_cycles=2))
    found = usage(config, 1000, counted(1000, array=100), {"read_bytes": 2000, "write_bytes": 1000})
    assert {name: share for name, share in found["shares"].items() if name.endswith("bus")} == shares


@pytest.mark.parametrize(("busy", "binds", "words"), [
    ({"array": 800}, "array", "array: only a larger array would help much (in use: array 80 %, post 0 %, "),
    ({"array": 100, "post": 900}, "post", "post: only a faster window engine would help much"),
    ({"array": 100, "front_end": 950}, "front_end", "front end: only a faster front end, or fewer commands would"),
    ({"array": 790}, None, "nothing alone: the array waits for operands for 21 % of the cycles (in use: array 79 %"),
])  # fmt: skip
def test_what_binds_is_said(busy: dict[str, int], binds: str | None, words: str) -> None:
    found = usage(CONFIGS["tiny"], 1000, counted(1000, **busy), {"read_bytes": 0, "write_bytes": 0})
    assert found["binds"] == binds
    assert sentence(found).startswith(words)


def test_every_cycle_of_the_array_is_accounted_for() -> None:
    _, found = digits(CONFIGS["tiny"])
    assert found["shares"]["array"] + sum(found["array_waits"].values()) == pytest.approx(1)


def test_more_of_what_binds_shows_in_the_cycles() -> None:
    """A slow bus binds; a wider one is faster and binds less."""
    slow = Memory(profile="shared", rate_beats=1, rate_cycles=16)
    narrow, wide = (digits(replace(CONFIGS["tiny"], bus_bytes=size, memory=slow)) for size in (4, 8))
    assert narrow[1]["binds"] == "bus"
    assert wide[0] < narrow[0]
    assert wide[1]["shares"]["bus"] < narrow[1]["shares"]["bus"]
