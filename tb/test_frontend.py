"""hw.frontend against sim.frontend: every command, its waits, and the cycle of its push."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import cocotb
import pytest
from amaranth.lib import data
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

from hw.commands import Commands
from hw.frontend import COUNTERS, FrontEnd
from sim.errors import MachineError
from sim.frontend import FrontEnd as Model
from sim.history import History
from sim.steps import Push, Spend, Stall, Take
from spec.config import Config
from spec.errors import Error
from spec.isa import BOUNDS, CLAMP, INSTRUCTION_BYTES, KERNEL, SCALE, Mode, Queue
from spec.registers import Policy
from spec.timing import CROSSING
from tb.fakes import Surroundings
from tb.instructions import REFUSED, Author

if TYPE_CHECKING:
    from tb.fakes import Run

SMALL = {"rows": 4, "cols": 4, "page_bytes": 64, "accumulator_rows": 128, "bus_bytes": 4, "slots": 8,
         "virtual_pages": 64}  # fmt: skip
#: Few frames, so that every program evicts; and so few that a COMPUTE often names all of them.
CONFIGS = {
    c.name: c
    for c in (
        Config(name="crowded", banks=4, bank_bytes=256, **SMALL),
        Config(name="cramped", banks=2, bank_bytes=256, load_buffers=2, store_buffers=2, queue_depth=2,
               page_queue_depth=2, **SMALL),
        Config(name="wide", banks=8, bank_bytes=512, rows=8, cols=8, page_bytes=256, accumulator_rows=64, bus_bytes=8,
               slots=32, virtual_pages=128, window_taps=9),
        Config(name="without_tokens", banks=4, bank_bytes=256, omit_tokens=1, **SMALL),
    )
}  # fmt: skip
#: Events that a few programs need not bring; tb/test_random.py counts them.
RARE = ("yields", "overdrafts")
CONFIG = CONFIGS[os.environ.get("FRONTEND", "crowded")]


def plain(value: Any) -> Any:
    """A constant of a layout as dictionaries, lists and integers."""
    if not isinstance(value, data.Const):
        return value
    shape = value.shape()
    if isinstance(shape, data.StructLayout):
        return {name: plain(value[name]) for name in shape.members}
    return [plain(value[i]) for i in range(shape.length)]


def work(queue: Queue, w: dict[str, int]) -> dict[str, Any]:
    """The payload of the model's command; None where its engine does not look."""
    mask = (1 << Commands(CONFIG).address_width) - 1
    if queue in (Queue.READ, Queue.WRITE):
        return {"address": w["address"]}
    if queue in (Queue.PLACE, Queue.TAKE):
        return {"frame": w["frame"]}
    if queue is Queue.WEIGHTS:
        tiles = {"base": w["base"] & mask, **{n: w[n] for n in ("run", "stride", "count")}}
        return {"range": tiles, "zero": w["other_zero"], "turned": w["turned"], "serial": w["serial"]}
    names = [f.name for word in (KERNEL, BOUNDS) for f in word.fields if f.name != "opcode"]
    window = {n: w[n] for n in ("base", *names, "out_height", "out_width", "y", "x")}
    if queue is Queue.ARRAY:
        return {"window": window, "half": w["half"], "first": w["first"], "serial": w["serial"]}
    run = {"run": w["out_width"], "count": w["out_height"]}
    written = w["mode"] != Mode.MEASURE
    return {
        **{name: w[name] for name in ("mode", "first", "closing", "statistic", "half", "residual")},
        "constants": w["constants"] if written else None,
        "lookup": int(w["table_words"] > 0), "table": w["table"] if w["table_words"] else None,
        "lines": w["lines"],
        "region": {"height": w["region_height"], "width": w["region_width"]} if w["lines"] else None,
        "weights": w["weights"] if w["tap_words"] else None,
        "taps": w["tap_words"], "window": window,
        "addend": {**run, "base": w["addend"], "stride": w["addend_stride"]} if w["residual"] else None,
        "output": {**run, "base": w["output"], "stride": w["output_stride"]} if written else None,
        "scale": {f.name: w[f.name] for f in SCALE.fields if f.name != "opcode"},
        "clamp": {f.name: w[f.name] for f in CLAMP.fields if f.name != "opcode"},
    }  # fmt: skip


