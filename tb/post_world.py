"""A world of post-processing: memories that know no pages, around the engine."""

from __future__ import annotations

from dataclasses import replace

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.ports import WritePort
from hw.postprocess import Postprocess
from spec.config import CONFIGS
from spec.timing import READ_LATENCY

__all__ = ["World", "configuration"]


def configuration(rows, taps, kernel):
    """Give the tiny machine with other words, so many multipliers a lane, and another line buffer."""
    return replace(CONFIGS["tiny"], rows=rows, cols=rows, depthwise_taps=taps, line_kernel=kernel)


class World(wiring.Component):
    """The engine, a memory of all virtual words, and an accumulator. What was not asked for arrives inverted."""

    def __init__(self, config):
        self.config = config
        k = Commands(config)
        self.rows_bits = (2 * config.half_rows - 1).bit_length()
        super().__init__({
            "start": In(1), "payload": In(k.post), "ready": Out(1), "finish": Out(1),
            "read_valid": Out(1), "read_address": Out(k.address_width), "write": Out(WritePort(config)),
            "poke_word": In(1), "poke_sums": In(1), "poke_address": In(k.address_width),
            "poke_data": In(32 * config.cols),
        })  # fmt: skip

    def elaborate(self, platform):  # noqa: ARG002
        m = Module()
        c, k = self.config, Commands(self.config)
        m.submodules.engine = engine = Postprocess(config=c)
        wiring.connect(m, wiring.flipped(self.write), engine.write)
        m.d.comb += [engine.start.eq(self.start), engine.payload.eq(self.payload)]
        m.d.comb += [self.ready.eq(engine.ready), self.finish.eq(engine.finish)]
        m.d.comb += [self.read_valid.eq(engine.read.valid), self.read_address.eq(engine.read.address)]

        sums = Cat(engine.drain.row, engine.drain.half)
        parts = (
            ("words", 8 * c.rows, 1 << k.address_width, self.poke_word, engine.read.valid, engine.read.address,
             engine.read.data, READ_LATENCY),
            ("sums", 32 * c.cols, c.accumulator_rows, self.poke_sums, engine.drain.valid, sums, engine.drain.sums, 1),
        )  # fmt: skip
        for name, width, depth, poke, valid, address, data, latency in parts:
            m.submodules[name] = cells = memory.Memory(shape=unsigned(width), depth=depth, init=[])
            write, read = cells.write_port(), cells.read_port()
            m.d.comb += [write.en.eq(poke), write.addr.eq(self.poke_address), write.data.eq(self.poke_data)]
            m.d.comb += [read.en.eq(1), read.addr.eq(address)]
            asked = Signal(name=f"{name}_asked")
            m.d.sync += asked.eq(valid)
            word = Mux(asked, read.data, ~read.data)
            for stage in range(1, latency):
                register = Signal(width, name=f"{name}_{stage}")
                m.d.sync += register.eq(word)
                word = register
            m.d.comb += data.as_value().eq(word)
        return m
