"""Whole runs: data, counters and refusals of random programs and of small ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sim.errors import UndefinedError
from sim.machine import Machine, Run
from spec.config import CONFIGS
from spec.errors import Error
from spec.isa import Opcode, Role
from spec.program import Instruction, assemble
from spec.registers import Policy
from tb.machines import configuration, memory
from tb.programs import EVENTS, Sample, coverage, sample
from tests.sim.tensorwise import Tensorwise

if TYPE_CHECKING:
    from spec.config import Config

TINY = CONFIGS["tiny"]


def run(drawn: Sample, dram: bytearray, machine: Machine | None = None, **options: bool | Policy) -> Run:
    settings = {
        "address": drawn.program_address, "length": drawn.length, "data_base": drawn.data_base,
        "read_window": drawn.read_window, "write_window": drawn.write_window, **options,
    }  # fmt: skip
    return (machine or Machine(drawn.config, memory(drawn.seed))).run(drawn.program, dram, **settings)


@pytest.mark.parametrize("seed", range(24))
def test_a_machine_computes_what_its_program_says(seed: int) -> None:
    """Wherever pages lie and whatever leaves when: DRAM holds what the instructions say, tensor by tensor."""
    drawn = next(s for s in (sample(configuration(seed), n, computes=8) for n in range(seed, seed + 99)) if s.flushed)
    expected = bytearray(drawn.image)
    Tensorwise(drawn.config, expected, drawn.data_base).run(drawn.program, drawn.length)
    for policy in Policy:
        dram = bytearray(drawn.image)
        assert run(drawn, dram, policy=policy, careful=True).error is Error.NONE
        for first, end in drawn.dead:
            dram[first:end] = expected[first:end]
        assert dram == expected, policy.name


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("seed", range(6))
def test_bytes_are_conserved(seed: int, policy: Policy) -> None:
    drawn = sample(configuration(seed), seed)
    result = run(drawn, bytearray(drawn.image), policy=policy)
    assert sum(result.filled.values()) == result.counters["FILLS"]
    assert sum(result.written.values()) == result.counters["WRITE_BACKS"]
    moved = Counter(R=0, W=0)
    for t in result.transactions:
        moved[t.kind] += t.beats * drawn.config.bus_bytes
    page, counters = drawn.config.page_bytes, result.counters
    assert moved == {"R": counters["FILLS"] * page, "W": counters["WRITE_BACKS"] * page, "P": len(drawn.program)}
    for kind, window in (("R", drawn.read_window), ("W", drawn.write_window)):
        assert all(window[0] <= t.address < window[1] for t in result.transactions if t.kind == kind)


@pytest.mark.parametrize("seed", range(6))
def test_times_do_not_depend_on_data(seed: int) -> None:
    drawn = sample(configuration(seed), seed)
    untouched = bytearray(drawn.image)
    assert run(drawn, untouched, compute_outputs=False) == run(drawn, bytearray(drawn.image))
    assert untouched == drawn.image


#: What programs reach under some policies only.
UNDER = {
    "drops": set(Policy) - {Policy.NONE}, "flushes": set(Policy) - {Policy.NONE}, "overdrafts": {Policy.STATIC},
    **{event: {Policy.DIRECTED} for event in ("prefetches", "refusals", "discards", "yields")},
    **{event: {Policy.EAGER} for event in ("guesses", "novelties")},
    **{event: set(Policy) - {Policy.NONE} for event in ("reserved", "sidesteps")},
}  # fmt: skip


@pytest.mark.parametrize("policy", Policy)
def test_random_programs_reach_everything(policy: Policy) -> None:
    """A twentieth of the programs at least does each of EVENTS that a policy can do, and none does what it cannot."""
    reached = Counter()
    drawn = [sample(configuration(c), seed) for c in range(8) for seed in range(10)]
    for one in drawn:
        machine = Machine(one.config, memory(one.seed))
        # What is learned in the first run is known in the second.
        counted = [coverage(run(one, bytearray(one.image), machine, policy=policy)) for _ in range(2)][1]
        reached.update(+Counter({k: int(v > 0) for k, v in counted.items()}))
    for event in EVENTS:
        possible = policy in UNDER.get(event, Policy)
        assert reached[event] >= len(drawn) / 20 if possible else not reached[event], (event, reached)


def test_a_seed_repeats_its_program() -> None:
    assert sample(configuration(3), 4) == sample(configuration(3), 4)
    assert sample(configuration(3), 4).program != sample(configuration(3), 5).program


def bind(slot: int = 0, **fields: int) -> Instruction:
    every = {"tensor_class": 2, "colour": 0, "window": 0, "pages": 4, "page": 0, "home": 1}
    return Instruction(Opcode.BIND, {"slot": slot, **every, **fields})


def operand(role: Role, **fields: int) -> Instruction:
    every = {"slot": 0, "offset": 0, "run": 8, "stride": 8, "count": 1, "next_use": 0, "pin": 0, "drop": 0}
    return Instruction(Opcode.OPERAND, {"role": role, **every, **fields})


KERNEL = Instruction(Opcode.KERNEL, {"kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "dilation_h": 1,
                                     "dilation_w": 1, "blocks": 1, "pad": 0})  # fmt: skip
BOUNDS = Instruction(Opcode.BOUNDS, {"height": 1, "width": 8, "row_stride": 8, "block_stride": 8})
COMPUTE = Instruction(Opcode.COMPUTE, {"mode": 3, "first": 1, "last": 1, "residual": 0, "table": 0, "operator": 1,
                                       "height": 1, "width": 8, "y": 0, "x": 0, "lines": 0})  # fmt: skip
OPERANDS = [operand(r) for r in (Role.INPUT, Role.CONSTANTS)] + [operand(Role.OUTPUT, offset=96)]
END = Instruction(Opcode.END, {})


def maximum(*, first: Instruction | None = None, operands: list[Instruction] = OPERANDS) -> list[Instruction]:
    """The largest lane of one word each: eight words from the start of a tensor to its last page."""
    return [first or bind(), KERNEL, BOUNDS, *operands, COMPUTE]


def refuse(
    instructions: list[Instruction], config: Config = TINY, **options: tuple[int, int] | int
) -> tuple[Error, int]:
    program = assemble(config, instructions)
    result = Machine(TINY).run(program, bytearray(4096), **{"length": len(instructions) + 1, **options})
    assert result.error is Error.NONE or result.cycles is None
    return result.error, result.error_address


def test_a_good_program_is_not_refused() -> None:
    assert refuse([*maximum(), END]) == (Error.NONE, 0)


@pytest.mark.parametrize(("instructions", "code", "index"), [
    ([Instruction(Opcode.RELEASE, {"slot": 8, "first": 0, "pages": 1}), END], Error.SLOT_NOT_BOUND, 1),
    ([Instruction(Opcode.STORE, {"slot": 3, "offset": 0, "run": 1, "stride": 0, "count": 1})], Error.SLOT_NOT_BOUND, 1),
    ([bind(window=254), END], Error.WINDOW_OUT_OF_RANGE, 1),
    (maximum(operands=[operand(r) for r in (Role.INPUT, Role.CONSTANTS)] + [operand(Role.OUTPUT, offset=125)]),
     Error.OPERAND_OUT_OF_RANGE, 7),
    (maximum(operands=[operand(r, run=7) for r in Role]), Error.BAD_SHAPE, 10),
    (maximum(first=bind(pages=64), operands=[operand(Role.INPUT, run=33 * 32), *OPERANDS[1:]]),
     Error.OPERANDS_DO_NOT_FIT, 7),
    ([bind()], Error.TRUNCATED_PROGRAM, 2),
])  # fmt: skip
def test_an_instruction_is_refused_by_its_address(instructions: list[Instruction], code: Error, index: int) -> None:
    assert refuse(instructions, address=1024) == (code, 1024 + 16 * index)


def test_a_header_is_refused() -> None:
    assert refuse([END], config=replace(TINY, load_buffers=8)) == (Error.OTHER_CONFIGURATION, 0)
    result = Machine(TINY).run(bytes(256), bytearray(256), length=2)
    assert (result.error, result.error_address) == (Error.NOT_A_PROGRAM, 0)


def test_an_unknown_opcode_is_refused() -> None:
    program = bytearray(assemble(TINY, [END, END]))
    program[16] = 13
    result = Machine(TINY).run(bytes(program), bytearray(256), length=3)
    assert (result.error, result.error_address) == (Error.ILLEGAL_OPCODE, 16)


def test_a_page_outside_its_window_is_refused() -> None:
    """Pages are read from 0 and written to 384 (home: page 3 is fetched first)."""
    store = Instruction(Opcode.STORE, {"slot": 0, "offset": 96, "run": 8, "stride": 0, "count": 1})
    instructions = [*maximum(), store, END]
    assert refuse(instructions, read_window=(0, 512), write_window=(384, 512)) == (Error.NONE, 0)
    assert refuse(instructions, read_window=(0, 511)) == (Error.READ_OUT_OF_WINDOW, 384)
    assert refuse(instructions, read_window=(1, 512)) == (Error.READ_OUT_OF_WINDOW, 0)
    assert refuse(instructions, write_window=(385, 512)) == (Error.WRITE_OUT_OF_WINDOW, 384)


def test_reading_an_absent_page_is_noticed() -> None:
    """Bounds that reach past the operand, which no compiler writes: a program must not depend on what is there."""
    beyond = Instruction(Opcode.BOUNDS, {"height": 1, "width": 64, "row_stride": 64, "block_stride": 8})
    away = Instruction(Opcode.COMPUTE, {**COMPUTE.fields, "x": 40})
    with pytest.raises(UndefinedError, match=r"^virtual page 1 must be named by an operand before it is used$"):
        refuse([bind(), KERNEL, beyond, *OPERANDS, away, END])
