"""The array's two engines with their queues, and a memory in the place of the scratchpad."""

from __future__ import annotations

import random
from dataclasses import replace

from amaranth import Cat, Const, Module, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accumulator import DrainPort
from hw.array_engine import ArrayEngine
from hw.commands import Commands
from hw.completions import Completions
from hw.queue import CommandQueue, entry
from hw.weights import WeightLoader
from spec.config import CONFIGS
from spec.isa import Queue

__all__ = ["MARKS", "SIZES", "System", "content", "machine"]

#: Array sizes, and the bytes of a page with each.
SIZES = {2: 128, 4: 128, 8: 64, 16: 64, 32: 128}
#: Strobes of the system that tell when something happened.
MARKS = ("weights_start", "weights_finish", "array_start", "array_finish", "sums_finish", "swap", "weights_read",
         "array_read")  # fmt: skip


def machine(size):
    """A small machine of an array size: 64 words of memory a page, 256 pages or fewer."""
    page = max(SIZES[size], 4 * size)
    return replace(CONFIGS["tiny"], rows=size, cols=size, page_bytes=page, bank_bytes=2 * page, virtual_pages=256)


def content(config):
    """What the memory holds: the same bytes in every run."""
    some = random.Random(5)
    count = 1 << Commands(config).address_width
    edges = (0x80, 0x7F, 0)
    return [[some.choice(edges) if some.random() < 0.2 else some.randrange(256) for _ in range(config.rows)]
            for _ in range(count)]  # fmt: skip


class System(wiring.Component):
    """Two queues, two engines, and a memory with two ports in the place of the scratchpad."""

    def __init__(self, config):
        self.config, k = config, Commands(config)
        super().__init__({
            "weights": In(stream.Signature(entry(k.weights))),
            "array": In(stream.Signature(entry(k.array))),
            "drained": In(1),
            "drain": In(DrainPort(config)),
            **{name: Out(1) for name in MARKS},
        })

    def elaborate(self, _platform):
        """Wire the parts together."""
        m = Module()
        c, k = self.config, Commands(self.config)
        m.submodules.loader = loader = WeightLoader(config=c)
        m.submodules.engine = engine = ArrayEngine(config=c)
        m.submodules.completions = completions = Completions()
        wiring.connect(m, loader.tile, engine.tile)
        wiring.connect(m, wiring.flipped(self.drain), engine.drain)
        finish = {Queue.WEIGHTS: loader.finish, Queue.ARRAY: engine.finish, Queue.SUMS: engine.sums_finish,
                  Queue.POST: self.drained}  # fmt: skip
        m.d.comb += [completions.finish[queue].eq(strobe) for queue, strobe in finish.items()]
        for name, unit, own, half in (
            ("weights", loader, Queue.WEIGHTS, None), ("array", engine, Queue.ARRAY, Queue.POST)
        ):  # fmt: skip
            payload = getattr(k, name)
            queue = CommandQueue(payload=payload, depth=c.queue_depth, own=own, half_queue=half)
            m.submodules[f"{name}_queue"] = queue
            wiring.connect(m, queue.push, wiring.flipped(getattr(self, name)))
            m.d.comb += [
                queue.counts.eq(completions.counts),
                queue.ready.eq(unit.ready),
                queue.extra.eq(Const(1) if unit is loader else loader.tile.ready),
                unit.start.eq(queue.start),
                unit.payload.eq(queue.payload),
                getattr(self, f"{name}_start").eq(queue.start),
                getattr(self, f"{name}_finish").eq(unit.finish),
                getattr(self, f"{name}_read").eq(unit.read.valid),
            ]
        m.d.comb += [self.sums_finish.eq(engine.sums_finish), self.swap.eq(loader.tile.swap)]

        # Address, cell, word: each a register, as in the scratchpad. What was not asked for is noise.
        words = [int.from_bytes(bytes(lanes), "little") for lanes in content(c)]
        m.submodules.cells = cells = memory.Memory(shape=unsigned(8 * c.rows), depth=len(words), init=words)
        for unit in (loader, engine):
            port = cells.read_port()
            asked, here = Signal(2), Signal(8 * c.rows)
            m.d.sync += [asked.eq(Cat(unit.read.valid, asked)), port.addr.eq(unit.read.address)]
            m.d.sync += here.eq(port.data ^ (~asked[1]).replicate(8 * c.rows))
            m.d.comb += unit.read.data.as_value().eq(here)
        return m
