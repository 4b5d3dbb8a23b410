"""Products, softmax, normalization and multiplication on the golden machine, against integers found one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.check import UnsoundError, check
from controller.compiler import Compiled, compile_graph
from controller.graph import Convolution, Port
from controller.joint.chains import RULES, Chain
from controller.joint.interleave import interleaved
from controller.joint.plan import rearranged
from controller.joint.units import units
from controller.plan.from_graph import from_graph
from controller.plan.from_program import from_program
from controller.plan.network import Kind
from sim.machine import Machine
from spec.config import CONFIGS
from spec.isa import Mode, Opcode, Role
from spec.program import assemble
from spec.registers import Policy
from tests.controller.language import Drawn, drawn_inputs, evaluated, layer

if TYPE_CHECKING:
    from controller.graph import Graph

MACHINES = ["tiny", "default"]
#: Tokens, other tokens and channels: below, at and beyond a word, a tile, and a half of the accumulator of `tiny`.
SIZES = [(5, 7, 6), (16, 16, 16), (33, 20, 9), (1, 1, 1), (3, 1, 40), (70, 37, 20)]


def holds(graph: Graph, machine: str, policy: Policy = Policy.NONE) -> Compiled:
    """A sound program whose outputs are what the graph says; the results must not all be alike."""
    compiled = compile_graph(graph, CONFIGS[machine], finalists=2)
    check(compiled)
    _same(compiled, policy)
    return compiled


def _same(compiled: Compiled, policy: Policy) -> None:
    graph, inputs = compiled.graph, drawn_inputs(compiled.graph, np.random.default_rng(5))
    dram = compiled.load(inputs)
    run = Machine(compiled.config).run(
        compiled.program, dram, address=compiled.program_address, policy=policy, careful=True
    )
    assert run.cycles, (run.error, run.error_address)
    wanted, got = evaluated(graph, inputs), compiled.outputs(dram)
    for port in graph.outputs:
        assert np.array_equal(got[port.name], wanted[port.tensor.name]), port.name
        assert wanted[port.tensor.name].size < 16 or len(np.unique(wanted[port.tensor.name])) > 2


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("tokens", "others", "channels"), SIZES)
@pytest.mark.parametrize("machine", MACHINES)
def test_products_of_inputs(machine: str, tokens: int, others: int, channels: int, batch: int) -> None:
    """Turned and not, of maps that the host has packed."""
    drawn = Drawn(np.random.default_rng(1), batch)
    first, second, third = drawn.input(channels, tokens), drawn.input(channels, others), drawn.input(others, tokens)
    holds(drawn.graph(drawn.product(first, second, turned=True), drawn.product(third, second, turned=False)), machine)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("tokens", "others", "channels"), SIZES)
@pytest.mark.parametrize("machine", MACHINES)
def test_products_of_some_channels(machine: str, tokens: int, others: int, channels: int, batch: int) -> None:
    """Heads that share words, of computed maps: each gets blocks of its own, and nothing is copied."""
    drawn = Drawn(np.random.default_rng(2), batch)
    queries, keys = (drawn.dense(drawn.input(11, some), 2 * channels) for some in (tokens, others))
    made = []
    for first in (0, channels):
        query, key, value = (drawn.selection(one, first, first + channels) for one in (queries, keys, keys))
        made.append(drawn.product(drawn.product(query, key, turned=True), value, turned=False))
    compiled = holds(drawn.graph(drawn.dense(drawn.concatenation(made), 7)), machine)
    assert [one.operator.mode for one in compiled.tiled].count(Mode.ARRAY) == 7


@pytest.mark.parametrize("machine", MACHINES)
def test_what_lies_otherwise_is_copied(machine: str) -> None:
    """Channels of an input in the middle of a word, whose neighbours must not count."""
    drawn = Drawn(np.random.default_rng(3))
    first, second = drawn.input(9, 6), drawn.input(12, 5)
    product = drawn.product(drawn.selection(first, 3, 9), drawn.selection(second, 1, 7), turned=True)
    norm = drawn.normalization(drawn.selection(second, 2, 9))
    compiled = holds(drawn.graph(product, drawn.softmax(product), norm), machine)
    assert len(compiled.tiled) == len(["copy", "copy", "product", "softmax", "copy", "norm"])


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("tokens", "channels"), [(5, 7), (16, 16), (33, 20), (1, 1), (70, 50)])
@pytest.mark.parametrize("kind", ["softmax", "normalization", "multiplication"])
@pytest.mark.parametrize("machine", MACHINES)
def test_pixel_by_pixel(machine: str, kind: str, tokens: int, channels: int, batch: int) -> None:
    """Of computed maps, and of channels that lie across words."""
    drawn = Drawn(np.random.default_rng(4), batch)
    source = drawn.input(11, tokens)
    maps = [drawn.dense(source, channels), drawn.selection(drawn.dense(source, channels + 3), 2, channels + 2)]
    if kind == "multiplication":
        results = [drawn.multiplication(*maps), drawn.multiplication(*maps[::-1])]
    else:
        results = [getattr(drawn, kind)(one) for one in maps]
    holds(drawn.graph(*results), machine)


@cache
def compiled_layer() -> Compiled:
    """For the smallest machine."""
    return compile_graph(layer(), CONFIGS["tiny"], finalists=1)


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize("machine", ["tiny", "edge"])
def test_a_layer_under_every_policy(machine: str, policy: Policy) -> None:
    """What stays where makes no difference."""
    holds(layer(), machine, policy)


def test_an_addition_rides_on_what_it_reads() -> None:
    """A product and a normalization add a residual, the operand of either side."""
    for swap in (False, True):
        drawn = Drawn(np.random.default_rng(7))
        first, second = drawn.input(6, 9), drawn.input(6, 9)
        scores = drawn.product(first, second, turned=True)
        made = [drawn.product(scores, second, turned=False), drawn.normalization(second)]
        results = [drawn.addition(*((one, first) if swap else (first, one))) for one in made]
        compiled = holds(drawn.graph(*results), "tiny")
        assert len(compiled.tiled) == len(["product", "product", "normalization"])


@pytest.mark.parametrize("machine", MACHINES)
def test_a_change_is_a_table_of_what_it_reads(machine: str) -> None:
    """Of every kind of operator, an addition that rides itself among them; not where something else reads it."""
    drawn = Drawn(np.random.default_rng(11))
    first, second = drawn.input(6, 9), drawn.input(6, 9)
    scores = drawn.product(first, second, turned=True)
    makers = [
        drawn.dense(first, 5), scores, drawn.softmax(drawn.input(9, 3)), drawn.normalization(first),
        drawn.multiplication(first, second), drawn.addition(drawn.dense(second, 6), first),
    ]  # fmt: skip
    changes = [drawn.change(one) for one in makers]
    kept = drawn.dense(second, 7)
    # A ragged operand of a product, whose other lanes hold what the table makes of the zero point.
    keys = drawn.product(changes[3], drawn.dense(second, 6), turned=True)
    compiled = holds(drawn.graph(*changes, kept, drawn.change(kept), keys), machine)
    assert len(compiled.tiled) == len(makers) + len(["dense", "change", "dense", "product"])


def test_multiplications_of_activations_count() -> None:
    """Of both products of a head, and as much in the bound of the array."""
    drawn = Drawn(np.random.default_rng(8))
    first, second = drawn.input(6, 9), drawn.input(6, 5)
    graph = drawn.graph(drawn.product(drawn.product(first, second, turned=True), second, turned=False))
    compiled = compile_graph(graph, CONFIGS["tiny"], finalists=1)
    assert compiled.macs == 9 * 5 * 6 * 2 == sum(one.operator.macs for one in compiled.tiled)


def _changed(compiled: Compiled, at: int, **fields: int) -> Compiled:
    some = list(compiled.instructions)
    some[at] = replace(some[at], fields={**some[at].fields, **fields})
    return replace(compiled, program=assemble(compiled.config, some))


def _places(compiled: Compiled, opcode: Opcode, **fields: int) -> list[int]:
    return [
        at
        for at, one in enumerate(compiled.instructions)
        if one.opcode is opcode and all(one.fields.get(name, 0) == value for name, value in fields.items())
    ]


@pytest.mark.parametrize("fields", [{"closing": 0}, {"first": 0}, {"statistic": 2}, {"last": 1}])
def test_the_checker_finds_a_broken_statistic(fields: dict[str, int]) -> None:
    """That is not begun or not closed, or not the one that is used."""
    compiled = compiled_layer()
    check(compiled)
    known = {"closing": {"closing": 1}, "first": {"first": 1, "statistic": 0}}.get(next(iter(fields)), {})
    at = _places(compiled, Opcode.COMPUTE, mode=Mode.MEASURE, **known)[0]
    with pytest.raises(UnsoundError, match=r"a statistic begins, goes on or is used wrongly"):
        check(_changed(compiled, at, **fields))


def test_the_checker_knows_what_lies_between_blocks() -> None:
    """Words behind the nine pixels of a block may be weights, but no input, and nothing writes them."""
    compiled = compiled_layer()
    keys = _places(compiled, Opcode.COMPUTE, mode=Mode.ARRAY, turned=1)[0]
    weights = max(at for at in _places(compiled, Opcode.OPERAND, role=Role.WEIGHTS) if at < keys)
    assert compiled.instructions[weights].fields["stride"] == 12
    made = _places(compiled, Opcode.OPERAND, role=Role.OUTPUT, slot=compiled.instructions[weights].fields["slot"])[0]
    run = compiled.instructions[made].fields["run"]
    with pytest.raises(UnsoundError, match=r"is written between blocks"):
        check(_changed(compiled, made, run=run + 1))


def test_interleaved_statistics_stay_whole() -> None:
    """One operator's at a time, by every rule, in programs that compute the same."""
    compiled = compiled_layer()
    tiled = dict(enumerate(compiled.tiled))
    some = units(tiled, compiled.config)
    for rule in RULES:
        order = interleaved(some, tiled, compiled.config, Chain(0, len(tiled), rule)).order
        assert sorted(map(id, order)) == sorted(id(one) for several in some.values() for one in several)
        open_one = None
        for unit in order:
            assert not unit.normalizes or unit.operator == open_one
            assert all(order.index(one) < order.index(unit) for one in unit.needs)
            open_one = unit.operator if unit.measures else open_one
    ends = range(0, len(tiled), 6)
    chains = tuple(Chain(first, min(first + 6, len(tiled)), RULES[0]) for first in ends)
    again = rearranged(compiled, chains)
    check(again)
    _same(again, Policy.DIRECTED)