def differences(expected: Any, got: Any) -> dict[str, Any]:
    """Fields of ``got`` that are not as expected."""
    return {
        name: (value, got[name]) for name, value in expected.items() if value is not None and not same(value, got[name])
    }


def same(expected: Any, got: Any) -> bool:
    """Whether a field agrees; order of names is free."""
    return expected == got if not isinstance(expected, dict) else not differences(expected, got)


def compare(model: Model, run: Run, where: str) -> int:
    """Compare every push with the model's, its cycle too; returns the first cycle after the model's last step."""
    pushes = iter(run.pushes)
    depths = {q: CONFIG.queue_depth if q in (Queue.WEIGHTS, Queue.ARRAY, Queue.POST) else CONFIG.page_queue_depth
              for q in Queue}  # fmt: skip
    cycle = 1
    for step in model.steps.steps:
        if isinstance(step, Take):
            cycle = max(cycle, run.arrivals[step.instruction])
            taken = run.takes[step.instruction]
            assert taken == cycle, f"{step} must be taken in cycle {cycle}, not {taken}; {where}"
            cycle += 1
        elif isinstance(step, Spend):
            cycle += step.cycles
        elif isinstance(step, Stall):
            cycle = max([cycle, *(run.finishes[q][n - 1] + CROSSING for q, n in step.waits.items() if n)]) + 1
        elif isinstance(step, Push):
            want = step.command
            got = next(pushes, None)
            assert got is not None, f"{want} must be pushed in cycle {cycle}; {where}"
            before = want.index - depths[want.queue]
            if before >= 0:
                cycle = max(cycle, run.starts[want.queue][before] + CROSSING)
            seen = plain(got.command)
            expected = {
                "queue": want.queue,
                "cycle": cycle,
                "payload": work(want.queue, want.work),
                "data": [want.data.get(q, 0) for q in Queue],
                "port": [want.port.get(q, 0) for q in Queue],
                "half": want.half,
            }
            wrong = differences(expected, {**seen, "queue": got.queue, "cycle": got.cycle})
            assert not wrong, f"{want.queue.name} {want.index} must have (not) {wrong}; {where}"
            cycle += 1
    extra = next(pushes, None)
    assert extra is None, f"{extra} must not be pushed; {where}"
    return cycle


