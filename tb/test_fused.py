"""hw.fused against exact integers."""

from __future__ import annotations

import os

import cocotb
import numpy as np
import pytest
from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.float32 import FLOAT
from hw.fused import FusedMultiplyAdd
from tb.bench import Bench

LANES = 8
STAGES = int(os.environ.get("STAGES", "0"))
ROWS = 8_000
INTEGERS = np.array([0, 1, -1, 2, -2, 3, 5, 127, -127, 128, -128, 129, 254, 255, -255], np.int64)


class Lanes(wiring.Component):
    """Some units beside each other; ``valid`` enables stage after stage, and addends are delayed as they must be."""

    def __init__(self, stages):
        self.units = [FusedMultiplyAdd(stages=stages) for _ in range(LANES)]
        words = data.ArrayLayout(32, LANES)
        super().__init__({"factor": In(words), "ratio": In(words), "addend": In(words), "valid": In(1),
                          "number": Out(words)})  # fmt: skip

    def elaborate(self, platform):  # noqa: ARG002
        m = Module()
        stages = Signal(self.units[0].latency - 1)
        m.d.sync += stages.eq(Cat(self.valid, stages))
        for lane, unit in enumerate(self.units):
            m.submodules[f"lane_{lane}"] = unit
            ratio, late = Signal(32, name=f"ratio_{lane}"), Signal(32 * FusedMultiplyAdd.ADDEND, name=f"late_{lane}")
            m.d.sync += [ratio.eq(self.ratio[lane]), late.eq(Cat(late[32:], self.addend[lane]))]
            m.d.comb += [
                unit.enable.eq(Cat(self.valid, stages)),
                unit.integer.eq(self.factor[lane]),
                unit.ratio.eq(FLOAT(ratio)),
                unit.addend.eq(FLOAT(late[:32])),
                self.number[lane].eq(unit.number.as_value()),
            ]
        return m


def parts(bits):
    """A float32 as (integer, power of two); 0 below the smallest normal number."""
    exponent = int(bits) >> 23 & 255
    whole = (int(bits) & 0x7FFFFF | 0x800000) if exponent else 0
    return -whole if int(bits) >> 31 else whole, exponent - 150


def fused(integer, ratio, addend):
    """The bits of integer * ratio + addend, rounded half to even; below the smallest normal number 0."""
    (one, one_power), (other, other_power) = parts(ratio), parts(addend)
    power = min(one_power, other_power)
    total = (int(integer) * one << one_power - power) + (other << other_power - power)
    size, sign = abs(total), total < 0
    spare = size.bit_length() - 24
    if not size or size.bit_length() + power < -125:
        return 0
    kept = size >> spare if spare > 0 else size << -spare
    if spare > 0:
        rest, half = size & (1 << spare) - 1, 1 << spare - 1
        kept += rest > half or (rest == half and kept & 1)
    exponent = spare + power + 150 + (kept >> 24)
    if exponent > 254:
        return sign << 31 | 255 << 23
    return sign << 31 | exponent << 23 | (kept >> (kept >> 24)) & 0x7FFFFF


def floats(rng, count, spread):
    """Random floats with exponents within ``spread`` of 1.0, one in four with few fraction bits, as bit patterns."""
    fraction = rng.integers(0, 2**23, count) & np.where(rng.random(count) < 0.25, 0x7C0000, 0x7FFFFF)
    exponent = 127 + rng.integers(-spread, spread + 1, count)
    return (rng.integers(0, 2, count) << 31 | exponent << 23 | fraction).astype(np.uint32)


def cases(seed):
    """Integers, ratios, addends: of all sizes, of like size, and addends that cancel products or make them ties."""
    rng = np.random.default_rng(seed)
    part = ROWS * LANES // 4
    integers = rng.integers(-255, 256, 4 * part)
    integers[rng.random(4 * part) < 0.2] = rng.choice(INTEGERS)
    ratios = np.concatenate([floats(rng, part, 126), *(floats(rng, part, 9) for _ in range(3))])
    addends = [floats(rng, part, 126), floats(rng, part, 12)]
    products = integers * ratios.view(np.float32).astype(np.float64)
    near = -products[2 * part : 3 * part].astype(np.float32)
    addends.append(near.view(np.uint32) + rng.integers(-3, 4, part).astype(np.uint32))
    # Just above or below half of the product's last place, or of the one below it, and far below.
    exact = products[3 * part :]
    last = np.exp2(np.floor(np.log2(np.abs(np.where(exact == 0, 1, exact)))) - 24 - rng.choice((-1, 0, 1, 9, 40), part))
    addends.append((last * rng.choice((-1, -0.5, 0.5, 1), part)).astype(np.float32).view(np.uint32))
    addends = np.concatenate(addends)
    # No operand is infinite.
    addends = np.where(addends >> 23 & 255 == 255, np.uint32(0), addends)
    ends = np.array([0, 2**31, 1, 0x7FFFFF, 0x800000, 0x80800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000, 0xBF800001],
                    np.uint32)  # fmt: skip
    i, r, a = (x.ravel() for x in np.meshgrid(INTEGERS, ends, ends))
    pad = -len(i) % LANES
    return [
        np.concatenate([x, y, np.zeros(pad, y.dtype)]).astype(np.int64) & 0xFFFFFFFF
        for x, y in ((integers, i), (ratios, r), (addends, a))
    ]


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def rounds_the_exact_sum_once(dut, pace):
    lanes = Lanes(STAGES)
    bench = Bench(dut, lanes)
    await bench.reset()
    columns = cases(bench.seed)
    rows = [x.astype(np.uint32).reshape(-1, LANES)[: None if pace == 1.0 else 600] for x in columns]
    ports = (dut.factor, dut.ratio, dut.addend)
    got, due, cycle, sent = [], set(), 0, 0
    while sent < len(rows[0]) or due:
        go = sent < len(rows[0]) and bench.go(pace)
        dut.valid.value = int(go)
        for port, values in zip(ports, rows, strict=True):
            # What is not valid is something else, and must not be taken.
            junk = bench.random.getrandbits(32 * LANES)
            port.value = int.from_bytes(values[sent].tobytes(), "little") if go else junk
        if go:
            due.add(cycle + lanes.units[0].latency)
            sent += 1
        await bench.tick()
        if cycle in due:
            due.remove(cycle)
            got.append(int(dut.number.value).to_bytes(4 * LANES, "little"))
        cycle += 1
    got = np.frombuffer(b"".join(got), np.uint32)
    for integer, ratio, addend, mine in zip(*(x.ravel() for x in rows), got, strict=True):
        signed = int(integer) - (int(integer) >> 31 << 32)
        want = fused(signed, ratio, addend)
        # The sign of zero is free.
        assert mine == want or (mine | want) == 2**31, (
            f"{signed} x {ratio:#x} + {addend:#x} must give {want:#x}, not {mine:#x}; "
            f"repeat: make test UNIT=fused SEED={bench.seed}"
        )
    dut._log.info("%d sums agree", len(got))  # noqa: SLF001


@pytest.mark.parametrize("stages", [0, 1])
def test_fused(simulate, stages):
    simulate(Lanes(stages), environment={"STAGES": str(stages)})
