"""hw.conversion and hw.product against numpy's float32."""

from __future__ import annotations

import cocotb
import numpy as np
from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.conversion import FromInteger, ToInteger
from hw.float32 import FLOAT
from hw.product import Product
from tb.bench import Bench

LANES = 8
VALUES = 102_400
#: How every unit is made.
UNITS = {
    "from_integer": FromInteger,
    "product": Product,
    "to_10": lambda: ToInteger(width=10),
    "to_32": lambda: ToInteger(width=32),
}
SMALLEST = np.float32(2.0**-126)


class Units(wiring.Component):
    """Some lanes of every unit beside each other; ``valid`` enables stage after stage."""

    def __init__(self):
        words = data.ArrayLayout(32, LANES)
        self.units = {name: [make() for _ in range(LANES)] for name, make in UNITS.items()}
        super().__init__(
            {"left": In(words), "right": In(words), "valid": In(1), **{name: Out(words) for name in UNITS}}
        )

    def elaborate(self, platform):  # noqa: ARG002
        m = Module()
        stages = Signal(3)
        enable = Cat(self.valid, stages)
        m.d.sync += stages.eq(enable)
        for name, units in self.units.items():
            for lane, unit in enumerate(units):
                m.submodules[f"{name}_{lane}"] = unit
                m.d.comb += unit.enable.eq(enable)
                left, right = self.left[lane], self.right[lane]
                if isinstance(unit, FromInteger):
                    m.d.comb += [unit.integer.eq(left), getattr(self, name)[lane].eq(unit.number.as_value())]
                elif isinstance(unit, ToInteger):
                    m.d.comb += [unit.number.eq(FLOAT(left)), getattr(self, name)[lane].eq(unit.integer)]
                else:
                    m.d.comb += [unit.left.eq(FLOAT(left)), unit.right.eq(FLOAT(right))]
                    m.d.comb += getattr(self, name)[lane].eq(unit.number.as_value())
        return m


def flushed(x):
    """Bits of numbers; those below the smallest normal one, and the sign of zero, are gone."""
    return np.where(np.abs(x) < SMALLEST, np.float32(0), x).astype(np.float32).view(np.uint32)


