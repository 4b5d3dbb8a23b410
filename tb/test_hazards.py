"""hw.hazards against sim.hazards: what the next reader, writer or user of a port waits for."""

from __future__ import annotations

import cocotb

from hw.hazards import Hazards
from sim.hazards import Hazards as Model
from spec.config import CONFIGS
from spec.isa import Queue
from tb.bench import Bench

CONFIG = CONFIGS["tiny"]
UNIT = Hazards(config=CONFIG)
READERS = (Queue.WEIGHTS, Queue.ARRAY, Queue.POST, Queue.TAKE)
WRITERS = (Queue.PLACE, Queue.POST)
NONE = {"valid": 0, "index": 0}


async def begin(dut):
    bench = Bench(dut, UNIT)
    bench.set("request", {})
    bench.set("wipe", NONE)
    await bench.reset()
    return bench


async def wipe(bench):
    for index in range(CONFIG.frames):
        bench.set("wipe", {"valid": 1, "index": index})
        await bench.tick()
    bench.set("wipe", NONE)


def expected(model, frame, bank):
    """The model's waits as lists of counts."""
    waits = {"before_reading": {}, "before_writing": {}, "before_read_port": {}, "before_write_port": {}}
    model.before_reading(frame, waits["before_reading"])
    model.before_writing(frame, waits["before_writing"])
    model.before_port("read", bank, waits["before_read_port"])
    model.before_port("write", bank, waits["before_write_port"])
    return {name: [counts.get(q, 0) for q in Queue] for name, counts in waits.items()}


async def step(bench, model, counts, number):
    """Look a frame and a bank up, compare, note some users; counts only rise."""
    frame, bank = bench.random.randrange(CONFIG.frames), bench.random.randrange(CONFIG.banks)
    bench.set("request", {"look": 1, "frame": frame, "look_bank": 1, "bank": bank})
    await bench.tick()
    bench.set("request", {})
    # What was looked up stands.
    await bench.tick(bench.random.randint(1, 3))
    want = expected(model, frame, bank)
    for name, waits in want.items():
        got = [bench.get(name)[q] for q in Queue]
        assert got == waits, f"{name} of frame {frame}, bank {bank} in step {number}: {waits}, not {got}"
    reader, writer = bench.random.choice(READERS), bench.random.choice(WRITERS)
    for queue in {reader, writer}:
        counts[queue] += bench.random.choice((1, 1, 1000, 1 << 20))
    events = {name: bench.random.randrange(2) for name in ("takes_read", "takes_write")}
    events |= bench.random.choice(({"reads": 1}, {"reads": 1}, {"writes": 1}, {}))
    users = {name: {"queue": q, "count": counts[q]} for name, q in (("reader", reader), ("writer", writer))}
    bench.set("request", {**events, **users})
    await bench.tick()
    bench.set("request", {})
    if events.get("reads"):
        model.reads(frame, reader, counts[reader])
    if events.get("writes"):
        model.writes(frame, writer, counts[writer])
    if events["takes_read"]:
        model.takes_port("read", bank, reader, counts[reader])
    if events["takes_write"]:
        model.takes_port("write", bank, writer, counts[writer])


@cocotb.test()
async def agrees_with_the_model_and_forgets_when_wiped(dut):
    bench = await begin(dut)
    for _ in range(3):
        await wipe(bench)
        model, counts = Model(CONFIG), dict.fromkeys(Queue, 0)
        for number in range(600):
            await step(bench, model, counts, number)


@cocotb.test()
async def notes_and_looks_up_in_one_cycle(dut):
    bench = await begin(dut)
    await wipe(bench)
    bench.set("request", {"look": 1, "frame": 3, "look_bank": 1, "bank": 0})
    await bench.tick()
    user = {"queue": Queue.POST, "count": 9}
    notes = {"writes": 1, "writer": user, "takes_read": 1, "reader": user, "takes_write": 1}
    bench.set("request", {"look": 1, "frame": 4, "look_bank": 1, "bank": 1, **notes})
    await bench.tick()
    bench.set("request", {"look": 1, "frame": 3, "look_bank": 1, "bank": 0})
    await bench.tick()
    assert not any(bench.get("before_reading")[q] for q in Queue), "frame 4 has no writer"
    bench.set("request", {})
    await bench.tick()
    for name in ("before_reading", "before_writing", "before_read_port", "before_write_port"):
        assert bench.get(name)[Queue.POST] == user["count"]


def test_hazards(simulate):
    simulate(UNIT)
