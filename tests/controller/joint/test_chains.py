"""Chains of operators compute what the operators did, in fewer cycles where they are chosen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.choice import fits
from controller.compiler import Compiled, compile_graph
from controller.inputs import random_inputs
from controller.joint.ahead import ahead
from controller.joint.bound import Moment, moments
from controller.joint.breed import bred
from controller.joint.chains import RULES, Chain, Chains, cut
from controller.joint.interleave import Rule, interleaved
from controller.joint.plan import plan, rearranged
from controller.joint.polish import cut_anew, polished
from controller.joint.ports import by_engine
from controller.joint.program import Programs
from controller.joint.search import Search
from controller.joint.units import Unit, demanded, units
from controller.joint.vary import Variations
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


def chain(room: float) -> Chain:
    return Chain(0, len(digits().tiled), Rule(room, first=1, post=0, grain=1, left=False))


@st.composite
def some_rules(draw: st.DrawFn) -> Rule | None:
    """None, or a rule in any order of blocks, by waits or windows first, with any banks."""
    if draw(st.booleans()):
        return None
    return replace(
        draw(st.sampled_from(RULES)), blocks=draw(st.booleans()), late=draw(st.sampled_from((-1.0, 0.0, 0.5, 2.0))),
        banks=(draw(st.integers(-1, 1)), draw(st.integers(-2, 2))),
    )  # fmt: skip


@st.composite
def some_chains(draw: st.DrawFn) -> Chains:
    """Any partition of the operators, each part in order or by any rule; any tiles, prefetches, maps that leave."""
    count = len(digits().tiled)
    ends = [*sorted(draw(st.sets(st.integers(1, count - 1)))), count]
    begins = [0, *ends[:-1]]
    heights = [draw(st.sampled_from(some_heights(place))) for place in range(count)]
    return tuple(
        Chain(
            first, end, draw(some_rules()) if end - first > 1 else None,
            tuple(heights[first:end]) if draw(st.booleans()) else (), draw(st.sampled_from((0, 1, 4, 32))),
            draw(st.booleans()), draw(st.booleans()),
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
            written = {page for other in one.needs for page in other.writes}
            assert {page for page in one.reads if page[0].kind is not TensorClass.INPUT} <= written
    assert sum(len(one.commands) for several in found.values() for one in several) == sum(
        len(one.commands) for one in digits().tiled
    )


@pytest.mark.parametrize("late", [-1.0, 0.5])
@pytest.mark.parametrize("room", [0.2, 0.8])
def test_units_are_interleaved_after_what_they_need(room: float, late: float) -> None:
    found, whole = all_units(), chain(room)
    assert whole.rule is not None
    one = replace(whole, rule=replace(whole.rule, late=late))
    order = interleaved(found, dict(enumerate(digits().tiled)), digits().config, one).order
    places = {unit: place for place, unit in enumerate(order)}
    assert len(places) == len(order) == sum(map(len, found.values()))
    assert all(places[other] < places[one] for one in order for other in one.needs)
    for several in found.values():
        assert sorted(several, key=places.__getitem__) == several


def test_a_block_of_channels_is_made_and_read_before_the_next_where_those_behind_want_it_so() -> None:
    """Two tiles of rows of two blocks, and a window over each block of all rows."""
    command = digits().tiled[0].commands[0]
    made = {(row, block): Unit(0, row, (command,), 1, 1, (), (), (), ()) for row in (0, 1) for block in (0, 1)}
    windows = [Unit(1, 0, (command,), 0, 1, (made[0, block], made[1, block]), (), (), ()) for block in (0, 1)]
    assert demanded({0: list(made.values()), 1: windows}) == {
        0: [made[0, 0], made[1, 0], made[0, 1], made[1, 1]], 1: windows,
    }  # fmt: skip


def test_a_window_is_taken_while_post_processing_waits_for_sums_and_no_later() -> None:
    """Sums come every 100 cycles and take 20 to drain; a window takes 70, and everything is there."""
    by_array, by_post = (digits().tiled[place].commands[0] for place in (0, 3))
    sums = [Unit(0, row, (by_array,), 100, 20, (), (), (), ()) for row in range(6)]
    windows = [Unit(1, row, (by_post,), 0, 70, (), (), (), ()) for row in range(6)]
    tiled = {place: replace(digits().tiled[place], weights=None) for place in (0, 1)}

    def places(late: float) -> list[int]:
        one = Chain(0, 2, Rule(0.8, first=0, post=1, grain=1, left=False, late=late))
        return [unit.operator for unit in interleaved({0: sums, 1: windows}, tiled, digits().config, one).order]

    assert places(-1.0) == [1] * 6 + [0] * 6
    assert places(0.0) == [1, 0] * 6


@pytest.mark.parametrize("room", [0.2, 0.8])
def test_a_band_goes_through_the_chain_before_much_more_is_made(room: float) -> None:
    """Sixteen rows of four pages by the array, read with their neighbours by a window: 8 KiB in a scratchpad of 4."""
    made = Buffer("made", TensorClass.ACTIVATION, 1)
    command = digits().tiled[0].commands[0]
    first = [
        Unit(0, row, (command,), 100, 50, (), (), tuple((made, page) for page in range(4 * row, 4 * row + 4)), ())
        for row in range(16)
    ]
    last = [
        Unit(1, row, (command,), 0, 60, tuple(first[max(0, row - 1) : row + 2]),
             tuple((made, page) for page in range(4 * max(0, row - 1), 4 * min(16, row + 2))), (), ())
        for row in range(16)
    ]  # fmt: skip
    tiled = {place: replace(digits().tiled[place], weights=None) for place in (0, 1)}
    order = interleaved({0: first, 1: last}, tiled, digits().config, chain(room)).order
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
    found = ahead([(one, 4) for one in order], {}, config)
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
    assert ahead([(one, 0) for one in order], {}, config) == {}


def test_a_map_that_has_left_comes_back_after_that_and_before_it_is_read() -> None:
    order = [one for several in all_units().values() for one in several]
    commands = [command for one in order for command in one.commands]
    config, made = digits().config, digits().tiled[0].operator.result.buffer
    uses = [index for index, command in enumerate(commands) if made in command.spans]
    last = max(index for index in uses if commands[index].operator == 0)
    first = min(index for index in uses if commands[index].operator > 0)
    stays, found = (
        ahead([(one, 8) for one in order], left, config) for left in ({}, {last - 4: [(made, 0, 1)]})
    )
    assert not any(buffer is made for runs in stays.values() for buffer, _, _ in runs)
    at = [index for index, runs in found.items() if (made, 0, 1) in runs]
    assert len(at) == 1
    # EVICT stands behind the next command's prefetches.
    assert last - 4 + 1 < at[0] < first


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


def test_when_all_is_there_that_an_operator_reads_the_bus_brings_what_does_not_fit() -> None:
    """Counted by hand.

    Before `second` are 64 pixels of 18 passes, in 2 blocks of outputs; before `block` the 64 pixels of 72 passes of
    `second` too, 4x4 windows of four words and 4x4 of a depthwise kernel that takes a cycle for each of 6x6 words.
    5,296 bytes of weights come from `second` on, of which the machine holds 4 KiB, 4 pages of 128 bytes and a tile.
    """
    found = {one.operator: one for one in moments(digits().tiled, digits().config)}
    assert found[1] == Moment(1, array=64 * 18, post=64 * 2, late=(5296 - 4096 - 4 * 128 - 16) // 4)
    assert found[4].array == 64 * 18 + 64 * 72
    assert found[4].late == 0
    assert found[1].cycles == 64 * 18 + 168


def test_a_network_is_cut_where_little_lies_between() -> None:
    parts = cut(digits().tiled)
    assert [first for first, _ in parts] == [0, *(end for _, end in parts[:-1])]
    assert parts[-1][1] == len(digits().tiled)


def test_variations_are_plans_that_can_run() -> None:
    variations = Variations(Programs(digits()), Random(3))
    one = Chain(1, 5, RULES[0])
    some = {one := variations.of(one) for _ in range(60)}
    assert len({varied.heights for varied in some}) > 10
    assert len({varied.rule for varied in some}) > 10
    assert all(
        height in some_heights(place)
        for varied in some
        for place, height in enumerate(varied.heights, varied.first)
    )
    assert all((varied.first, varied.end) == (1, 5) for varied in some)


def test_what_is_bred_is_no_slower_than_what_it_is_bred_from_and_polish_makes_nothing_slower() -> None:
    programs = Programs(digits())
    variations = Variations(programs, Random(1))
    seeds = [Chain(1, 5, rule) for rule in RULES[:2]]
    found = bred(seeds, programs, variations, Deadline(5))
    assert programs.cycles((found,)) <= min(programs.cycles((one,)) for one in seeds)
    chains = (Chain(0, 1), Chain(1, 5, RULES[0]), Chain(5, len(digits().tiled)))
    after = polished(chains, programs, variations, Deadline(5), lambda _: None)
    assert programs.cycles(after) < programs.cycles(chains)
    assert [place for one in after for place in range(one.first, one.end)] == list(range(len(digits().tiled)))


def test_where_chains_are_cut_anew_each_operator_keeps_its_place_and_its_tiles() -> None:
    programs = Programs(digits())
    variations = Variations(programs, Random(2))
    chains = (Chain(0, 1), Chain(1, 5, RULES[0]), Chain(5, len(digits().tiled), RULES[1], anew=True))
    heights = [height for one in chains for height in programs.heights(one)]
    several = [cut_anew(chains, at, programs, variations).applied(chains) for at in (0, 1, 2) * 20]
    assert {len(one) for one in several} == {2, 3, 4}
    for some in several:
        assert [height for one in some for height in programs.heights(one)] == heights
        assert [place for one in some for place in range(one.first, one.end)] == list(range(len(digits().tiled)))
        assert all((one.rule is None) == (one.end - one.first == 1) for one in some)


def test_a_plan_is_no_slower_than_any_policy_and_no_faster_than_the_bound() -> None:
    found = plan(digits(), Deadline(15), lambda _: None)
    assert found.method == "joint"
    assert found.bound <= found.cycles["joint"] <= min(found.cycles[policy.name.lower()] for policy in Policy)


def test_without_time_operators_run_one_after_the_other() -> None:
    compiled = digits()
    search = Search(Programs(compiled), Deadline(0))
    found = [(one.first, one.end, one.rule, one.heights) for one in search.run()]
    assert found == [(place, place + 1, None, ()) for place in range(len(compiled.tiled))]
