"""hw.array_engine with hw.weights, their queues and a memory: sums against sim, cycles against spec.timing."""

from __future__ import annotations

import os
from dataclasses import dataclass

import cocotb
import numpy as np
import pytest

from hw.commands import Commands
from sim.array import array_sums
from sim.stream import window_addresses
from sim.weights import tile_addresses, tiles
from spec.isa import Queue
from spec.timing import CROSSING, READ_LATENCY, WEIGHTS_ISSUE, array_issue, array_time, sums_latency, weights_load
from tb.bench import Bench
from tb.passes import MARKS, SIZES, System, content, machine

NONE = [0] * len(Queue)


@dataclass
class Job:
    """A WEIGHTS command and its ARRAY command."""

    range: dict
    zero: int
    turned: bool
    window: dict
    half: int
    first: bool
    last: bool
    serial: bool
    wait: int

    @property
    def passes(self):
        """Tiles of weights, each for one pass."""
        return self.window["kernel_h"] * self.window["kernel_w"] * self.window["blocks"]

    @property
    def pixels(self):
        """Rows of sums."""
        return self.window["out_height"] * self.window["out_width"]

    def tiled(self, driver):
        """With as many tiles as there are passes, anywhere in memory, in runs of equal length."""
        counts = [count for count in range(1, self.passes + 1) if self.passes % count == 0]
        count, base = driver.random.choice((1, *counts)), driver.random.randrange(1 << driver.width)
        run = self.passes // count * driver.config.rows
        self.range = {"base": base, "run": run, "stride": driver.random.choice((0, run, run + 1, 1000)), "count": count}
        return self


