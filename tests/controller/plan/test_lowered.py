"""Plans of the papers' methods as programs of a real machine: the network's integers, the bytes that were planned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.check import check
from controller.compiler import Compiled, compile_graph
from controller.inputs import random_inputs
from controller.joint.units import units
from controller.network.large import write_large
from controller.plan.banded import banded
from controller.plan.deadline import Deadline
from controller.plan.from_program import from_program, machine_of
from controller.plan.lowered import LOWERINGS, Lowering, lowered
from controller.plan.machine_methods import MACHINE_METHODS, plan_for_machine
from controller.plan.network import Kind
from controller.plan.solution import Plan, Step
from controller.plan.validate import replay
from controller.read import read
from controller.run import expected_outputs, run_golden
from spec.config import CONFIGS
from spec.isa import Opcode, TensorClass
from spec.policy import reserve
from spec.registers import Policy

if TYPE_CHECKING:
    from controller.layout import Buffer

DIGITS = Path(__file__).parents[3] / "docs/data/digits.onnx"
STRICT = LOWERINGS[0]
#: Not all maps of the digits network fit beside each other.
SMALL = replace(CONFIGS["tiny"], bank_bytes=512)


@cache
def digits() -> Compiled:
    return compile_graph(read(DIGITS), SMALL, finalists=1)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Inverted residuals on a machine that cannot hold what is between their operators."""
    path = write_large("mobilenetv2", tmp_path_factory.mktemp("zoo") / "one.onnx", side=32)
    return compile_graph(read(path), replace(CONFIGS["edge"], bank_bytes=4096), finalists=1)