def test_planners_know_the_kinds() -> None:
    """The same work in the graph's network and in the program's."""
    kinds = {Kind.PRODUCT: 4, Kind.SOFTMAX: 2, Kind.NORMALIZATION: 2, Kind.GATE: 1}
    for network in (from_graph(layer()), from_program(compiled_layer())):
        found = [one.kind for one in network.operators]
        assert {kind: found.count(kind) for kind in kinds} == kinds
        assert network.macs == layer().macs
    products = [one for one in from_program(compiled_layer()).operators if one.kind is Kind.PRODUCT]
    assert all(len(one.inputs) == 2 for one in products)


@pytest.mark.parametrize("channels", [3, 8, 21])
@pytest.mark.parametrize("machine", MACHINES)
def test_pixels_are_gathered(machine: str, channels: int) -> None:
    """Of maps that the network has, that it computes, and that it is given, one in another scale."""
    drawn = Drawn(np.random.default_rng(9))
    source = drawn.input(channels, 9)
    begin, positions = drawn.constant(channels, 1), drawn.constant(channels, 12)
    pixels = [(0, 0), *((1, pixel) for pixel in range(9)), (2, 8), (2, 3)]
    gathered = drawn.gather([begin, drawn.dense(source, channels), source], pixels)
    scores = drawn.product(positions, drawn.selection(positions, 0, channels), turned=True)
    results = [drawn.addition(gathered, positions), drawn.addition(drawn.dense(gathered, channels), positions), scores]
    holds(drawn.graph(gathered, *results), machine)


