"""hw.queue: order, waits, causes and cycles."""

from __future__ import annotations

import cocotb

from hw.queue import CommandQueue
from spec.isa import Queue
from spec.timing import CROSSING
from tb.bench import Bench

UNIT = CommandQueue(
    payload=16, depth=4, own=Queue.ARRAY, half_queue=Queue.POST, port_waits=(Queue.WEIGHTS, Queue.POST, Queue.TAKE)
)
NONE = [0] * len(Queue)
CAUSES = ("empty", "data", "port", "half")


def command(payload, *, data=NONE, port=NONE, half=0):
    return {"payload": payload, "data": data, "port": port, "half": half}


async def begin(dut, counts=NONE):
    bench = Bench(dut, UNIT)
    bench.set("ready", 1)
    bench.set("extra", 1)
    bench.set("counts", counts)
    await bench.reset()
    return bench


def cause(bench):
    """The causes that are high, and the payload if the head starts."""
    high = [name for name in CAUSES if bench.get(name)]
    return [*high, *([bench.get("payload")] if bench.get("start") else [])]


def taken(bench):
    """Whether a push is taken in the cycle that is read."""
    return int(bench.push.valid.value) & int(bench.push.ready.value)


def expected(entry, counts, extra):
    """What stops a head, or its payload; waits for the own queue and for port waits that do not exist are met."""
    if any(entry["data"][q] > counts[q] for q in Queue if q != Queue.ARRAY) or not extra:
        return ["data"]
    if any(entry["port"][q] > counts[q] for q in UNIT.port_waits):
        return ["port"]
    return ["half"] if entry["half"] > counts[Queue.POST] else [entry["payload"]]


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def starts_in_order_and_names_the_first_unmet_cause(dut, pace):
    bench = await begin(dut)
    some = [[bench.random.choice((0, 0, 0, bench.random.randrange(60))) for _ in Queue] for _ in range(400)]
    entries = [
        command(i, data=some[2 * i], port=some[2 * i + 1], half=bench.random.choice((0, bench.random.randrange(60))))
        for i in range(200)
    ]
    bench.push.queue.extend(entries)
    bench.push.pace = pace
    counts, started, there = list(NONE), 0, 0
    while started < len(entries):
        counts = [n + (bench.random.random() < 0.1) for n in counts]
        ready, extra = bench.random.random() < 0.7, bench.random.random() < 0.8
        bench.set("counts", counts)
        bench.set("ready", ready)
        bench.set("extra", extra)
        await bench.tick()
        if not ready:
            want = []
        elif started == there:
            want = ["empty"]
        else:
            want = expected(entries[started], counts, extra)
        got = cause(bench)
        assert got == want, f"command {started} in cycle {bench.cycle} must be {want}, not {got}; seed {bench.seed}"
        started += want == [started]
        there += taken(bench)


@cocotb.test()
async def takes_the_promised_cycles(dut):
    bench = await begin(dut)
    bench.push.queue.extend(command(i) for i in range(8))
    pushes, starts = [], []
    for cycle in range(30):
        bench.set("ready", cycle >= 20)
        await bench.tick()
        if taken(bench):
            pushes.append(cycle)
        if bench.get("start"):
            starts.append(cycle)
        if cycle == 19:
            assert len(pushes) == UNIT.depth, "a full queue takes nothing"
    assert starts == list(range(20, 28)), "a waiting command starts every cycle"
    assert pushes[UNIT.depth] - starts[0] == CROSSING, "a start makes room"
    bench.push.queue.append(command(9))
    pushed = started = None
    for cycle in range(10):
        await bench.tick()
        pushed = cycle if taken(bench) else pushed
        started = cycle if bench.get("start") else started
    assert started - pushed == CROSSING, "a push can start"


@cocotb.test()
async def compares_whole_counts(dut):
    bench = await begin(dut, counts=[(1 << 32) - 2] * len(Queue))
    for name in ("data", "port"):
        for queue in UNIT.port_waits:
            for count, meets in (((1 << 32) - 2, True), ((1 << 32) - 1, False), (1 << 31, True)):
                bench.push.queue.append(command(3, **{name: [count if q == queue else 0 for q in Queue]}))
                await bench.tick(3)
                assert cause(bench) == (["empty"] if meets else [name])
                await bench.reset()


@cocotb.test()
async def forgets_on_reset(dut):
    bench = await begin(dut)
    bench.set("ready", 0)
    bench.push.queue.extend(command(i) for i in range(3))
    await bench.tick(10)
    await bench.reset()
    bench.set("ready", 1)
    await bench.tick(2)
    assert cause(bench) == ["empty"]


def test_queue(simulate):
    simulate(UNIT)
