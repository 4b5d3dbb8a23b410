"""Programs of eager execution are sound and right, and hold nothing that was not known when it was appended."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.check import check
from controller.compiler import compile_graph
from controller.eager.compile import compile_eagerly, foreseen
from controller.eager.framework import Called, Freed, events
from controller.eager.host import Host
from controller.execution import Execution
from controller.figures import figures, infinite_figures
from controller.network.drawn import LANGUAGE, write_language
from controller.read import read
from controller.trial import Trials
from sim.energy import load_table
from sim.machine import Machine
from spec.config import CONFIGS
from spec.isa import Opcode, TensorClass
from spec.program import assemble
from spec.registers import Policy
from tests.controller.eager.test_framework import BUILDS, graph
from tests.controller.language import Drawn, drawn_inputs, evaluated, layer
from tests.controller.machine import largest_difference
from tests.controller.test_drawn import SMALL

if TYPE_CHECKING:
    from pathlib import Path

    from controller.compiler import Compiled
    from controller.graph import Graph
    from controller.quantized import Stored
    from spec.program import Instruction

TINY = CONFIGS["tiny"]
TOLD = pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])


def named(name: str) -> Graph:
    return layer() if name == "layer" else graph(name)


NAMES = (*BUILDS, "layer")


@cache
def compiled(name: str, *, told: bool = True, machine: str = "tiny") -> Compiled:
    return compile_eagerly(named(name), CONFIGS[machine], told=told, trials=Trials(CONFIGS[machine], 2))


def outputs_are_right(of: Compiled, program: bytes, policy: Policy, stored: Stored) -> None:
    """Two inferences on one machine; the second may know from the first."""
    machine, wanted = Machine(of.config), evaluated(of.graph, stored)
    for _ in range(2):
        dram = of.load(stored)
        run = machine.run(program, dram, policy=policy, address=of.program_address, careful=True)
        assert run.cycles, (run.error, run.error_address)
        got = of.outputs(dram)
        assert got.keys() == {tensor.name for tensor in of.graph.leaving}
        for name, array in got.items():
            assert np.array_equal(array, wanted[name]), (policy.name, name)


@TOLD
@pytest.mark.parametrize("name", LANGUAGE)
def test_networks_of_tokens_are_computed_exactly(name: str, tmp_path: Path, *, told: bool) -> None:
    path = write_language(name, tmp_path / "model.onnx", **SMALL[name])
    of = compile_eagerly(read(path), TINY, told=told, trials=Trials(TINY, 1))
    check(of)
    assert largest_difference(of, path, np.random.default_rng(1), equal=False) == 0


@TOLD
@pytest.mark.parametrize("name", NAMES)
def test_programs_are_sound_and_right_under_every_policy(name: str, *, told: bool) -> None:
    of = compiled(name, told=told)
    check(of)
    assert of.execution is (Execution.eager if told else Execution.untold)
    stored = drawn_inputs(of.graph, np.random.default_rng(5))
    for policy in Policy:
        outputs_are_right(of, of.program, policy, stored)


@pytest.mark.parametrize("name", NAMES)
def test_operators_are_those_of_the_network_one_by_one(name: str) -> None:
    """Nothing is fused that arrives apart: an operator for each node that is no view, but for copies before it."""
    of = compiled(name)
    arrived = [event.node.name for event in events(of.graph, told=True) if isinstance(event, Called)]
    assert {one.operator.name for one in of.tiled} <= set(arrived)
    assert of.macs == named(name).macs
    assert len(of.tiled) >= len(compile_graph(named(name), TINY, finalists=1).tiled)


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_changes_nothing_before_it(name: str) -> None:
    """The program of a network's beginning is the beginning of its program."""
    whole = compiled(name, told=False)
    nodes = whole.graph.nodes
    for count in range(1, len(nodes)):
        part = replace(whole.graph, nodes=nodes[:count], outputs=())
        begun = compile_eagerly(part, TINY, told=False, trials=Trials(TINY, 2)).instructions
        assert begun[:-1] == whole.instructions[: len(begun) - 1], count
        assert begun[-1].opcode is Opcode.END