@pytest.mark.parametrize("machine", MACHINES)
def test_rows_become_tokens(machine: str) -> None:
    """A map of five rows, from the middle of its first one on, and whole."""
    drawn = Drawn(np.random.default_rng(10))
    source = replace(drawn.tensor(6, 7), shape=(1, 6, 5, 7))
    drawn.inputs.append(Port(source.name, source.shape, source))
    gathered = drawn.gather([source], [(0, pixel) for pixel in [*range(3, 30), *range(35)]])
    compiled = holds(drawn.graph(gathered, drawn.dense(gathered, 5)), machine)
    assert len({one.place for one in compiled.tiled[0].operator.gathered}) == len(["3-6", "7-27", "28-29", "0-34"])


def test_common_weights_lie_in_one_buffer() -> None:
    """Of two steps, in all of whose tiles they are named; other weights of the same shape have their own."""
    drawn = Drawn(np.random.default_rng(12))
    here = drawn.dense(drawn.dense(drawn.dense(drawn.input(8, 3), 8), 8), 8)
    first, second = drawn.nodes[:2]
    assert isinstance(first, Convolution)
    assert isinstance(second, Convolution)
    drawn.nodes[1] = replace(second, weights=first.weights)
    compiled = holds(drawn.graph(here), "tiny")
    one, same, other = compiled.tiled
    assert one.weights is same.weights is not other.weights
    assert {some.operands[Role.WEIGHTS].buffer for some in same.at_height(1)} == {one.weights}