def expected(name, left, right):
    """What numpy says, and where it must be met: infinite operands are nobody's business."""
    a, b = (np.where(np.abs(x) < SMALLEST, np.float32(0), x) for x in (left.view(np.float32), right.view(np.float32)))
    everywhere = np.ones(left.shape, bool)
    finite = np.isfinite(a) & np.isfinite(b)
    with np.errstate(all="ignore"):
        if name == "from_integer":
            return left.view(np.int32).astype(np.float32).view(np.uint32), everywhere
        if name == "product":
            # The exact product decides what is too small: rounding could lift it to the smallest normal number.
            exact = a.astype(np.float64) * b.astype(np.float64)
            return np.where(np.abs(exact) < SMALLEST, np.uint32(0), flushed(a * b)), finite
        bits = 10 if name == "to_10" else 32
        rounded = np.clip(np.rint(a.astype(np.float64)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return (np.where(np.isnan(rounded), 0, rounded).astype(np.int64) & 2**bits - 1).astype(np.uint32), ~np.isnan(a)


def edges():
    """Pairs of bit patterns: integers at powers of two and ties, floats at ends, ties and cancellations."""
    powers = [2**k + d for k in range(33) for d in (-3, -2, -1, 0, 1, 2, 3)]
    ties = [(2 * m + 1 << k) + d for m in (2**23, 2**23 + 1, 2**24 - 1) for k in range(8) for d in (-1, 0, 1)]
    halves = [np.float32(k + f) for k in (*range(-6, 6), -513, -512, 510, 511, 512, 254, -129) for f in (0, 0.5)]
    near = [np.nextafter(np.float32(h), np.float32(way), dtype=np.float32) for h in halves for way in (-1e9, 1e9)]
    ends = [0.0, -0.0, 1.0, -1.0, 2.0**-126, -(2.0**-126), 2.0**127, 3.4028235e38, -3.4028235e38, 2.0**31, -(2.0**31)]
    others = [2147483520.0, 1.0 + 2**-23, 1.5, 2.0**24, 2.0**-24, 2.0**-25, 3 * 2.0**-25]
    floats = np.array([*halves, *near, *ends, *others], np.float32)
    values = np.concatenate([np.array([x % 2**32 for x in (*powers, *ties)], np.uint32),
                             np.array([-x % 2**32 for x in powers], np.uint32), floats.view(np.uint32)])  # fmt: skip
    pairs = np.meshgrid(floats.view(np.uint32), floats.view(np.uint32))
    return np.concatenate([values, pairs[0].ravel()]), np.concatenate([values[::-1], pairs[1].ravel()])


def floats(rng, count, spread):
    """Random floats with exponents within ``spread`` of 1.0, one in four with few fraction bits, as bit patterns."""
    fraction = rng.integers(0, 2**23, count) & np.where(rng.random(count) < 0.25, 0x7C0000, 0x7FFFFF)
    exponent = 127 + rng.integers(-spread, spread + 1, count)
    return (rng.integers(0, 2, count) << 31 | exponent << 23 | fraction).astype(np.uint32)


def random(seed):
    """Pairs of bit patterns from wide to narrow exponents, then close neighbours that cancel."""
    rng = np.random.default_rng(seed)
    part = VALUES // 4
    left = [floats(rng, part, 126), floats(rng, part, 30), floats(rng, part, 12), floats(rng, part, 2)]
    right = [floats(rng, part, 126), floats(rng, part, 30), floats(rng, part, 12)]
    right.append((left[3] ^ 2**31) + rng.integers(-3, 4, part).astype(np.uint32))
    # As integers the patterns above are nearly all large.
    left.append((rng.integers(0, 2**32, part) >> rng.integers(0, 32, part)).astype(np.uint32))
    right.append(rng.integers(0, 2**32, part).astype(np.uint32))
    return np.concatenate(left), np.concatenate(right)


async def stream(dut, bench, left, right, pace):
    """Send all pairs, ``LANES`` a cycle; return each unit's outputs at its latency."""
    pad = -len(left) % LANES
    left, right = (np.concatenate([x, np.zeros(pad, np.uint32)]).reshape(-1, LANES) for x in (left, right))
    raws = [[int.from_bytes(row.tobytes(), "little") for row in x] for x in (left, right)]
    latency = {name: bench.unit.units[name][0].latency for name in UNITS}
    outputs = {name: getattr(dut, name) for name in UNITS}
    got = {name: [] for name in UNITS}
    due = {name: set() for name in UNITS}
    cycle = sent = 0
    while sent < len(left) or cycle <= max(max(d, default=0) for d in due.values()):
        go = sent < len(left) and bench.go(pace)
        dut.valid.value = int(go)
        # What is not valid is something else, and must not be taken.
        dut.left.value = raws[0][sent] if go else bench.random.getrandbits(32 * LANES)
        dut.right.value = raws[1][sent] if go else bench.random.getrandbits(32 * LANES)
        await bench.tick()
        for name in UNITS:
            if go:
                due[name].add(cycle + latency[name])
            if cycle in due[name]:
                got[name].append(int(outputs[name].value))
        cycle, sent = cycle + 1, sent + go
    return left.ravel(), right.ravel(), {
        name: np.frombuffer(b"".join(x.to_bytes(4 * LANES, "little") for x in raw), np.uint32)
        for name, raw in got.items()
    }  # fmt: skip


def compare(bench, left, right, got):
    for name in UNITS:
        want, matters = expected(name, left, right)
        mask = np.uint32(1023) if name == "to_10" else np.uint32(2**32 - 1)
        # The sign of zero is free.
        mine = np.where(got[name] == 2**31, np.uint32(0), got[name]) if name == "product" else got[name]
        wrong = np.flatnonzero((mine & mask != want & mask) & matters)
        assert not len(wrong), (
            f"{name}: {len(wrong)} wrong; value {wrong[0]}: {left[wrong[0]]:#x}, {right[wrong[0]]:#x} must give "
            f"{want[wrong[0]]:#x}, not {mine[wrong[0]]:#x}; repeat: make test UNIT=float32 SEED={bench.seed}"
        )
        bench.dut._log.info("%s: %d values agree", name, matters.sum())  # noqa: SLF001


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.4])
async def agrees_with_the_model_on_edges(dut, pace):
    bench = Bench(dut, Units())
    await bench.reset()
    compare(bench, *await stream(dut, bench, *edges(), pace))


@cocotb.test()
async def agrees_with_the_model_on_random_numbers(dut):
    bench = Bench(dut, Units())
    await bench.reset()
    compare(bench, *await stream(dut, bench, *random(bench.seed), 1.0))


def test_float32(simulate):
    simulate(Units())
