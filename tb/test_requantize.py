"""hw.requantize against sim.requantize."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product

import cocotb
import numpy as np
import pytest
from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.depthwise import Depthwise
from hw.float32 import FLOAT
from hw.lookup import Lookup
from hw.requantize import Requantize
from sim.requantize import add_residual, requantize
from spec.config import CONFIGS
from spec.isa import CLAMP, SCALE
from spec.timing import post_latency, read_latency
from tb.bench import Bench

LANES = 8
CONFIG = replace(CONFIGS["tiny"], data_stages=int(os.environ.get("STAGES", "0")))
CLAMP_FIELDS = [f for f in CLAMP.fields if f.name != "opcode"]
SCALE_FIELDS = [f for f in SCALE.fields if f.name != "opcode"]
#: A row's way outside the lane: the read, the window's totals or as long a wait, the look-up, the write into the bank.
AROUND = read_latency(CONFIG) + Depthwise.latency + Lookup.latency + 1


class Lanes(wiring.Component):
    """Some lanes beside each other; ``valid`` enables stage after stage."""

    def __init__(self, config):
        self.lanes = [Requantize(config=config) for _ in range(LANES)]
        post = Commands(config).post
        words, bytes_ = data.ArrayLayout(32, LANES), data.ArrayLayout(8, LANES)
        super().__init__({
            "valid": In(1),
            "value": In(words),
            "bias": In(words),
            "scale": In(words),
            "addend": In(bytes_),
            "residual": In(1),
            "factors": In(post["scale"].shape),
            "clamp": In(post["clamp"].shape),
            "activation": Out(bytes_),
        })

    def elaborate(self, platform):  # noqa: ARG002
        m = Module()
        stages = Signal(self.lanes[0].latency - 1)
        m.d.sync += stages.eq(Cat(self.valid, stages))
        for index, lane in enumerate(self.lanes):
            m.submodules[f"lane_{index}"] = lane
            m.d.comb += [
                lane.enable.eq(Cat(self.valid, stages)),
                lane.value.eq(self.value[index]),
                lane.addend.eq(self.addend[index]),
                lane.bias.eq(self.bias[index]),
                lane.scale.eq(FLOAT(self.scale[index])),
                lane.residual.eq(self.residual),
                lane.factors.eq(self.factors),
                lane.clamp.eq(self.clamp),
                self.activation[index].eq(lane.activation),
            ]
        return m


def packed(row):
    """The raw bits of a row of lanes."""
    return int.from_bytes(np.ascontiguousarray(row).tobytes(), "little")


def bits(number):
    """The raw bits of a float32."""
    return int(np.float32(number).view(np.uint32))


class Job:
    """Rows of one command: constants for each lane, settings for all, values, addends; and what must come out."""

    def __init__(self, value, addend, bias, scale, clamp, factors, residual):
        self.value, self.addend = value.astype(np.int32), addend.astype(np.int8)
        self.bias, self.scale = bias.astype(np.int32), scale.astype(np.float32)
        self.clamp, self.factors, self.residual = clamp, factors, residual

    def expected(self):
        c = self.clamp
        out = requantize(self.value, self.bias, self.scale, zero=c["zero_a"], low=c["low_a"], high=c["high_a"])
        if self.residual:
            out = add_residual(
                out, self.addend, zero=c["zero_b"], low=c["low_b"], high=c["high_b"],
                unsigned_a=bool(c["unsigned_a"]), unsigned_b=bool(c["unsigned_b"]), swap=bool(c["swap"]),
                **self.factors,
            )  # fmt: skip
        return out

    def drive(self, bench):
        dut = bench.dut
        dut.bias.value, dut.scale.value = packed(self.bias), packed(self.scale)
        dut.residual.value = self.residual
        bench.set("clamp", self.clamp)
        bench.set("factors", {name: bits(x) for name, x in self.factors.items()})


def a_clamp(rng, **given):
    """Random fields of CLAMP, some given; the limits in order."""
    fields = {f.name: int(rng.integers(f.range[0], f.range[1] + 1)) for f in CLAMP_FIELDS}
    for side in "ab":
        low, high = f"low_{side}", f"high_{side}"
        fields[low], fields[high] = sorted((fields[low], fields[high]))
        if rng.random() < 0.5:
            fields[low], fields[high] = -128, 127
    return fields | given


def no_factors():
    return {"first_ratio": 1.0, "second_ratio": 1.0, "fixed": 0.0}


def edge_jobs(rng):
    """Ties, int32 extremes, wrapping bias, powers of two, saturation, negative, zero and extreme scales."""
    extremes = [0, 1, -1, 2**31 - 1, -(2**31), 2**24, 2**24 + 1, 2**24 + 3, -(2**24) - 1, 2**25 + 2, 2**25 + 6]
    powers = [s * 2**k + d for k in range(31) for s in (-1, 1) for d in (-1, 0, 1)]
    value = np.array([*extremes, *powers, *range(-40, 41)], np.int64)
    value = np.repeat(value[:, None], LANES, 1)
    zero = np.zeros_like(value)
    open_ = {"low_a": -128, "high_a": 127, "low_b": -128, "high_b": 127}
    scales = [
        [0.5, -0.5, 0.25, 1.5, 1.0, -1.0, 0.0, -0.0],
        [2.0**-22, -(2.0**-22), 2.0**-126, 3.4e38, -3.4e38, 2.0**-31, 1 / 3, 2.0**-24],
        [0.1, 0.01, 0.001, 127 / 2**31, 0.75, 2.5, -0.125, 1e-7],
    ]
    biases = [np.zeros(LANES), np.array([0, 1, -1, 2**31 - 1, -(2**31), 7, -7, 2**30])]
    for scale in scales:
        for bias in biases:
            for zero_a in (0, -128, 127, 255, -256):
                clamp = a_clamp(rng, **open_, zero_a=zero_a)
                yield Job(value, zero, bias, np.array(scale), clamp, no_factors(), 0)
    # Every pair of a value and a residual that bytes can make, with ratios that tie.
    pairs = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), -1).reshape(-1, LANES, 2)
    tying = ((0.5, 0.5, 0.0, (0, 0)), (0.5, -0.25, 0.125, (1, 1)), (1.0, 0.7, 3.0, (0, 1)))
    for (first, second, fixed, signs), swap in product(tying, (0, 1)):
        clamp = a_clamp(rng, **open_, zero_a=0, zero_b=-3, unsigned_a=signs[0], unsigned_b=signs[1], swap=swap)
        factors = {"first_ratio": first, "second_ratio": second, "fixed": fixed}
        yield Job(pairs[..., 0], pairs[..., 1], np.zeros(LANES), np.ones(LANES), clamp, factors, 1)
    for first, second, fixed in ((2.0**-126, 1.0, 0.5), (1.0, 2.0**-126, -0.5), (2.0**-120, -(2.0**-120), 0.0),
                                 (2.0**-127, 0.5, 0.5), (0.5, 2.0**-130, 2.0**-127), (2.0**-125, -(2.0**-126), 0.0),
                                 (0.0, 0.0, 1.5), (1e30, 1.0, 0.0), (0.0, 0.5, -0.0), (-1.0, 1.0, 0.0)):  # fmt: skip
        some = pairs[rng.permutation(len(pairs))[:64]]
        factors = {"first_ratio": first, "second_ratio": second, "fixed": fixed}
        clamp = a_clamp(rng, **open_, zero_a=0)
        yield Job(some[..., 0], some[..., 1], np.zeros(LANES), np.ones(LANES), clamp, factors, 1)


def random_jobs(rng, jobs, rows):
    """Sums of every size, scales that bring most of them near the range, ratios near one."""
    for number in range(jobs):
        size = rng.integers(4, 32)
        value = rng.integers(-(2**size), 2**size, (rows, LANES)).clip(-(2**31), 2**31 - 1)
        bias = rng.integers(-(2**size), 2**size, LANES).clip(-(2**31), 2**31 - 1)
        scale = rng.choice([-1, 1], LANES, p=[0.2, 0.8]) * rng.uniform(20, 400, LANES) / 2.0**size
        ratios = rng.choice([-1, 1], 2, p=[0.2, 0.8]) * np.exp2(rng.uniform(-6, 2, 2))
        factors = {"first_ratio": ratios[0], "second_ratio": ratios[1], "fixed": rng.uniform(-200, 200)}
        factors = {name: np.float32(x) for name, x in factors.items()}
        addend = rng.integers(-128, 128, (rows, LANES))
        yield Job(value, addend, bias, scale, a_clamp(rng), factors, number % 2)


async def run(bench, job, pace):
    """Send a job's rows; compare every activation, at its promised cycle, with the model's."""
    dut, latency = bench.dut, bench.unit.lanes[0].latency
    job.drive(bench)
    due, got, cycle, sent = {}, {}, 0, 0
    while sent < len(job.value) or due:
        go = sent < len(job.value) and bench.go(pace)
        dut.valid.value = int(go)
        dut.value.value = packed(job.value[sent]) if go else bench.random.getrandbits(32 * LANES)
        dut.addend.value = packed(job.addend[sent]) if go else bench.random.getrandbits(8 * LANES)
        if go:
            due[cycle + latency] = sent
            sent += 1
        await bench.tick()
        if cycle in due:
            got[due.pop(cycle)] = int(dut.activation.value).to_bytes(LANES, "little")
        cycle += 1
    mine = np.frombuffer(b"".join(got[row] for row in range(sent)), np.int8).reshape(-1, LANES)
    theirs = job.expected()
    for row, lane in np.argwhere(mine != theirs)[:1]:
        raise AssertionError(
            f"row {row}, lane {lane} must be {theirs[row, lane]}, not {mine[row, lane]}: value {job.value[row, lane]}, "
            f"addend {job.addend[row, lane]}, bias {job.bias[lane]}, scale {job.scale[lane]!r}, {job.clamp}, "
            f"{job.factors}, residual {job.residual}; repeat: make test UNIT=requantize SEED={bench.seed}"
        )
    return mine.size


@cocotb.test()
async def agrees_with_the_model_on_edges(dut):
    bench = Bench(dut, Lanes(CONFIG))
    await bench.reset()
    count = 0
    for job in edge_jobs(np.random.default_rng(bench.seed)):
        count += await run(bench, job, 1.0)
    dut._log.info("%d activations agree", count)  # noqa: SLF001


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.3])
async def agrees_with_the_model_on_random_rows(dut, pace):
    bench = Bench(dut, Lanes(CONFIG))
    await bench.reset()
    count = 0
    for job in random_jobs(np.random.default_rng(bench.seed), 100, 150 if pace == 1.0 else 30):
        count += await run(bench, job, pace)
    dut._log.info("%d activations agree", count)  # noqa: SLF001


@cocotb.test()
async def takes_the_promised_cycles(dut):
    bench = Bench(dut, Lanes(CONFIG))
    await bench.reset()
    zero = np.zeros((1, LANES))
    clamp = {f.name: 0 for f in CLAMP_FIELDS} | {"low_a": -128, "high_a": 127, "low_b": -128, "high_b": 127}
    for residual in (0, 1):
        Job(zero + 9, zero, zero[0], zero[0] + 1, clamp, no_factors(), residual).drive(bench)
        for value in (5, -7):
            dut.valid.value, dut.value.value = 1, packed(np.full(LANES, value, np.int32))
            dut.addend.value = 0
            sent = bench.cycle
            await bench.tick()
            dut.valid.value = 0
            while bench.get("activation")[0] != value % 256:
                await bench.tick()
            assert bench.cycle - 1 - sent + AROUND == post_latency(CONFIG)


@cocotb.test()
async def goes_on_after_a_reset(dut):
    bench = Bench(dut, Lanes(CONFIG))
    await bench.reset()
    jobs = list(random_jobs(np.random.default_rng(bench.seed), 4, 20))
    for job in jobs:
        job.drive(bench)
        for row in job.value:
            dut.valid.value, dut.value.value = 1, packed(row)
            await bench.tick()
        await bench.reset()
        dut.valid.value = 0
        # Values are not reset, but none of them may find its way into a row.
        await run(bench, job, 0.7)


@pytest.mark.parametrize("stages", [0, 1])
def test_requantize(simulate, stages):
    simulate(Lanes(replace(CONFIG, data_stages=stages)), environment={"STAGES": str(stages)})
