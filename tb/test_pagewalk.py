"""hw.pagewalk: the pages of a range, and the cycle of each."""

from __future__ import annotations

import cocotb

from hw.pagewalk import PageWalk
from spec.config import CONFIGS
from spec.timing import WALK_OPEN, WALK_RUN
from tb.bench import Bench

CONFIG = CONFIGS["tiny"]
UNIT = PageWalk(config=CONFIG)
WORDS, MOST = CONFIG.page_words, CONFIG.virtual_pages


def walked(span):
    """(cycles since the load if the consumer is idle for none, page) of each page, then the cycle of done."""
    cycle, fresh, pages = WALK_OPEN, 0, []
    for i in range(span["count"]):
        cycle += WALK_RUN
        first = span["offset"] + i * span["stride"]
        for page in range(max(fresh, first // WORDS), (first + span["run"] - 1) // WORDS + 1):
            pages.append((cycle, page))
            cycle += 1
            fresh = page + 1
    return pages, cycle


def spans(random):
    """Edges, then ranges of all sizes that stay within the tensor, backwards and empty ones too."""
    yield from (
        {"offset": offset, "run": run, "stride": stride, "count": count}
        for offset in (0, 1, WORDS - 1, WORDS) for run in (0, 1, WORDS, WORDS + 1)
        for stride in (0, 1, WORDS - 1, WORDS, 3 * WORDS) for count in (0, 1, 2, 5)
    )  # fmt: skip
    for _ in range(150):
        count, stride = random.choice((1, 2, random.randrange(40))), random.choice((0, 1, random.randrange(5 * WORDS)))
        yield {"offset": random.randrange(10 * WORDS), "run": random.randrange(4 * WORDS), "stride": stride,
               "count": count}  # fmt: skip


async def load(bench, span, pages=MOST):
    bench.set("range", span)
    bench.set("pages", pages)
    bench.set("load", 1)
    await bench.tick()
    bench.set("load", 0)


async def begin(dut):
    bench = Bench(dut, UNIT)
    for name in ("load", "next"):
        bench.set(name, 0)
    await bench.reset()
    return bench


async def collect(bench, span, pace=1.0):
    """What the walk brings until it is done or past the tensor."""
    await load(bench, span)
    got = []
    for cycle in range(1, 2000):
        asked = bench.go(pace)
        bench.set("next", asked)
        await bench.tick()
        if bench.get("done"):
            bench.set("next", 0)
            return got, cycle
        if bench.get("valid"):
            if bench.get("beyond"):
                bench.set("next", 0)
                return got, None
            if asked:
                got.append((cycle, bench.get("page")))
    raise AssertionError(f"{span} must end")


@cocotb.test()
async def walks_every_page_once_in_the_promised_cycles(dut):
    bench = await begin(dut)
    for span in spans(bench.random):
        pages, done = walked(span)
        inside = [(cycle, page) for cycle, page in pages if page < MOST]
        got, end = await collect(bench, span)
        assert got == inside, f"{span} must have pages {inside}, not {got}, seed {bench.seed}"
        assert end == (done if len(inside) == len(pages) else None), f"{span}, seed {bench.seed}"


@cocotb.test()
async def waits_for_the_consumer(dut):
    bench = await begin(dut)
    for span in list(spans(bench.random))[-60:]:
        got, _ = await collect(bench, span, pace=0.3)
        assert [page for _, page in got] == [page for _, page in walked(span)[0] if page < MOST], f"{span}"


@cocotb.test()
async def tells_when_a_page_lies_beyond(dut):
    bench = await begin(dut)
    for offset, stride in ((5 * WORDS, 0), ((1 << 24) - 1, 0), (0, (1 << 20) - 1), (4 * WORDS, WORDS)):
        await load(bench, {"offset": offset, "run": 1, "stride": stride, "count": 4095}, pages=5)
        bench.set("next", 1)
        for _ in range(4100):
            await bench.tick()
            if bench.get("valid") and bench.get("beyond"):
                break
        else:
            raise AssertionError(f"offset {offset} with stride {stride} must lie beyond 5 pages")
        bench.set("next", 0)


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = await begin(dut)
    await load(bench, {"offset": 0, "run": 5 * WORDS, "stride": 0, "count": 1})
    await bench.tick(3)
    await bench.reset()
    await bench.tick()
    assert bench.get("done")
    assert not bench.get("valid")


def test_pagewalk(simulate):
    simulate(UNIT)
