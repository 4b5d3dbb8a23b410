"""hw.stream against sim.stream."""

from __future__ import annotations

import os
from dataclasses import replace

import cocotb
import numpy as np
import pytest

from hw.stream import TAPS_INNERMOST, Stream
from sim.stream import window_addresses
from spec.config import CONFIGS
from tb.bench import Bench

# The widest addresses of a named machine: in narrow ones a sign bit of 16 is lost.
CONFIG = CONFIGS["onsram"]
UNITS = {
    f"{name}{'_ahead' * stages}": Stream(config=replace(CONFIG, data_stages=stages), taps_innermost=name == "taps")
    for name in ("pixels", "taps") for stages in (0, 1)
}  # fmt: skip
WIDTH = len(UNITS["pixels"].address)
POINT = {
    "base": 5, "kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1,
    "blocks": 1, "pad": 7, "height": 1, "width": 1, "row_stride": 1, "block_stride": 1, "out_height": 1,
    "out_width": 1, "y": 0, "x": 0,
}  # fmt: skip
EDGES = [
    POINT,
    {**POINT, "out_width": 5, "width": 3},
    {**POINT, "out_height": 5, "height": 3, "row_stride": 2},
    {**POINT, "kernel_h": 3, "kernel_w": 3, "y": -1, "x": -1, "out_height": 4, "out_width": 4, "height": 4, "width": 4,
     "row_stride": 4, "pad": -128},
    {**POINT, "blocks": 7, "block_stride": (1 << 20) - 1, "row_stride": (1 << 20) - 1, "y": -32768, "x": 32767},
    {**POINT, "y": 32767, "x": -32768, "row_stride": 12345, "height": 16383, "width": 16383, "stride_h": 15,
     "dilation_h": 31, "kernel_h": 3, "out_height": 3},
]  # fmt: skip


def any_window(random):
    small = {"kernel_h": 4, "kernel_w": 4, "blocks": 3, "out_height": 5, "out_width": 5}
    return {
        "base": random.randrange(1 << WIDTH), "pad": random.randrange(-128, 128),
        **{name: random.randint(1, most) for name, most in small.items()},
        **{name: random.randint(0, 3) for name in ("stride_h", "stride_w", "dilation_h", "dilation_w")},
        "height": random.randint(0, 10), "width": random.randint(0, 10),
        "row_stride": random.randrange(40), "block_stride": random.randrange(400),
        "y": random.randint(-5, 5), "x": random.randint(-5, 5),
    }  # fmt: skip


async def walk(bench, window, pace, words):
    """Load a window, and collect so many words of its walk."""
    bench.set("window", window)
    bench.set("load", 1)
    await bench.tick()
    bench.set("load", 0)
    bench.set("window", POINT)
    for _ in range(bench.unit.config.data_stages):
        await bench.tick()
    got = []
    while len(got) < words:
        step = bench.go(pace)
        bench.set("step", step)
        await bench.tick()
        if step:
            got.append(tuple(int(bench.get(name)) for name in ("address", "padded", "first", "last", "done", "pad")))
    bench.set("step", 0)
    return got


def expected(window, words):
    """The same from the model; padded addresses count as 0."""
    taps_innermost = UNITS[os.environ["ORDER"]].order == TAPS_INNERMOST
    addresses, padding = window_addresses(window, address_width=WIDTH, taps_innermost=taps_innermost)
    group, total = addresses.shape[1], addresses.size
    flat = np.where(padding, 0, addresses).ravel().tolist(), padding.ravel().tolist()
    return [
        (flat[0][i % total], int(flat[1][i % total]), int(i % group == 0), int(i % group == group - 1),
         int(i % total == total - 1), window["pad"])
        for i in range(words)
    ]  # fmt: skip


async def begin(dut):
    bench = Bench(dut, UNITS[os.environ["ORDER"]])
    bench.set("load", 0)
    bench.set("step", 0)
    await bench.reset()
    return bench


def compare(bench, got, window):
    masked = [(0 if padded else address, padded, *rest) for address, padded, *rest in got]
    bench.agree(masked, expected(window, len(got)))


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.3])
async def agrees_with_the_model(dut, pace):
    bench = await begin(dut)
    for window in [*EDGES, *(any_window(bench.random) for _ in range(60))]:
        compare(bench, await walk(bench, window, pace, 150), window)


@cocotb.test()
async def brings_a_word_every_cycle_from_the_one_after_load_and_begins_again_after_the_last(dut):
    bench = await begin(dut)
    window = {**POINT, "out_width": 3, "width": 3}
    for _ in range(2):
        before = bench.cycle
        compare(bench, await walk(bench, window, 1.0, 7), window)
        assert bench.cycle - before == 1 + bench.unit.config.data_stages + 7


@cocotb.test()
async def forgets_on_load_and_on_reset(dut):
    bench = await begin(dut)
    window = any_window(bench.random)
    await walk(bench, window, 1.0, 17)
    compare(bench, await walk(bench, EDGES[3], 1.0, 40), EDGES[3])
    await bench.reset()
    await bench.tick()
    assert bench.get("address") == 0
    compare(bench, await walk(bench, window, 1.0, 40), window)


@pytest.mark.parametrize("order", UNITS)
def test_stream(simulate, order):
    simulate(UNITS[order], environment={"ORDER": order})
