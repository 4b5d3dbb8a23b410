"""Windows averaged as float32 does it: tap after tap, every sum rounded; then looked up between borders."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.commands import Commands
from hw.float32 import BIAS, carried, slide, value_register
from hw.multiple import multiple
from spec.isa import LINE, MANTISSA

__all__ = ["Average"]

#: A product of a mantissa and a difference of bytes; sums of as many as a kernel can have, each rounded.
PRODUCT_BITS = MANTISSA + 8 + 1
SUM_BITS = PRODUCT_BITS + 16
ENTRY_BITS = 32
#: Registers more that ``data_stages`` put on a lane's way.
MORE = 5


class Average(wiring.Component):
    r"""Takes a word of taps in as many cycles as it has lanes, a lane in each: one adder serves all.

    In units of the scale's last place every float32 that can occur is an integer, so the sums have a fixed point, and
    are rounded where their highest bit says. ``latency`` cycles after a lane's cycle its byte is at the output, that
    of all taps so far; ``MORE`` later with ``data_stages``, where rounding a sum takes two cycles, its sign and its
    zeros three, and each search counts in a cycle of its own what its comparisons found. A search takes two
    comparisons with fifteen borders each: of lines, and in a line.

    ::

        cycle    0     1           2        3          4        5        6        7     8     9      10
                 word  difference  product  rounded    sum      rounded  slide    key   line  place  byte
                                                       of the lane's earlier taps

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        The next word loaded is the table's first, and the next tap is a window's first. Of the table's lines the
        first ones are loaded, those that are not have borders out of reach.
    load : In(1)
        ``word`` is the table's next one; no taps are under way.
    tap : In(1), part : In
        A lane's cycle, and which lane's; with lane 0 ``word`` is a tap of all.
    last : In(1)
        The tap is a window's last; with the last lane.
    padded : In(1)
        With lane 0: the tap is padding, which adds nothing.
    pad : In(signed(8))
        What counts as zero; holds while taps are under way.
    word : In(Commands.word)
    averages : Out(Commands.word)
    """

    latency = 10

    def __init__(self, *, config):
        self.config = config
        word = Commands(config).word
        super().__init__({
            "start": In(1),
            "load": In(1),
            "tap": In(1),
            "part": In(range(config.rows)),
            "last": In(1),
            "padded": In(1),
            "pad": In(signed(8)),
            "word": In(word),
            "averages": Out(word),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        heads, line_of, entries = self._table(m)

        # Bit i is a lane's cycle i + 1 cycles ago.
        staged = c.data_stages
        moves = Signal(self.latency + MORE * staged - 1)
        m.d.sync += moves.eq(Cat(self.tap, moves))
        fresh = Signal()
        with m.If(self.start):
            m.d.sync += fresh.eq(1)
        with m.Elif(self.tap & (self.part == c.rows - 1)):
            m.d.sync += fresh.eq(self.last)

        held, nothing = value_register(self.word.shape()), value_register()
        with m.If(self.tap & (self.part == 0)):
            m.d.sync += [held.eq(self.word), nothing.eq(self.padded)]
        lane = carried(m, self.part, Cat(self.tap))
        begins = carried(m, fresh, Cat(self.tap, moves[:3]))

        difference, product = value_register(signed(9)), value_register(signed(PRODUCT_BITS))
        addend = value_register(signed(PRODUCT_BITS))
        with m.If(moves[0]):
            m.d.sync += difference.eq(Mux(nothing, 0, held[lane] - self.pad))
        with m.If(moves[1]):
            m.d.sync += product.eq(multiple(heads[0][:MANTISSA], difference, PRODUCT_BITS))
        with m.If(moves[2]):
            m.d.sync += addend.eq(_rounded(product))

        # The sums of all lanes; a lane's next tap comes when its last one's sum is there.
        m.submodules.sums = sums = memory.Memory(shape=signed(SUM_BITS), depth=c.rows, init=[])
        write, read = sums.write_port(), sums.read_port(domain="comb")
        total, rounded = value_register(signed(SUM_BITS)), value_register(signed(SUM_BITS))
        adding = carried(m, lane, moves[:3])
        m.d.comb += read.addr.eq(adding)
        with m.If(moves[3]):
            m.d.sync += total.eq(Mux(begins, 0, read.data) + addend)
        parts = total, *_dropped(total)
        if staged:
            # What is dropped is known a cycle before it is.
            kept = [value_register(one.shape()) for one in parts]
            with m.If(moves[4]):
                m.d.sync += [register.eq(one) for register, one in zip(kept, parts, strict=True)]
            parts = kept
        at = 4 + staged
        m.d.comb += [write.en.eq(moves[at]), write.data.eq(_without(*parts))]
        stored = carried(m, adding, moves[3:at])
        m.d.comb += write.addr.eq(stored)
        with m.If(moves[at]):
            m.d.sync += rounded.eq(write.data)
        kept_at = at

        # The sum as float32 has it, but for what order they have as integers.
        size = SUM_BITS - 1
        magnitude, negative = Mux(rounded[-1], -rounded, rounded)[:size], rounded[-1]
        if staged:
            at += 1
            magnitude, negative = carried(m, magnitude, moves[at]), carried(m, negative, moves[at])
        *early, late = [(32, 16), (8, 4), (2, 1)] if staged else [(32, 16, 8), (4, 2, 1)]
        zeros = []
        for steps in early:
            at += 1
            value, taken = slide(m, magnitude, steps)
            magnitude, zeros = carried(m, value, moves[at]), [carried(m, one, moves[at]) for one in (taken, *zeros)]
            negative = carried(m, negative, moves[at])
        key = value_register(signed(ENTRY_BITS))
        fine, taken = slide(m, magnitude, late)
        exponent, bits = Signal(8), Signal(ENTRY_BITS - 1)
        m.d.comb += exponent.eq(Mux(fine[-1], BIAS + size - 1 - Cat(taken, *zeros), 0))
        m.d.comb += bits.eq(Cat(fine[size - MANTISSA : -1], exponent))
        at += 1
        with m.If(moves[at]):
            m.d.sync += key.eq(Cat(Mux(negative, ~bits, bits), negative))

        passed, sought = _passed(heads[1:], key), key
        if staged:
            at += 1
            passed, sought = carried(m, passed, moves[at]), carried(m, sought, moves[at])
        m.d.comb += line_of.eq(_count(passed))
        at += 1
        line, sought = carried(m, line_of, moves[at]), carried(m, sought, moves[at])
        passed = _passed(entries, sought)
        if staged:
            at += 1
            passed, line = carried(m, passed, moves[at]), carried(m, line, moves[at])
        at += 1
        found = carried(m, stored, moves[kept_at:at])
        with m.If(moves[at]):
            m.d.sync += self.averages[found].eq(Cat(_count(passed), line) ^ 0x80)
        return m

    def _table(self, m):
        """Keep the table as it is loaded: the heads of its lines, and of one line, which is asked for, the others."""
        rows = self.config.rows
        chunks = LINE * ENTRY_BITS // (8 * rows)
        place = Signal(range(LINE * chunks))
        with m.If(self.start):
            m.d.sync += place.eq(0)
        with m.Elif(self.load):
            m.d.sync += place.eq(place + 1)
        chunk, line = place[: exact_log2(chunks)], place[exact_log2(chunks) :]

        m.submodules.lines = lines = memory.Memory(shape=unsigned(LINE * ENTRY_BITS), depth=LINE, init=[])
        write, read = lines.write_port(granularity=8 * rows), lines.read_port()
        m.d.comb += [
            write.en.eq(self.load << chunk),
            write.addr.eq(line),
            write.data.eq(self.word.as_value().replicate(chunks)),
        ]
        # A line that is not loaded is never reached.
        never = (1 << ENTRY_BITS - 1) - 1
        heads = [Signal(signed(ENTRY_BITS), name=f"head_{index}", init=never) for index in range(LINE)]
        with m.If(self.start):
            m.d.sync += [head.eq(never) for head in heads]
        part = min(8 * rows, ENTRY_BITS)
        for index, head in enumerate(heads):
            for at in range(ENTRY_BITS // part):
                with m.If(self.load & (line == index) & (chunk == at)):
                    m.d.sync += head[at * part : (at + 1) * part].eq(self.word.as_value()[:part])
        line_of = Signal(range(LINE))
        m.d.comb += read.addr.eq(line_of)
        entries = [read.data.word_select(index, ENTRY_BITS).as_signed() for index in range(1, LINE)]
        return heads, line_of, entries


def _rounded(value):
    """An integer as float32 holds it: so many bits from its highest one on, half to even; the others are zero."""
    return _without(value, *_dropped(value))


def _dropped(value):
    """Which bits of an integer a float32 drops, and whether half of their unit is rounded up."""
    # Without its sign a negative number is one less: that only moves the highest bit of a power of two.
    high = Mux(value[-1], ~value, value)
    dropped = Cat(high[bit + MANTISSA :].any() for bit in range(len(value) - 1 - MANTISSA))
    unit = Cat(1, dropped) & ~Cat(dropped, 0)
    return dropped, dropped[0] & (value & unit).any()


def _without(value, dropped, odd):
    """The integer rounded to the bits that are not dropped."""
    return ((value + dropped[1:] + odd) & ~Cat(dropped, 0).as_signed())[: len(value)].as_signed()


def _passed(borders, key):
    """Which borders are not above the key."""
    return Cat(border <= key for border in borders)


def _count(passed):
    """How many are."""
    return sum(passed)[: exact_log2(LINE)]