def check(dut: Any, program: bytes, run: Run, where: str, **model_arguments: Any) -> Model:
    """Compare a run with the model: pushes, page tables, refusal or cycles, counters."""
    address = model_arguments.pop("address", 0)
    length = model_arguments.pop("length", len(program) // INSTRUCTION_BYTES)
    model = Model(CONFIG, **model_arguments)
    refused = None
    try:
        model.run(program, address, length)
    except MachineError as error:
        refused = (error.code, error.address)
    cycle = compare(model, run, where)
    assert run.fault == refused, f"refused must be {refused}, not {run.fault}; {where}"
    if refused is None:
        assert run.cycles == cycle, f"cycles must be {cycle}, not {run.cycles}; {where}"
    mapped = dict(run.maps)
    for page, frame in enumerate(model.allocator.table):
        assert frame in (-1, mapped.get(page)), f"page {page} must be mapped to {frame}, not {mapped}; {where}"
    for queue in Queue:
        assert all(f < run.cycles for f in run.finishes[queue] if queue is not Queue.SUMS), f"{queue.name}; {where}"
    allocator = model.allocator
    counters = {
        "computes": allocator.now, "evictions": allocator.evictions, "write_backs": allocator.transfers.written.total(),
        "fills": allocator.transfers.filled.total(), "serials": model.dispatch.serials, "yields": allocator.yields,
        "overdrafts": allocator.overdrafts,
    }  # fmt: skip
    got = {name: int(getattr(dut, name).value) for name in COUNTERS}
    assert got == counters, f"counters must be {counters}, not {got}; {where}"
    return model


async def begin(dut: Any, rng: random.Random, *, slow: int = 30, late: int = 0) -> Surroundings:
    """A clock, surroundings, a reset."""
    Clock(dut.clk, 10, "ns").start()
    around = Surroundings(dut, CONFIG, rng, slow=slow, late=late)
    await reset(dut)
    await around.ready()
    return around


async def reset(dut: Any) -> None:
    """Two cycles."""
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0


def seeded() -> random.Random:
    return random.Random(cocotb.RANDOM_SEED)


@cocotb.test()
@cocotb.parametrize(pace=[(0, 0), (30, 3), (150, 0), (3, 40)])
async def agrees_with_the_model(dut: Any, pace: tuple[int, int]) -> None:
    rng = seeded()
    around = await begin(dut, rng, slow=pace[0], late=pace[1])
    seen = dict.fromkeys(COUNTERS, 0)
    history = History()
    # What `eager` learns of a program in one run it knows in the next.
    for number, policy in enumerate([*Policy, Policy.EAGER]):
        if policy is not Policy.EAGER or number < len(Policy):
            program = Author(CONFIG, rng).program(20)
        address, base = rng.getrandbits(20) << 8, rng.getrandbits(32) & -CONFIG.page_bytes
        run = await around.run(program, policy=policy, address=address, data_base=base)
        where = f"program {number} under {policy.name.lower()}, seed {os.environ['COCOTB_RANDOM_SEED']}"
        check(dut, program, run, where, address=address, data_base=base, policy=policy, history=history)
        for name in COUNTERS:
            seen[name] += int(getattr(dut, name).value)
        await around.ready()
    assert all(seen[name] for name in COUNTERS if name not in RARE), f"programs must bring every event, not only {seen}"


@cocotb.test()
@cocotb.parametrize(error=[e.name for e in REFUSED])
async def refuses_with_code_and_address_and_runs_again(dut: Any, error: str) -> None:
    rng = seeded()
    around = await begin(dut, rng)
    for number in range(2):
        author = Author(CONFIG, rng)
        for program, code in ((author.refused(Error[error], 4), Error[error]), (Author(CONFIG, rng).program(4), None)):
            length = len(author.lines) + 1 if code is Error.TRUNCATED_PROGRAM else len(program) // INSTRUCTION_BYTES
            run = await around.run(program, address=0x1000, length=length)
            check(dut, program, run, f"{error}, program {number}", address=0x1000, length=length)
            assert (run.fault and run.fault.code) == code
            await around.ready()


@cocotb.test()
async def refuses_every_bad_shape(dut: Any) -> None:
    rng = seeded()
    around = await begin(dut, rng)
    refused = 0
    for _ in range(60):
        author = Author(CONFIG, rng)
        author.program(1)
        author.lines.pop()
        line = author.spoil()
        if line is None:
            continue
        program = author.bytes()
        run = await around.run(program)
        check(dut, program, run, line)
        refused += run.fault is not None and run.fault.code == Error.BAD_SHAPE
        await around.ready()
    assert refused > 20, f"only {refused} were refused"


@cocotb.test()
async def forgets_everything_on_reset_and_between_runs(dut: Any) -> None:
    rng = seeded()
    around = await begin(dut, rng, slow=0)
    program = Author(CONFIG, rng).program(12)
    first = await around.run(program)
    check(dut, program, first, "first")
    await around.ready()
    again = await around.run(program)
    assert again.pushes == first.pushes
    assert again.cycles == first.cycles
    for cut in [rng.randrange(first.cycles) for _ in range(8)]:
        await around.ready()
        await around.run(program, cut=cut)
        await reset(dut)
        await around.ready()
        again = await around.run(program)
        assert again.pushes == first.pushes, f"after a reset in cycle {cut}"
        assert again.cycles == first.cycles, f"after a reset in cycle {cut}"


@cocotb.test()
async def stops_when_aborted(dut: Any) -> None:
    rng = seeded()
    around = await begin(dut, rng, slow=60)
    program = Author(CONFIG, rng).program(12)
    whole = await around.run(program)
    for _ in range(8):
        await around.ready()
        cycle = rng.randrange(1, whole.cycles)
        run = await around.run(program, abort=cycle)
        assert run.fault is None
        assert all(take < cycle for take in run.takes)
        for queue in Queue:
            count = sum(push.queue == queue for push in run.pushes)
            assert queue is Queue.SUMS or count == len(run.finishes[queue])
            assert queue is Queue.SUMS or all(finish < run.cycles for finish in run.finishes[queue])
    await around.ready()
    check(dut, program, await around.run(program), "after aborts")


@pytest.mark.parametrize("name", CONFIGS)
def test_frontend(simulate, name):
    simulate(FrontEnd(config=CONFIGS[name]), environment={"FRONTEND": name})
