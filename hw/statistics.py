"""What is known of each pixel's channels: joined block after block, and the numbers of lanes that go with it."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.depthwise import reduced
from hw.factor import SHIFT_BITS, TOTAL_BITS, Factor
from hw.float32 import carried, value_register
from hw.lookup import Lookup
from hw.multiple import multiple
from spec.isa import (
    CHANNEL_BITS,
    EXPONENTIAL_BYTES,
    FACTOR_BITS,
    MOMENTS_BYTES,
    NUMBER_BITS,
    Statistic,
)

__all__ = ["Statistics"]

#: Cycles from a word to the cycle in which it is joined.
JOINED = 4
#: Bits of a square, and of an exponential.
TERM_BITS = 8 * EXPONENTIAL_BYTES
#: What is kept of a pixel, beside its factor.
PLACE = data.StructLayout({"largest": signed(8), "sum": signed(NUMBER_BITS), "total": unsigned(TOTAL_BITS)})
FACTOR = data.StructLayout({"mantissa": unsigned(FACTOR_BITS), "shift": unsigned(SHIFT_BITS)})


class Statistics(wiring.Component):
    r"""Takes a word of a pixel a cycle, or with ``closing`` every ``Factor.interval`` cycles; pixels come in order.

    A memory has a place for each pixel of a tile. Its reads are always one pixel ahead.

    ::

        cycle    0     1           2        3      4
                 word  difference  numbers  terms  part
        place    read                              joined, written

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        The next word is the first of the operand, or the first pixel's, which comes two cycles later at the earliest.
    measuring, first, closing, statistic, lanes : In
        Join; begin anew; find the factor; what, and of how many lanes, 0 for all. With ``pad`` these hold while words
        are on the way.
    load : In(1)
        ``word`` is the operand's next one.
    tap, padded : In(1)
        ``word`` is the next pixel's, or ``pad`` in all lanes is.
    pad : In(signed(8))
    word : In(Commands.word)
    ready : Out(1)
        The factor is here: the cycle after ``tap``, if not ``measuring``.
    factor : Out
        Mantissa and shift; until the next ``ready``.
    numbers : Out(ArrayLayout(signed(NUMBER_BITS), rows))
        From two cycles after ``tap`` on, until those of the next word.
    finish : Out(1)
        The last pixel's place, or with ``closing`` its factor, is written; none follows.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "measuring": In(1),
            "first": In(1),
            "closing": In(1),
            "statistic": In(2),
            "lanes": In(6),
            "load": In(1),
            "tap": In(1),
            "padded": In(1),
            "pad": In(signed(8)),
            "word": In(Commands(config).word),
            "ready": Out(1),
            "factor": Out(FACTOR),
            "numbers": Out(data.ArrayLayout(signed(NUMBER_BITS), config.rows)),
            "finish": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        largest, moments = (self.statistic == kind for kind in (Statistic.LARGEST, Statistic.MOMENTS))
        line = Signal(8 * MOMENTS_BYTES)
        with m.If(self.load):
            m.d.sync += line.eq(Cat(line, self.word)[8 * c.rows :] if c.rows < MOMENTS_BYTES else self.word.as_value())

        # Bit i is a word that came i + 1 cycles ago.
        moves, joins = Signal(JOINED), Signal(JOINED)
        m.d.sync += moves.eq(Cat(self.tap, moves))
        m.d.comb += joins.eq(Mux(self.measuring, moves, 0))
        pixel, ahead = Signal(range(c.half_rows)), Signal(range(c.half_rows))
        m.d.comb += ahead.eq(pixel + self.tap)
        m.d.sync += pixel.eq(Mux(self.start, 0, ahead))

        # What the word has, then what is known with it.
        joined = Signal(PLACE)
        known = self._memory(m, "known", ahead, joined, joins[-1])
        terms, lanes = self._lanes(m, line[:CHANNEL_BITS], known, moves)
        part, total = value_register(signed(NUMBER_BITS)), value_register(TOTAL_BITS)
        with m.If(joins[JOINED - 2]):
            m.d.sync += [part.eq(reduced(lanes, largest)), total.eq(reduced(terms, 0))]
        before = PLACE(carried(m, known.as_value(), Cat(self.tap, joins[:-1])))
        m.d.comb += joined.eq(before)
        with m.If(largest):
            m.d.comb += joined.largest.eq(Mux(~self.first & (before.largest > part), before.largest, part))
        with m.Else():
            m.d.comb += joined.total.eq(Mux(self.first, 0, before.total) + total)
        with m.If(moments):
            m.d.comb += joined.sum.eq(Mux(self.first, 0, before.sum) + part)

        m.submodules.divide = divide = Factor()
        m.d.comb += [
            divide.moments.eq(moments),
            divide.channels.eq(line),
            divide.epsilon.eq(line[32:]),
            divide.start.eq(joins[-1] & self.closing),
            divide.sum.eq(joined.sum),
            divide.total.eq(joined.total),
        ]
        kept = Signal(FACTOR)
        m.d.comb += [kept.mantissa.eq(divide.mantissa), kept.shift.eq(divide.shift)]
        found = self._memory(m, "found", ahead, kept, divide.done)
        with m.If(self.tap):
            m.d.sync += self.factor.eq(found)
        m.d.comb += self.ready.eq(moves[0] & ~self.measuring)
        m.d.comb += self.finish.eq(Mux(self.closing, divide.done & ~divide.more, joins[-1] & ~moves[:-1].any()))
        return m

    def _memory(self, m, name, pixel, value, write):
        """A place for each pixel, written in order; what ``pixel`` of the cycle before has."""
        m.submodules[name] = cells = memory.Memory(shape=value.shape(), depth=self.config.half_rows, init=[])
        port, read = cells.write_port(), cells.read_port()
        m.d.comb += [port.en.eq(write), port.data.eq(value), read.en.eq(1), read.addr.eq(pixel)]
        place = Signal(range(self.config.half_rows), name=f"{name}_place")
        m.d.comb += port.addr.eq(place)
        with m.If(self.start):
            m.d.sync += place.eq(0)
        with m.Elif(write):
            m.d.sync += place.eq(place + 1)
        return read.data

    def _lanes(self, m, channels, known, moves):
        """Find each lane's number; and a cycle later what it adds to the total, and itself, both if it counts."""
        exponential = self.statistic == Statistic.EXPONENTIALS
        largest = self.statistic == Statistic.LARGEST
        m.submodules.exponentials = exponentials = Lookup(config=self.config, entry_bytes=EXPONENTIAL_BYTES)
        m.d.comb += [exponentials.start.eq(self.start), exponentials.load.eq(self.load), exponentials.used.eq(1)]
        m.d.comb += [exponentials.word.eq(self.word), exponentials.enable.eq(moves[0])]
        sum_of_lanes = value_register(signed(NUMBER_BITS))
        with m.If(self.tap):
            m.d.sync += sum_of_lanes.eq(known.sum)
        terms, lanes = [], []
        for index in range(self.config.rows):
            came, byte, counted = (value_register(signed(8)) for _ in range(3))
            apart, scaled = value_register(8), value_register(signed(NUMBER_BITS))
            centred, square, term = (value_register(shape) for shape in (signed(NUMBER_BITS), TERM_BITS, TERM_BITS))
            lane = Mux(self.padded, self.pad, self.word[index])
            with m.If(self.tap):
                m.d.sync += [came.eq(lane), apart.eq(known.largest - lane)]
                m.d.sync += scaled.eq(multiple(channels, lane, NUMBER_BITS))
            m.d.comb += exponentials.bytes[index].eq(apart)
            with m.If(moves[0]):
                m.d.sync += [centred.eq(scaled - sum_of_lanes), square.eq(multiple(came, came, TERM_BITS))]
                m.d.sync += byte.eq(came)
            m.d.comb += self.numbers[index].eq(Mux(exponential, exponentials.replaced[index], centred))
            counts = (self.lanes == 0) | (index < self.lanes)
            with m.If(moves[1]):
                m.d.sync += term.eq(Mux(counts, Mux(exponential, exponentials.replaced[index], square), 0))
                m.d.sync += counted.eq(Mux(counts, byte, Mux(largest, -128, 0)))
            terms.append(term)
            lanes.append(counted)
        return terms, lanes