class Driver:
    """Jobs in; starts, finishes and swaps out, in cycles; sums drained as soon as they are complete."""

    def __init__(self, dut, pace):
        self.config = machine(int(os.environ["SIZE"]))
        self.bench, self.dut = Bench(dut, System(self.config), pace=pace), dut
        self.random, self.cycle = self.bench.random, 0
        self.memory = np.array(content(self.config), np.uint8).view(np.int8)
        self.width = Commands(self.config).address_width
        dut.drained.value = dut.drain__valid.value = 0

    def job(self, previous, groups):
        """A random job; groups counts those that have been completed."""
        pick, c = self.random.randint, self.config
        window = {
            "base": self.random.randrange(1 << self.width), "pad": pick(-128, 127), "zero": self.zero(),
            "kernel_h": pick(1, 3), "kernel_w": pick(1, 3), "blocks": pick(1, 3),
            **{name: pick(1, 3) for name in ("stride_h", "stride_w", "dilation_h", "dilation_w")},
            "height": pick(1, 9), "width": pick(1, 9), "row_stride": pick(0, 30), "block_stride": pick(0, 300),
            "y": pick(-3, 3), "x": pick(-3, 3),
        }  # fmt: skip
        first = previous is None or previous.last
        if first:
            shape = self.random.choice(((1, 1), (1, pick(1, 5)), (pick(1, 7), pick(1, 7)), (8, c.half_rows // 8)))
        else:
            shape = previous.window["out_height"], previous.window["out_width"]
        window["out_height"], window["out_width"] = shape
        half, last = groups % 2, self.random.random() < 0.7
        serial, turned = self.random.random() < 0.4, self.random.random() < 0.4
        return Job({}, self.zero(), turned, window, half, first, last, serial, max(0, groups - 1)).tiled(self)

    def zero(self):
        """What is subtracted from a factor."""
        return self.random.choice((0, -128, 127, self.random.randint(-128, 127)))

    def sums(self, job):
        """What a job adds, of shape (pixels, cols)."""
        addresses, padding = window_addresses(job.window, address_width=self.width)
        words = np.where(padding[..., None], np.int8(job.window["pad"]), self.memory[addresses])
        held = self.memory[tile_addresses(job.range) % (1 << self.width)]
        factors = np.subtract(words, job.window["zero"], dtype=np.int16)
        return array_sums(factors, tiles(held, zero=job.zero, turned=job.turned))

    def push(self, job):
        """Offer both commands of a job."""
        c = {"data": NONE, "port": NONE}
        weights = {"range": job.range, "zero": job.zero, "turned": job.turned, "serial": job.serial}
        array = {"window": job.window, "half": job.half, "first": job.first, "serial": job.serial}
        self.bench.weights.queue.append({"payload": weights, **c, "half": 0})
        self.bench.array.queue.append({"payload": array, **c, "half": job.wait})

    async def run(self, jobs):
        """Run all jobs; return the cycles of every mark and of every push, and the sums of complete groups."""
        seen = {name: [] for name in (*MARKS, "weights_push", "array_push", "drained")}
        groups = [job for job in jobs if job.last]
        completed, got, rows, asked = 0, [], [], []
        for job in jobs:
            self.push(job)
        begun, sums_seen = self.cycle, 0
        while len(got) < len(groups):
            # One row a cycle, once the sums of its group are complete.
            group = groups[len(got)]
            drain = len(asked) < group.pixels and completed > len(got)
            self.dut.drain__valid.value = drain
            if drain:
                self.dut.drain__half.value, self.dut.drain__row.value = group.half, len(asked)
            drained = len(rows) == group.pixels
            self.dut.drained.value = drained
            await self.bench.tick()
            if drained:
                seen["drained"].append(self.cycle)
                got.append(rows)
                rows, asked = [], []
            elif len(asked) > len(rows):
                raw = int(self.dut.drain__sums.value)
                rows.append(np.frombuffer(raw.to_bytes(4 * self.config.cols, "little"), np.int32))
            if drain:
                asked.append(self.cycle)
            for name in MARKS:
                if getattr(self.dut, name).value:
                    seen[name].append(self.cycle)
            for name in ("weights", "array"):
                source = getattr(self.bench, name)
                if source.valid.value and source.ready.value:
                    seen[f"{name}_push"].append(self.cycle)
            if seen["sums_finish"] and seen["sums_finish"][-1] == self.cycle:
                completed += jobs[sums_seen].last
                sums_seen += 1
            self.cycle += 1
            assert self.cycle - begun < 400_000, f"stuck in cycle {self.cycle}, seed {self.bench.seed}"
        self.dut.drained.value = 0
        return seen, got


def schedule(config, jobs, seen):
    """The cycles that spec.timing promises, from the pushes and drains that were seen."""
    want = {name: [] for name in MARKS if not name.endswith("_read")}
    freed = idle_weights = idle_array = 0
    for index, job in enumerate(jobs):
        loading = max(seen["weights_push"][index] + CROSSING, idle_weights)
        ready = max(loading, freed) + WEIGHTS_ISSUE + weights_load(config, turned=job.turned)
        drained = seen["drained"][job.wait - 1] + CROSSING if job.wait else 0
        start = max(seen["array_push"][index] + CROSSING, idle_array, ready, drained)
        time = array_time(config, passes=job.passes, pixels=job.pixels, serial=job.serial, turned=job.turned)
        loaded = ready - 1 if job.passes == 1 else start + time.last_tile
        step = (time.last_swap - array_issue(config)) // max(1, job.passes - 1)
        freed, idle_weights, idle_array = start + time.last_swap, loaded + CROSSING, start + time.finish + CROSSING
        want["weights_start"].append(loading)
        want["weights_finish"].append(loaded)
        want["array_start"].append(start)
        want["array_finish"].append(start + time.finish)
        want["sums_finish"].append(start + time.finish + sums_latency(config))
        want["swap"].extend(start + array_issue(config) + step * index for index in range(job.passes))
    return want


def judge(driver, jobs, seen, got):
    for name, cycles in schedule(driver.config, jobs, seen).items():
        driver.bench.agree([(name, cycle) for cycle in seen[name]], [(name, cycle) for cycle in cycles])
    assert len(seen["weights_read"]) == driver.config.rows * sum(job.passes for job in jobs)
    read = [window_addresses(job.window, address_width=driver.width)[1] for job in jobs]
    assert len(seen["array_read"]) == sum(int((~padding).sum()) for padding in read), "padding asks for nothing"
    total, expected = 0, []
    for job in jobs:
        sums = driver.sums(job).astype(np.int64)
        total = sums if job.first else total + sums
        if job.last:
            expected.append(total.astype(np.int32))
    for rows, want in zip(got, expected, strict=True):
        driver.bench.agree([row.tolist() for row in rows], want.tolist())


def some_jobs(driver, count):
    jobs, groups = [], 0
    while len(jobs) < count or not jobs[-1].last:
        jobs.append(driver.job(jobs[-1] if jobs else None, groups))
        groups += jobs[-1].last
    return jobs


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.02])
async def starts_and_finishes_when_promised_with_the_sums_of_the_model(dut, pace):
    driver = Driver(dut, pace)
    await driver.bench.reset()
    jobs = some_jobs(driver, int(os.environ["JOBS"]))
    judge(driver, jobs, *await driver.run(jobs))


@cocotb.test()
@cocotb.parametrize(turned=[False, True])
async def reads_one_word_a_cycle_in_serial_mode(dut, turned):
    driver = Driver(dut, 1.0)
    await driver.bench.reset()
    rows = driver.config.rows
    for pixels in (1, 2, rows, rows + 1, 2 * rows, 2 * rows + 1):
        jobs = some_jobs(driver, 1)[-1:]
        jobs[0].window.update(out_height=1, out_width=pixels, kernel_h=2, kernel_w=3)
        jobs[0].first, jobs[0].serial, jobs[0].wait, jobs[0].half, jobs[0].turned = True, True, 0, 0, turned
        jobs[0].tiled(driver)
        seen, got = await driver.run(jobs)
        judge(driver, jobs, seen, got)
        assert not set(seen["weights_read"]) & set(seen["array_read"])


@cocotb.test()
@cocotb.parametrize(turned=[False, True])
async def has_no_bubble_between_passes_longer_than_a_load(dut, turned):
    """A load takes a cycle for each row, and as many again to turn."""
    driver = Driver(dut, 1.0)
    await driver.bench.reset()
    pixels = (driver.config.rows << turned) + 1
    jobs = some_jobs(driver, 1)[-1:]
    jobs[0].window.update(out_height=1, out_width=pixels, kernel_h=3, kernel_w=3, blocks=2)
    jobs[0].first, jobs[0].serial, jobs[0].wait, jobs[0].half, jobs[0].turned = True, False, 0, 1, turned
    jobs[0].tiled(driver)
    seen, got = await driver.run(jobs)
    judge(driver, jobs, seen, got)
    assert seen["array_finish"][0] - seen["swap"][0] == 18 * pixels - 1


@cocotb.test()
async def forgets_on_reset(dut):
    driver = Driver(dut, 1.0)
    await driver.bench.reset()
    for cycles in (READ_LATENCY, driver.config.rows + 3, 60, 97):
        for job in some_jobs(driver, 4):
            driver.push(job)
        await driver.bench.tick(cycles)
        for source in (driver.bench.weights, driver.bench.array):
            source.queue.clear()
        # What a source offers already is taken when reset ends, so wait until both are silent.
        await driver.bench.tick(2)
        await driver.bench.reset(20)
        await driver.bench.reset()
        jobs = some_jobs(driver, 5)
        judge(driver, jobs, *await driver.run(jobs))


# A large array takes minutes to build, though seconds to run.
@pytest.mark.parametrize("size", [pytest.param(n, marks=pytest.mark.soak if n in {8, 32} else ()) for n in SIZES])
def test_array_engine(simulate, size):
    simulate(System(machine(size)), environment={"SIZE": str(size), "JOBS": str(400 // size)})
