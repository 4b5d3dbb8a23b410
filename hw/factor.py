"""What a pixel's lanes are multiplied by, of the statistic of its channels: a mantissa and a shift, bit by bit."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.float32 import slide, value_register
from spec.isa import CHANNEL_BITS, EPSILON_BITS, FACTOR_BITS, NUMBER_BITS

__all__ = ["SHIFT_BITS", "TOTAL_BITS", "Factor"]

TOTAL_BITS = 32
#: Bits of a root, and of a shift.
ROOT_BITS = EPSILON_BITS // 2
SHIFT_BITS = 5
#: A divisor has its highest bit set, which makes the quotient one of FACTOR_BITS.
DIVISOR_BITS = 32
#: The shifts of an exponential and of a moment that nothing was shifted to the left for.
EXPONENTIAL_SHIFT, MOMENT_SHIFT = 24, 22


class Factor(wiring.Component):
    r"""Takes a pixel every ``interval`` cycles or later; ``latency`` cycles later its factor is at the output.

    Three stages work on three pixels: sums bit by bit; a root, after leading zeros are gone; a division. A pixel of
    EXPONENTIALS passes the first and the root without change.

    ::

        cycle    0      1..24                   25       26     27..48   49       50..67   68
                 start  channels x total - sum^2  past zeros    root     divisor  quotient done

    Members
    -------
    moments : In(1), channels : In, epsilon : In
        The statistic, and what comes with it; these hold while pixels are on the way.
    start : In(1)
        Take this pixel.
    sum : In(signed), total : In
        The pixel's.
    done : Out(1), more : Out(1)
        A factor stands in this cycle; others are on the way.
    mantissa, shift : Out
        Where the mantissa is 0 the shift is of no meaning.
    """

    interval = NUMBER_BITS + 1
    latency = interval + 2 + ROOT_BITS + 1 + FACTOR_BITS

    def __init__(self):
        super().__init__({
            "moments": In(1),
            "channels": In(CHANNEL_BITS),
            "epsilon": In(EPSILON_BITS),
            "start": In(1),
            "sum": In(signed(NUMBER_BITS)),
            "total": In(TOTAL_BITS),
            "done": Out(1),
            "more": Out(1),
            "mantissa": Out(FACTOR_BITS),
            "shift": Out(SHIFT_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        # Bit i is a pixel that started i + 1 cycles ago.
        moves = Signal(self.latency)
        m.d.sync += moves.eq(Cat(self.start, moves))
        m.d.comb += [self.done.eq(moves[-1]), self.more.eq(moves[:-1].any())]
        at = self.interval - 1
        spread = self._spread(m, moves[:at].any())
        square, places = self._past_zeros(m, spread, moves[at], moves[at + 1])
        root = self._root(m, square, moves[at + 1], moves[at + 2 : at + 2 + ROOT_BITS].any())
        at += 2 + ROOT_BITS

        # An exponential's total was shifted by an even number of places: by one more, if its highest bit is not set.
        whole = square[EPSILON_BITS - TOTAL_BITS :]
        odd = ~whole[-1]
        exponential = Mux(odd, whole << 1, whole)[:DIVISOR_BITS]
        divisor, left = value_register(DIVISOR_BITS), value_register(DIVISOR_BITS)
        taken = Signal(SHIFT_BITS + 1)
        m.d.comb += taken.eq(Cat(odd, places))
        with m.If(moves[at]):
            m.d.sync += divisor.eq(Mux(self.moments, root << DIVISOR_BITS - ROOT_BITS, exponential))
            m.d.sync += left.eq(1 << DIVISOR_BITS - 2)
            m.d.sync += self.shift.eq(Mux(taken > EXPONENTIAL_SHIFT, 0, EXPONENTIAL_SHIFT - taken))
            with m.If(self.moments):
                m.d.sync += self.shift.eq(MOMENT_SHIFT - places)
        quotient, less = value_register(FACTOR_BITS), Signal(signed(DIVISOR_BITS + 2))
        m.d.comb += less.eq((left << 1) - divisor)
        with m.If(moves[at + 1 : at + 1 + FACTOR_BITS].any()):
            m.d.sync += quotient.eq(Cat(~less[-1], quotient))
            m.d.sync += left.eq(Mux(less[-1], left << 1, less))
        # Only a divisor that is nothing has no highest bit.
        m.d.comb += self.mantissa.eq(Mux(divisor[-1], quotient, 0))
        return m

    def _spread(self, m, steps):
        """Channels x total - sum^2 + epsilon, a bit of channels and of the sum's magnitude in each step."""
        spread, total, magnitude = (value_register(EPSILON_BITS) for _ in range(3))
        channels, bits = value_register(CHANNEL_BITS), value_register(NUMBER_BITS)
        absolute = Mux(self.sum[-1], -self.sum, self.sum)[:NUMBER_BITS]
        with m.If(self.start):
            m.d.sync += spread.eq(Mux(self.moments, self.epsilon, self.total << EPSILON_BITS - TOTAL_BITS))
            m.d.sync += [total.eq(self.total), channels.eq(self.channels), magnitude.eq(absolute), bits.eq(absolute)]
        with m.Elif(steps & self.moments):
            m.d.sync += spread.eq(spread + Mux(channels[0], total, 0) - Mux(bits[0], magnitude, 0))
            m.d.sync += [total.eq(total << 1), magnitude.eq(magnitude << 1)]
            m.d.sync += [channels.eq(channels >> 1), bits.eq(bits >> 1)]
        return spread

    def _past_zeros(self, m, spread, coarsely, finely):
        """Shift to the left by pairs of places until one of the highest two bits is set; the pairs."""
        coarse, coarse_taken = value_register(EPSILON_BITS), value_register(2)
        value, taken = slide(m, spread, (32, 16))
        with m.If(coarsely):
            m.d.sync += [coarse.eq(value), coarse_taken.eq(taken)]
        square, places = value_register(EPSILON_BITS), value_register(SHIFT_BITS)
        value, taken = slide(m, coarse, (8, 4, 2))
        with m.If(finely):
            m.d.sync += [square.eq(value), places.eq(Cat(taken, coarse_taken))]
        return square, places

    def _root(self, m, square, begins, steps):
        """A bit of the root in each step, which takes the highest two of the square."""
        root, left = value_register(ROOT_BITS), value_register(ROOT_BITS + 1)
        less = Signal(signed(ROOT_BITS + 4))
        m.d.comb += less.eq(Cat(square[-2:], left) - Cat(1, 0, root))
        with m.If(begins):
            m.d.sync += [root.eq(0), left.eq(0)]
        with m.Elif(steps & self.moments):
            m.d.sync += [square.eq(square << 2), root.eq(Cat(~less[-1], root))]
            m.d.sync += left.eq(Mux(less[-1], Cat(square[-2:], left), less))
        return root
