"""What the machine refuses, each with its code and address, and the run after it; resets amid all kinds of traffic.

After an error the next run comes without a reset, on the machine as the error left it.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sim.machine import Machine
from spec.config import CONFIGS
from spec.errors import Error
from spec.isa import HEADER, INSTRUCTION_BYTES, NEVER, PIXELWISE, Mode, Opcode, Queue, Role, Statistic
from spec.memory import PROFILES, Memory
from spec.program import Instruction, assemble
from spec.registers import Policy
from tb import agreement
from tb.machines import memory
from tb.programs import sample
from tb.regression import LARGE
from tb.system import Job, observe

TINY = CONFIGS["tiny"]
#: The same without the units for tokens.
LESS = replace(TINY, name="less", omit_tokens=1)
#: Where the program lies: tensors are below, in two pages of 4 KiB.
PROGRAM = 1 << 14
#: Beyond the memory.
FAR = 1 << 30
#: Pages of the first tensor, which everything is read from; the other takes the output, from byte 4096 on.
PAGES, OUTPUT_PAGE = 8, 32
#: The lowest bits of STATUS: busy, done, error.
BUSY, DONE, FAILED = 1, 2, 4
#: Instruction numbers in `program`, the header being 0.
BIND, KERNEL, SCALE, COMPUTE = 1, 3, 5, 13
STORED = {"slot": 1, "offset": 0, "run": 8, "stride": 0, "count": 1}
DEAD = Instruction(Opcode.RELEASE, {"slot": 63, "first": 0, "pages": 1})
OPERANDS = {role: 7 + role for role in Role}
#: Modes that look at what is known of pixels; and all that write.
MEASURED, WRITING = (Mode.MEASURE, Mode.NORMALIZE), tuple(mode for mode in Mode if mode is not Mode.MEASURE)


def operand(role, **fields):
    fields = {"slot": 1 if role is Role.OUTPUT else 0, "offset": 32 * role if role is not Role.OUTPUT else 0, "run": 8,
              "stride": 8, "count": 1, "next_use": NEVER, "pin": 0, "drop": 0, **fields}  # fmt: skip
    return Instruction(Opcode.OPERAND, {"role": role, **fields})


def program(mode=Mode.ARRAY, changes=(), config=TINY):
    """A COMPUTE of eight pixels with all operands, flushed; ``changes`` maps instruction numbers to fields."""
    tensor = {"tensor_class": 2, "colour": 0, "window": 0, "pages": PAGES, "page": 0, "home": 1}
    runs = {Role.WEIGHTS: {Mode.DEPTHWISE: 1, Mode.AVERAGE: 16}.get(mode, 4), Role.TABLE: 64}
    measuring = mode is Mode.MEASURE
    taken = {**tensor, "tensor_class": 4, "window": 16, "page": OUTPUT_PAGE, "home": 0}
    made = [
        Instruction(Opcode.BIND, {"slot": 0, **tensor}),
        Instruction(Opcode.BIND, {"slot": 1, **taken}),
        Instruction(Opcode.KERNEL, {"kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "dilation_h": 1,
                                    "dilation_w": 1, "blocks": 1, "pad": 0}),
        Instruction(Opcode.BOUNDS, {"height": 1, "width": 8, "row_stride": 8, "block_stride": 8}),
        Instruction(Opcode.SCALE, {"first_ratio": 0x3F800000, "second_ratio": 0x3F800000, "fixed": 0}),
        Instruction(Opcode.CLAMP, {"zero_a": 0, "low_a": -128, "high_a": 127, "zero_b": 0, "low_b": -128,
                                   "high_b": 127, "unsigned_a": 0, "unsigned_b": 0, "swap": 0}),
        *(operand(role, run=runs.get(role, 8)) for role in Role),
        Instruction(Opcode.COMPUTE, {"mode": mode, "first": 1, "last": int(not measuring), "residual": 1, "table": 1,
                                     "operator": 1, "height": 1, "width": 8, "y": 0, "x": 0, "lines": 0,
                                     "statistic": Statistic.MOMENTS, "closing": int(measuring)}),
        Instruction(Opcode.STORE, STORED),
        Instruction(Opcode.END, {}),
    ]  # fmt: skip
    for number, fields in dict(changes).items():
        old = made[number - 1]
        made[number - 1] = Instruction(old.opcode, {**old.fields, **fields})
    return assemble(config, made), len(made) + 1


def job(code, length, **changes):
    """The job that runs a program over random tensors, without a reset before it."""
    image = random.Random(1).randbytes(PROGRAM) + code
    settings = {"program_address": PROGRAM, "program_length": length, "read_window": (0, PROGRAM),
                "write_window": (0, PROGRAM), "dump_bytes": len(image), "reset": False, "limit": 100_000}  # fmt: skip
    return Job(image=image, **{**settings, **changes})


def patched(number, word):
    """A program with an instruction replaced by a 128-bit word."""
    code, length = program()
    code = bytearray(code)
    code[number * INSTRUCTION_BYTES : (number + 1) * INSTRUCTION_BYTES] = word.to_bytes(INSTRUCTION_BYTES, "little")
    return job(bytes(code), length)


def header(**fields):
    return patched(0, HEADER.encode(**{**HEADER.decode(int.from_bytes(program()[0][:16], "little")), **fields}))


def changed(changes, mode=Mode.ARRAY, **settings):
    return job(*program(mode, changes), **settings)


def shape(mode, number, **fields):
    return (f"{mode.name}: {number} {fields}", changed({number: fields}, mode), Error.BAD_SHAPE, COMPUTE)


#: Each with the code, and the number of the instruction that is named.
REFUSED = [
    ("magic", header(magic=1), Error.NOT_A_PROGRAM, 0),
    ("version", header(version=2), Error.NOT_A_PROGRAM, 0),
    ("configuration", header(configuration=TINY.hash ^ 1 << 63), Error.OTHER_CONFIGURATION, 0),
    *((f"opcode {code}", patched(5, code), Error.ILLEGAL_OPCODE, 5) for code in (0, 13, 15)),
    ("role", changed({OPERANDS[Role.INPUT]: {"role": 6}}), Error.ILLEGAL_OPCODE, OPERANDS[Role.INPUT]),
    ("no END", job(program()[0], COMPUTE + 1), Error.TRUNCATED_PROGRAM, COMPUTE + 1),
    ("nothing", job(program()[0], 0), Error.TRUNCATED_PROGRAM, 0),
    ("BIND of no slot", changed({BIND: {"slot": TINY.slots}}), Error.SLOT_NOT_BOUND, BIND),
    ("RELEASE of no slot", patched(5, DEAD.encode()), Error.SLOT_NOT_BOUND, 5),
    *((f"{opcode.name} of no slot", patched(5, Instruction(opcode, {**STORED, "slot": 63}).encode()),
       Error.SLOT_NOT_BOUND, 5) for opcode in (Opcode.PREFETCH, Opcode.EVICT)),
    ("STORE of no slot", changed({COMPUTE + 1: {"slot": 63}}), Error.SLOT_NOT_BOUND, COMPUTE + 1),
    ("STORE, not bound", changed({COMPUTE + 1: {"slot": 2}}), Error.SLOT_NOT_BOUND, COMPUTE + 1),
    *((f"{role.name}, not bound", changed({OPERANDS[role]: {"slot": 2}}), Error.SLOT_NOT_BOUND, COMPUTE)
      for role in Role),
    *((f"{role.name}, no slot", changed({OPERANDS[role]: {"slot": 8}}), Error.SLOT_NOT_BOUND, COMPUTE)
      for role in Role),
    ("window", changed({BIND: {"window": 249}}), Error.WINDOW_OUT_OF_RANGE, BIND),
    ("pages", changed({BIND: {"pages": 257}}), Error.WINDOW_OUT_OF_RANGE, BIND),
    ("window far out", changed({BIND: {"window": (1 << 18) - 1, "pages": 1}}), Error.WINDOW_OUT_OF_RANGE, BIND),
    *((f"{role.name} beyond", changed({OPERANDS[role]: {"offset": 8 * 32 - 1 if role is not Role.WEIGHTS else 253}}),
       Error.OPERAND_OUT_OF_RANGE, COMPUTE) for role in Role),
    ("far beyond", changed({OPERANDS[Role.INPUT]: {"offset": (1 << 24) - 1}}), Error.OPERAND_OUT_OF_RANGE, COMPUTE),
    ("STORE beyond", changed({COMPUTE + 1: {"offset": 256}}), Error.OPERAND_OUT_OF_RANGE, COMPUTE + 1),
    ("too large", changed({BIND: {"pages": 33, "window": 32}, OPERANDS[Role.INPUT]: {"run": 33 * 32}}),
     Error.OPERANDS_DO_NOT_FIT, COMPUTE),
    ("one page too large", changed({
        BIND: {"pages": 29, "window": 32}, OPERANDS[Role.INPUT]: {"run": 29 * 32}, COMPUTE: {"height": 4},
        OPERANDS[Role.RESIDUAL]: {"count": 4}, OPERANDS[Role.OUTPUT]: {"count": 4, "stride": 32},
    }), Error.OPERANDS_DO_NOT_FIT, COMPUTE),
    *(shape(Mode.ARRAY, COMPUTE, **{axis: 0}) for axis in ("height", "width")),
    *(shape(mode, KERNEL, **{part: 0}) for part in ("kernel_h", "kernel_w", "blocks") for mode in Mode),
    *(shape(Mode.ARRAY, OPERANDS[role], **{part: 0}) for role in Role for part in ("run", "count")),
    ("more pixels than sums", changed({COMPUTE: {"height": 9}, OPERANDS[Role.OUTPUT]: {"count": 9},
                                       OPERANDS[Role.RESIDUAL]: {"count": 9}}), Error.BAD_SHAPE, COMPUTE),
    shape(Mode.ARRAY, OPERANDS[Role.WEIGHTS], run=6),
    shape(Mode.ARRAY, OPERANDS[Role.WEIGHTS], run=6, count=2),
    *(shape(mode, COMPUTE, last=int(mode is Mode.MEASURE)) for mode in Mode if mode is not Mode.ARRAY),
    *(shape(mode, KERNEL, blocks=2) for mode in Mode if mode is not Mode.ARRAY),
    shape(Mode.DEPTHWISE, OPERANDS[Role.WEIGHTS], run=2),
    shape(Mode.DEPTHWISE, OPERANDS[Role.WEIGHTS], count=2),
    *(shape(Mode.AVERAGE, OPERANDS[Role.WEIGHTS], **fields) for fields in ({"run": 24}, {"run": 272}, {"count": 2})),
    *(shape(mode, COMPUTE, lines=1) for mode in (Mode.ARRAY, Mode.AVERAGE, *PIXELWISE)),
    *(shape(mode, KERNEL, **{part: 2}) for mode in PIXELWISE for part in ("kernel_h", "kernel_w")),
    shape(Mode.MULTIPLY, COMPUTE, residual=0),
    *(shape(mode, COMPUTE, statistic=kind) for mode in MEASURED for kind in (Statistic.LARGEST, 3)),
    *((f"{mode.name} of more pixels than there are places", changed({
        COMPUTE: {"height": 9}, OPERANDS[Role.OUTPUT]: {"count": 9}, OPERANDS[Role.RESIDUAL]: {"count": 9},
    }, mode), Error.BAD_SHAPE, COMPUTE) for mode in MEASURED),
    *(shape(mode, OPERANDS[Role.WEIGHTS], **fields) for mode in MEASURED for fields in ({"run": 5}, {"count": 2})),
    *((f"{mode.name} of {run} words of exponentials", changed({
        COMPUTE: {"statistic": Statistic.EXPONENTIALS, "closing": 0},
        OPERANDS[Role.WEIGHTS]: {"run": run, "count": count},
    }, mode), Error.BAD_SHAPE, COMPUTE) for mode in MEASURED for run, count in ((127, 1), (4, 1), (128, 2))),
    ("more taps than there are", changed({KERNEL: {"kernel_h": 255}, OPERANDS[Role.WEIGHTS]: {"run": 255}},
                                         Mode.DEPTHWISE), Error.BAD_SHAPE, COMPUTE),
    # Where several apply: slots before shapes, shapes before ranges, ranges before room.
    ("slot and shape", changed({OPERANDS[Role.OUTPUT]: {"slot": 2, "run": 7}}), Error.SLOT_NOT_BOUND, COMPUTE),
    ("shape and range", changed({OPERANDS[Role.OUTPUT]: {"offset": 999, "run": 7}}), Error.BAD_SHAPE, COMPUTE),
    ("range and room", changed({BIND: {"pages": 32, "window": 32}, OPERANDS[Role.INPUT]: {"run": 40 * 32}}),
     Error.OPERAND_OUT_OF_RANGE, COMPUTE),
    ("room, and range of another", changed({BIND: {"pages": 33, "window": 32}, OPERANDS[Role.INPUT]: {"run": 33 * 32},
                                            OPERANDS[Role.OUTPUT]: {"offset": 8 * 32 - 1}}),
     Error.OPERAND_OUT_OF_RANGE, COMPUTE),
    *(shape(mode, OPERANDS[Role.TABLE], **fields) for mode in WRITING for fields in ({"run": 63}, {"count": 2})),
    *(shape(mode, OPERANDS[Role.CONSTANTS], **fields) for mode in WRITING for fields in ({"run": 7}, {"count": 2})),
    *(shape(mode, OPERANDS[role], **fields) for mode in WRITING for role in (Role.RESIDUAL, Role.OUTPUT)
      for fields in ({"run": 7}, {"count": 2})),
]  # fmt: skip


def follow(jobs, seed, config=TINY):
    """Run each job and a good one after it; the first of each pair, the good ones compared in everything."""
    good = [replace(agreement.job(sample(config, seed + i), memory(seed + i)), reset=False) for i in range(len(jobs))]
    good = [replace(after, reset=before.reset_after > 0) for before, after in zip(jobs, good, strict=True)]
    seen, _ = observe(config, [one for pair in zip(jobs, good, strict=True) for one in pair], memory_bytes=LARGE)
    for i, (after, shown) in enumerate(zip(good, seen[1::2], strict=True)):
        run, dram = agreement.expected(config, after)
        found = agreement.difference(run, dram, shown)
        assert found is None, f"the run after job {i}: {found}"
        assert shown.registers["STATUS"] & (BUSY | DONE | FAILED) == DONE
    return seen[::2]


#: Odd, and allowed: a range of nothing, sums beyond what a float32 holds, windows that lie far apart, operands that
#: nobody names again.
ALLOWED = (
    ({KERNEL: {"stride_h": 15, "stride_w": 15, "dilation_h": 31, "dilation_w": 31}}, Policy.NONE),
    ({COMPUTE + 1: {"count": 0}}, Policy.NONE),
    ({OPERANDS[Role.WEIGHTS]: {"count": 2}, COMPUTE: {"turned": 1}}, Policy.NONE),
    ({KERNEL: {"zero": -128, "other_zero": 127}}, Policy.NONE),
    *(({SCALE: {ratio: 0x7F7FFFFF}}, Policy.NONE) for ratio in ("first_ratio", "second_ratio")),
    ({number: {"drop": 1} for number in OPERANDS.values()}, Policy.DIRECTED),
)


def test_good_programs_are_not_refused():
    """What the others are changed from, and odd ones; stored, so that the output can be compared."""
    jobs = [*(job(*program(mode)) for mode in Mode), *(changed(changes, policy=policy) for changes, policy in ALLOWED)]
    seen, _ = observe(TINY, jobs, memory_bytes=LARGE)
    # What one measures the next normalizes by.
    machine = Machine(TINY)
    for one, shown in zip(jobs, seen, strict=True):
        run, dram = agreement.expected(TINY, one, machine=machine)
        assert run.error is Error.NONE
        # The rest of the output's page is what its frame held.
        end = OUTPUT_PAGE * TINY.page_bytes + 8 * TINY.rows
        assert agreement.difference(run, dram[:end], replace(shown, dram=shown.dram[:end])) is None


def refuse(cases, seed, config=TINY):
    """Each case is refused by model and RTL alike, as it says; and the run after it works."""
    seen = follow([one for _, one, *_ in cases], seed, config)
    for (name, one, code, number), shown in zip(cases, seen, strict=True):
        address = PROGRAM + number * INSTRUCTION_BYTES
        run, _ = agreement.expected(config, one)
        assert (run.error, run.error_address) == (code, address), name
        assert shown.finished, name
        assert (shown.error, shown.registers["ERROR_ADDRESS"]) == (code, address), name
        assert shown.registers["STATUS"] & (BUSY | DONE | FAILED) == DONE | FAILED, name


def test_what_is_refused_is_named_and_the_next_run_works(seed):
    refuse(REFUSED, seed)


def test_what_a_machine_leaves_out_is_refused(seed):
    """Good on the machine that has it; a slot that is not bound comes before, all other modes run."""
    one = {mode: job(*program(mode, config=LESS)) for mode in Mode}
    unbound = job(*program(Mode.NORMALIZE, {OPERANDS[Role.WEIGHTS]: {"slot": 2}}, LESS))
    refuse([
        *((mode.name, one[mode], Error.BAD_SHAPE, COMPUTE) for mode in PIXELWISE),
        ("no slot either", unbound, Error.SLOT_NOT_BOUND, COMPUTE),
    ], seed, LESS)  # fmt: skip
    others = [good for mode, good in one.items() if mode not in PIXELWISE]
    for shown in observe(LESS, others, memory_bytes=LARGE)[0]:
        assert shown.registers["STATUS"] & (BUSY | DONE | FAILED) == DONE
    assert {agreement.expected(LESS, good)[0].error for good in others} == {Error.NONE}


def test_the_memory_refuses_and_the_next_run_works(seed):
    """Pages outside their windows, which the model refuses too, and bursts that the memory answers with an error."""
    code, length = program()
    out = OUTPUT_PAGE * TINY.page_bytes
    jobs = {
        "read below": (job(code, length, read_window=(1, PROGRAM)), Error.READ_OUT_OF_WINDOW, 0),
        "read above": (job(code, length, read_window=(0, 2 * 128)), Error.READ_OUT_OF_WINDOW, 2 * 128),
        "write below": (job(code, length, write_window=(out + 1, PROGRAM)), Error.WRITE_OUT_OF_WINDOW, out),
        "write above": (job(code, length, write_window=(0, out + 127)), Error.WRITE_OUT_OF_WINDOW, out),
        "read": (job(code, length, error_page=0), Error.READ_FAILED, 0),
        "write": (job(code, length, error_page=out >> 12), Error.WRITE_FAILED, out),
        "fetch": (job(code, length, error_page=PROGRAM >> 12), Error.FETCH_FAILED, PROGRAM),
        "read of nothing": (job(code, length, data_base=FAR, read_window=(FAR, 2 * FAR)), Error.READ_FAILED, FAR),
        "fetch of nothing": (job(code, length, program_address=FAR), Error.FETCH_FAILED, FAR),
        "write to nothing": (
            changed({BIND + 1: {"page": FAR // 128}}, write_window=(FAR, 2 * FAR)), Error.WRITE_FAILED, FAR,
        ),
    }  # fmt: skip
    for (name, (one, error, address)), shown in zip(
        jobs.items(), follow([one for one, *_ in jobs.values()], seed), strict=True
    ):
        if error in {Error.READ_OUT_OF_WINDOW, Error.WRITE_OUT_OF_WINDOW}:
            run, _ = agreement.expected(TINY, one)
            assert (run.error, run.error_address) == (error, address), name
        assert shown.finished, name
        assert (shown.error, shown.registers["ERROR_ADDRESS"]) == (error, address), name
        assert shown.registers["STATUS"] & (BUSY | DONE | FAILED) == DONE | FAILED, name
        # What is refused is not issued; what failed was.
        refused = {"READ_OUT_OF_WINDOW": "R", "WRITE_OUT_OF_WINDOW": "W"}.get(error.name)
        assert not any(t.kind == refused and t.address == address for t in shown.transactions), name


@pytest.mark.parametrize("profile", PROFILES)
def test_a_reset_leaves_nothing_behind(profile, seed):
    """In every kind of traffic: programs whose reads, writes and fetches are under way, some of them stalled."""
    rng = random.Random(f"resets {seed} {profile}")
    jobs = []
    for i in range(12):
        one = agreement.job(sample(TINY, seed + 500 + i), memory(seed + i, profile))
        run, _ = agreement.expected(TINY, one)
        jobs.append(replace(one, reset_after=rng.randint(1, run.cycles), stall_seed=rng.choice((None, i + 1))))
    for shown in follow(jobs, seed):
        assert not shown.finished


def test_the_watchdog_names_who_waits_and_a_reset_helps(seed):
    """A memory that is slower than the watchdog: for the program, for reads, for writes."""
    code, length = program()
    slow = {"t_rcd": 1023, "read_latency": 1, "profile": "ddr4", "t_rfc": 1, "t_refi": 65535}
    cases = [
        (Memory(read_latency=1023), len(Queue) - 1),
        (Memory(**slow), Queue.READ),
        (Memory(write_latency=1023), Queue.WRITE),
    ]
    jobs = [job(code, length, memory=one, watchdog=400, reset=True) for one, _ in cases]
    good = agreement.job(sample(TINY, seed), memory(seed))
    seen, _ = observe(TINY, [one for bad in jobs for one in (bad, good)], memory_bytes=LARGE)
    run, dram = agreement.expected(TINY, good)
    for (_, queue), shown, after in zip(cases, seen[::2], seen[1::2], strict=True):
        assert (shown.finished, shown.error) == (True, Error.WATCHDOG)
        assert shown.registers["ERROR_ADDRESS"] == queue
        assert shown.registers["STATUS"] & (DONE | FAILED) == DONE | FAILED
        assert agreement.difference(run, dram, after) is None
