"""Chains of operators compute what the operators did, in fewer cycles where they are chosen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.choice import fits
from controller.compiler import Compiled, compile_graph
from controller.inputs import random_inputs
from controller.joint.ahead import ahead
from controller.joint.bound import Begun, begun
from controller.joint.chains import RULES, Chain, Chains, cut
from controller.joint.interleave import Rule, interleaved
from controller.joint.plan import plan, rearranged
from controller.joint.ports import by_engine
from controller.joint.program import Programs
from controller.joint.search import Search
from controller.joint.units import Unit, units
from controller.layout import Buffer
from controller.plan.deadline import Deadline
from controller.read import read
from controller.run import expected_outputs, run_golden
from spec.config import CONFIGS
from spec.isa import Mode, Opcode, TensorClass
from spec.registers import Policy

DIGITS = Path(__file__).parents[3] / "docs/data/digits.onnx"


@cache
def digits() -> Compiled:
    return compile_graph(read(DIGITS), CONFIGS["tiny"], finalists=1)


def all_units() -> dict[int, list[Unit]]:
    return units(dict(enumerate(digits().tiled)), digits().config)


def rule(room: float) -> Rule:
    return Rule(room, first=1, post=0, grain=1, left=False)


@st.composite
def some_chains(draw: st.DrawFn) -> Chains:
    """Any partition of the operators, each part in order or by any rule; any tiles, prefetches, maps that leave."""
    count = len(digits().tiled)
    ends = [*sorted(draw(st.sets(st.integers(1, count - 1)))), count]
    begins = [0, *ends[:-1]]
    heights = [draw(st.sampled_from(some_heights(place))) for place in range(count)]
    return tuple(
        Chain(
            first, end, draw(st.sampled_from((None, *RULES))) if end - first > 1 else None,
            tuple(heights[first:end]) if draw(st.booleans()) else (), draw(st.sampled_from((0, 1, 4, 32))),
            draw(st.booleans()),
        )
        for first, end in zip(begins, ends, strict=True)
    )  # fmt: skip


def some_heights(place: int) -> list[int]:
    one = digits().tiled[place]
    return [height for height in one.heights if fits(one.at_height(height), digits().config)]


@given(some_chains())
@settings(max_examples=12, deadline=None)
def test_whatever_the_chains_the_network_s_integers_come_out(chains: Chains) -> None:
    compiled = rearranged(digits(), chains)
    inputs = random_inputs(compiled.graph, 3)
    trace = run_golden(compiled, inputs, policy=Policy.DIRECTED)
    for name, wanted in expected_outputs(compiled.graph, inputs).items():
        assert np.array_equal(trace.outputs[name], wanted)
    commands = sum(len(one.commands) for one in compiled.tiled)
    assert Counter(one.opcode for one in compiled.instructions)[Opcode.COMPUTE] == commands


def test_maps_that_others_read_leave_with_their_last_use_in_a_chain_and_no_others() -> None:
    made = digits().tiled[3].operator.result.buffer
    assert any(made in {view.buffer for view in one.operator.views} for one in digits().tiled[4:])
    programs = Programs(digits())

    def evicted(*chains: Chain) -> int:
        placement = programs.placement(chains, programs.buffers)
        return sum(one.opcode is Opcode.EVICT for one in programs.instructions(chains, placement))

    rest = Chain(4, len(digits().tiled))
    assert evicted(Chain(0, 4), rest) == 0
    assert evicted(Chain(0, 4, leaves=True), rest) > 0
    # Nobody is left to read anything.
    assert evicted(Chain(0, len(digits().tiled), leaves=True)) == 0


def test_a_unit_is_all_of_a_sum_and_needs_who_writes_what_it_reads() -> None:
    found = all_units()
    for several in found.values():
        for one in several:
            assert [command.last for command in one.commands] == [False] * (len(one.commands) - 1) + [True]
            written = {row for other in one.needs for row, _ in other.writes}
            assert {row for row in one.reads if row[0].kind is not TensorClass.INPUT} <= written
    assert sum(len(one.commands) for several in found.values() for one in several) == sum(
        len(one.commands) for one in digits().tiled
    )


@pytest.mark.parametrize("room", [0.2, 0.8])
def test_units_are_interleaved_after_what_they_need(room: float) -> None:
    found = all_units()
    order = interleaved(found, dict(enumerate(digits().tiled)), digits().config, rule(room)).order
    places = {unit: place for place, unit in enumerate(order)}
    assert len(places) == len(order) == sum(map(len, found.values()))
    assert all(places[other] < places[one] for one in order for other in one.needs)
    for several in found.values():
        assert sorted(several, key=places.__getitem__) == several


@pytest.mark.parametrize("room", [0.2, 0.8])
def test_a_band_goes_through_the_chain_before_much_more_is_made(room: float) -> None:
    """Sixteen rows of 512 B by the array, each read with its neighbours by a window: 8 KiB in a scratchpad of 4."""
    made, read = Buffer("made", TensorClass.ACTIVATION, 1), Buffer("read", TensorClass.OUTPUT, 1)
    command = digits().tiled[0].commands[0]
    first = [Unit(0, (command,), 100, 50, (), (), (((made, row), 512),)) for row in range(16)]
    last = [
        Unit(1, (command,), 0, 60, tuple(first[max(0, row - 1) : row + 2]),
             tuple((made, other) for other in range(max(0, row - 1), min(16, row + 2))), (((read, row), 0),))
        for row in range(16)
    ]  # fmt: skip
    tiled = {place: replace(digits().tiled[place], weights=None) for place in (0, 1)}
    order = interleaved({0: first, 1: last}, tiled, digits().config, rule(room)).order
    waiting = most = 0
    for one in order:
        waiting += 1 if one.operator == 0 else -1
        most = max(most, waiting)
    assert most <= int(room * 4096 / 512) + 1


def test_engines_that_run_side_by_side_read_different_banks() -> None:
    found = all_units()
    order = [one for several in found.values() for one in several]
    colours = by_engine(order, digits().config, left=True)
    on_array = [one for one in digits().tiled if one.operator.mode is Mode.ARRAY]
    weights = {one.weights for one in on_array if one.weights is not None}
    maps = {one.operator.source.buffer for one in on_array}
    assert {colours[one] for one in weights} == {0}
    assert 0 not in {colours[one] for one in maps}


def test_pages_come_before_the_command_that_needs_them_and_not_too_many() -> None:
    order = [one for several in all_units().values() for one in several]
    commands = [command for one in order for command in one.commands]
    config = digits().config
    first: dict[tuple[object, int], int] = {}
    for index, command in enumerate(commands):
        for operand in command.operands.values():
            for low, high in operand.pages(config.page_words):
                for page in range(low, high):
                    first.setdefault((operand.buffer, page), index)
    found = ahead([(one, 4) for one in order], config)
    fetched = {
        (buffer, page): index
        for index, runs in found.items()
        for buffer, begin, count in runs
        for page in range(begin, begin + count)
    }
    assert fetched
    assert all(first[page] > index for page, index in fetched.items())
    for index in range(len(commands)):
        assert sum(when <= index < first[page] for page, when in fetched.items()) <= 4
    assert ahead([(one, 0) for one in order], config) == {}


def test_a_height_changes_commands_but_not_the_words_of_parameters() -> None:
    programs = Programs(digits())
    for place, one in enumerate(digits().tiled):
        for height in some_heights(place):
            other = programs.cut(place, height)
            assert other.weights is one.weights
            assert max(command.height for command in other.commands) <= height
            assert sum(command.height * command.width for command in other.commands if command.last) == sum(
                command.height * command.width for command in one.commands if command.last
            )


def test_a_chain_alone_finds_what_comes_before_it_and_leaves_what_is_read_after_it() -> None:
    """`block` adds what `half` made to what it makes of `depthwise`; `third` reads it."""
    programs = Programs(digits())
    names = {one.operator.name: one.operator.result.buffer for one in digits().tiled}
    found, left = programs.around((Chain(3, 5),))
    assert found == [names["half"]]
    assert left == {names["block"]}
    commands = [command for unit in programs.arranged(Chain(3, 5)).order for command in unit.commands]
    used = dict.fromkeys(operand.buffer for command in commands for operand in command.operands.values())
    placement = programs.placement((Chain(3, 5),), list(used))
    instructions = programs.instructions((Chain(3, 5),), placement, found, left)
    assert sum(one.opcode is Opcode.PREFETCH for one in instructions) == 1
    released = sum(one.opcode is Opcode.RELEASE for one in instructions)
    assert released < sum(
        one.opcode is Opcode.RELEASE for one in programs.instructions((Chain(3, 5),), placement, found)
    )


def test_an_operator_waits_for_what_comes_before_it_and_the_bus_for_what_does_not_fit() -> None:
    """Counted by hand.

    An output of `second` reaches 2x2 pixels of `first` at a corner; one of `block` 1x1 of a depthwise map, 2x2 of
    `half`, 4x4 of `second` and 5x5 of `first`, whose outputs take 72 and 18 passes, in 4 and 2 blocks.
    5,296 bytes of weights come from `second` on, of which the machine holds 4 KiB, 4 pages of 128 bytes and a tile.
    """
    found = {one.operator: one for one in begun(digits().tiled, digits().config)}
    assert found[1] == Begun(1, array=4 * 18, post=4 * 2, late=(5296 - 4096 - 4 * 128 - 16) // 4)
    assert found[4] == Begun(4, array=16 * 72 + 25 * 18, post=4 * 4 + 4 * 16 + 4 * 16 + 2 * 25, late=0)
    assert found[1].cycles == 72 + 168


def test_a_network_is_cut_where_little_lies_between() -> None:
    parts = cut(digits().tiled)
    assert [first for first, _ in parts] == [0, *(end for _, end in parts[:-1])]
    assert parts[-1][1] == len(digits().tiled)


def test_a_plan_is_no_slower_than_any_policy_and_no_faster_than_the_bound() -> None:
    found = plan(digits(), Deadline(60), lambda _: None)
    assert found.method == "joint"
    assert found.bound <= found.cycles["joint"] <= min(found.cycles[policy.name.lower()] for policy in Policy)


def test_without_time_operators_run_one_after_the_other() -> None:
    compiled = digits()
    search = Search(Programs(compiled), Deadline(0))
    found = [(one.first, one.end, one.rule, one.heights) for one in search.run()]
    assert found == [(place, place + 1, None, ()) for place in range(len(compiled.tiled))]