@pytest.fixture(scope="module")
def fires(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Concatenations: several maps in a buffer."""
    path = write_large("squeezenet", tmp_path_factory.mktemp("zoo") / "one.onnx", side=32)
    return compile_graph(read(path), replace(CONFIGS["edge"], bank_bytes=4096), finalists=1)


def grouped(compiled: Compiled) -> Plan:
    """The first three operators in bands of two rows, then one after the other."""
    network = from_program(compiled)
    steps = [Step((0, 1, 2), stored=frozenset(network.operators[2].outputs), rows=2, cached=True)]
    steps += [
        Step((place,), stored=frozenset(network.operators[place].outputs))
        for place in range(3, len(network.operators))
    ]  # fmt: skip
    return Plan(network.name, "by hand", machine_of(compiled.config).capacity, tuple(steps))


def check_outputs(compiled: Compiled) -> None:
    """A sound program that computes the network's integers."""
    check(compiled)
    inputs = random_inputs(compiled.graph, 3)
    trace = run_golden(compiled, inputs, policy=Policy.DIRECTED)
    for name, wanted in expected_outputs(compiled.graph, inputs).items():
        assert np.array_equal(trace.outputs[name], wanted)


@pytest.mark.parametrize("method", MACHINE_METHODS)
def test_whatever_the_method_the_network_s_integers_come_out(method: str) -> None:
    found = plan_for_machine(digits(), method, Deadline(20), lambda _: None)
    for one in LOWERINGS:
        check_outputs(lowered(digits(), found.plan, one))


@pytest.mark.parametrize("method", ["onsram-static", "pinfuse", "cosma"])
def test_where_commands_fill_the_scratchpad_there_are_plans_too(method: str) -> None:
    compiled = compile_graph(read(DIGITS), replace(CONFIGS["tiny"], bank_bytes=256), finalists=1)
    found = plan_for_machine(compiled, method, Deadline(20), lambda _: None)
    check_outputs(lowered(compiled, found.plan, STRICT))


@pytest.mark.parametrize("method", ["pinfuse", "cosma"])
def test_groups_and_concatenations_compute_what_the_operators_did(
    wide: Compiled, fires: Compiled, method: str
) -> None:
    for compiled in (wide, fires):
        found = plan_for_machine(compiled, method, Deadline(20), lambda _: None)
        assert (method == "cosma") == (len(found.lowerings) == 2)
        check_outputs(lowered(compiled, found.plan, found.fastest))


def test_fusing_moves_fewer_bytes_of_maps_than_pinning_and_that_fewer_than_neither(wide: Compiled) -> None:
    moved = []
    for method in ("layer", "pin", "fuse", "pinfuse"):
        found = plan_for_machine(wide, method, Deadline(20), lambda _: None)
        by_class = found.strict.dram["by_class"]
        moved.append(by_class["activation_fill"] + by_class["activation_spill"])
    layer, pin, fuse, both = moved
    assert both <= fuse < pin < layer


def test_the_machine_moves_what_was_planned(wide: Compiled) -> None:
    """To the page: no map leaves that the plan keeps, none stays that it does not."""
    for method in ("onsram-static", "layer", "pin"):
        found = plan_for_machine(wide, method, Deadline(20), lambda _: None)
        dram = found.lowerings[STRICT].dram
        assert dram["write_bytes"] == sum(one.written for one in found.work)
        moved = dram["by_class"]
        assert moved["activation_fill"] + moved["input"] == sum(one.read for one in found.work)


def test_what_a_plan_does_not_keep_leaves_if_it_is_taken_at_its_word() -> None:
    plan = grouped(digits())
    strict, free = (lowered(digits(), plan, Lowering(strict=strict, banks=False)) for strict in (True, False))
    for compiled, some in ((strict, True), (free, False)):
        assert any(one.opcode is Opcode.EVICT for one in compiled.instructions) is some
        check_outputs(compiled)


def test_what_a_plan_keeps_is_pinned_while_it_is_named() -> None:
    network = from_program(digits())
    kept = network.operators[0].outputs[0]
    readers = network.consumers[kept]
    steps = tuple(
        Step((place,), frozenset({kept} if place <= readers[-1] else ()),
             stored=frozenset(set(one.outputs) - {kept}))
        for place, one in enumerate(network.operators)
    )  # fmt: skip
    plan = Plan(network.name, "by hand", machine_of(SMALL).capacity, steps)
    replay(network, plan, machine_of(SMALL))
    program = lowered(digits(), plan, STRICT)
    operands = [one.fields for one in program.instructions if one.opcode is Opcode.OPERAND]
    assert any(one["pin"] for one in operands)
    assert not all(one["pin"] for one in operands)
    check_outputs(program)


def test_a_group_runs_band_by_band_and_each_unit_after_those_it_needs(wide: Compiled) -> None:
    some = units({place: wide.tiled[place] for place in (0, 1, 2)}, wide.config)
    bands = banded([some[place] for place in (0, 1, 2)], 1)
    order = [unit for band in bands for unit in band]
    places = {unit: place for place, unit in enumerate(order)}
    assert len(places) == len(order) == sum(map(len, some.values()))
    assert all(places[other] < places[one] for one in order for other in one.needs)
    assert len(bands) > 1
    for band in bands:
        assert [unit.operator for unit in band] == sorted(unit.operator for unit in band)
    # A band makes no more of the first map than its own rows of the last need.
    assert sum(unit.operator == 0 for unit in bands[0]) < len(some[0])


def test_a_program_s_maps_are_in_whole_pages_and_operators_say_what_they_hold() -> None:
    network, machine = from_program(digits()), machine_of(SMALL)
    assert machine.capacity == (SMALL.frames - reserve(SMALL)) * SMALL.page_bytes
    assert len(network.operators) == len(digits().tiled)
    assert all(one.bytes % SMALL.page_bytes == 0 for one in network.tensors)
    buffers: dict[str, Buffer] = {one.operator.result.buffer.name: one.operator.result.buffer for one in digits().tiled}
    for name, buffer in buffers.items():
        assert network.tensor[name].bytes == buffer.pages(SMALL.page_words) * SMALL.page_bytes
    assert {buffers[name].kind for name in network.outputs} == {TensorClass.OUTPUT}
    for one in network.operators:
        assert one.cut is not None
        everything = {*one.inputs, *one.outputs}
        assert one.held(everything) == one.cut.parameters
        assert one.held(frozenset()) == one.cut.parameters + sum(map(one.streamed, everything))
        assert one.held(frozenset()) <= machine.capacity


def test_maps_that_share_a_buffer_are_told_apart(fires: Compiled) -> None:
    network = from_program(fires)
    squeeze = next(one for one in network.operators if one.name == "fire3_squeeze")
    copies = [one for one in network.operators if one.name == "fire2"]
    assert len(squeeze.inputs) == 2
    assert [one.kind for one in copies] == [Kind.ACTIVATION]
    assert set(copies[0].outputs) < set(squeeze.inputs)
