"""Numbers of lanes times their pixel's factor, two bits of its mantissa a cycle."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.factor import SHIFT_BITS
from hw.float32 import value_register
from spec.isa import FACTOR_BITS, NUMBER_BITS

__all__ = ["Normalize"]


class Normalize(wiring.Component):
    r"""Takes a word every ``slot`` cycles or later.

    The totals stand ``latency`` cycles after ``start``, until those of the next word's first step.

    ::

        cycle    0        1..9                  10
        start    factor   numbers, step by step totals

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1), mantissa : In, shift : In
        A pixel's factor; the shift must hold for another cycle.
    numbers : In(ArrayLayout(signed(NUMBER_BITS), rows))
        Its lanes', from the next cycle on, for ``slot`` cycles.
    totals : Out(Commands.sums)
    """

    slot = FACTOR_BITS // 2
    latency = 1 + slot

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "mantissa": In(FACTOR_BITS),
            "shift": In(SHIFT_BITS),
            "numbers": In(data.ArrayLayout(signed(NUMBER_BITS), config.rows)),
            "totals": Out(Commands(config).sums),
        })

    def elaborate(self, platform):
        m = Module()
        # Bit i is step i.
        steps = Signal(self.slot)
        m.d.sync += steps.eq(Cat(self.start, steps))
        digits, shift = value_register(FACTOR_BITS), value_register(SHIFT_BITS)
        with m.If(self.start):
            m.d.sync += digits.eq(self.mantissa)
        with m.Else():
            m.d.sync += digits.eq(digits >> 2)
        # The last word's shift is used up to the cycle of this one's first step.
        with m.If(steps[0]):
            m.d.sync += shift.eq(self.shift)

        # The sum stays a number: what is below it is not added to any more.
        for index in range(self.config.rows):
            number = self.numbers[index]
            high = Signal(signed(NUMBER_BITS), name=f"high_{index}", reset_less=True)
            low = Signal(FACTOR_BITS, name=f"low_{index}", reset_less=True)
            added = Signal(signed(NUMBER_BITS + 2), name=f"added_{index}")
            m.d.comb += added.eq(
                Mux(steps[0], 0, high) + Mux(digits[0], number, 0) + (Mux(digits[1], number, 0) << 1)
            )
            with m.If(steps.any()):
                m.d.sync += [high.eq(added >> 2), low.eq(Cat(low[2:], added[:2]))]
            m.d.comb += self.totals[index].eq(Cat(low, high).as_signed() >> shift)
        return m