@TOLD
@pytest.mark.parametrize("name", NAMES)
def test_programs_hold_no_hint_and_no_end_that_is_not_known(name: str, *, told: bool) -> None:
    """A map is released behind the operator after which it is free, never within one; parameters within theirs."""
    host, last = Host(Trials(TINY, 2)), 0
    for event in events(named(name), told=told):
        host.take(event)
        added = host.stream.instructions[last:]
        last = len(host.stream.instructions)
        bound = [one for one in added if one.opcode is Opcode.OPERAND]
        assert not any(one.fields["next_use"] or one.fields["pin"] or one.fields["drop"] for one in bound)
        assert not any(one.opcode in {Opcode.PREFETCH, Opcode.EVICT} for one in added)
        if isinstance(event, Freed):
            assert all(one.opcode is Opcode.RELEASE for one in added)
        elif not isinstance(event, Called):
            assert not any(one.opcode is Opcode.RELEASE for one in added)


@TOLD
def test_no_map_is_released_while_its_operator_runs(*, told: bool) -> None:
    """Of an operator's own copies and parameters alone frames come free; untold, no map of the network ever dies."""
    of = compiled("layer", told=told)
    by_page = {of.placement.pages[buffer]: buffer for buffer in of.placement.pages}
    slots: dict[int, TensorClass] = {}
    released: list[TensorClass] = []
    for one in of.instructions:
        if one.opcode is Opcode.BIND:
            page = max(page for page in by_page if page <= one.fields["page"])
            slots[one.fields["slot"]] = by_page[page].kind if " for " not in by_page[page].name else TensorClass.OUTPUT
        elif one.opcode is Opcode.RELEASE:
            released.append(slots[one.fields["slot"]])
    assert (TensorClass.ACTIVATION in released) is told
    assert TensorClass.WEIGHTS in released


def _commands(instructions: list[Instruction] | tuple[Instruction, ...]) -> list[Instruction]:
    return [one for one in instructions if one.opcode is Opcode.COMPUTE]


@pytest.mark.parametrize("name", NAMES)
def test_a_host_that_foresees_runs_the_same_commands(name: str) -> None:
    of = compiled(name)
    known = foreseen(of)
    assert _commands(known) == _commands(of.instructions)
    other = replace(of, program=assemble(TINY, known), instructions=tuple(known))
    check(other)
    stored = drawn_inputs(of.graph, np.random.default_rng(5))
    for policy in (Policy.NONE, Policy.LRU, Policy.DIRECTED):
        outputs_are_right(of, other.program, policy, stored)


@pytest.mark.parametrize("name", NAMES)
def test_a_scratchpad_without_limits_moves_each_byte_once(name: str) -> None:
    """What is fetched is what the network has; what is written is its outputs; and no policy takes less time."""
    of, table = compiled(name), load_table()
    infinite = infinite_figures(of, table)
    assert infinite is not None
    assert infinite.dram["by_class"]["activation_fill"] == infinite.dram["by_class"]["activation_spill"] == 0
    page = TINY.page_bytes
    written = sum(buffer.pages(TINY.page_words) for buffer, kind in of.kinds.items() if kind is TensorClass.OUTPUT)
    assert infinite.dram["by_class"]["output"] == written * page
    for policy in Policy:
        moved = figures(of, policy, table)[0].dram
        assert moved["by_class"]["output"] >= infinite.dram["by_class"]["output"], policy.name
        assert moved["read_bytes"] >= infinite.dram["read_bytes"], policy.name


def test_a_module_that_is_called_again_has_its_weights_bound_again() -> None:
    """They were streamed, and are named by a later operator all the same."""
    drawn = Drawn(np.random.default_rng(7))
    source = drawn.input(8, 6)
    first = drawn.dense(source, 8)
    node = drawn.nodes[-1]
    result = drawn.tensor(8, 6)
    drawn.nodes.append(replace(node, name="again", source=first, result=replace(first, name=result.name)))
    of = compile_eagerly(drawn.graph(drawn.nodes[-1].result), TINY, trials=Trials(TINY, 1))
    check(of)
    assert len({one.weights for one in of.tiled}) == 1
    stored = drawn_inputs(of.graph, np.random.default_rng(5))
    for policy in Policy:
        outputs_are_right(of, of.program, policy, stored)
