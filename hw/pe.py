"""Processing elements: multiply by the weight in place, add what comes from above, pass on."""

from __future__ import annotations

from amaranth import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FACTOR", "Elements", "sum_bits"]

#: What is multiplied: an int8 lane less an int8 zero.
_LARGEST = 127 + 128
FACTOR = signed(_LARGEST.bit_length() + 1)


def sum_bits(rows):
    """Bits of a sum of ``rows`` products of two factors, and its sign."""
    return (rows * _LARGEST**2).bit_length() + 1


class Elements(wiring.Component):
    """The processing elements of one antidiagonal of the array.

    What enters at the edge reaches element (r, c) after r + c cycles, so all elements with the same r + c load, swap
    and multiply in the same cycle: they share their enables.

    ::

        cycle      t            t + 1
        swap       1
        active     ...          shadow
        sums                    above + activations * active, both of cycle t

    Parameters
    ----------
    rows : range
        Array rows of the elements; it bounds their sums.
    width : int
        Bits of a sum at the ports.

    Members
    -------
    load : In(1)
        ``weights`` go into the shadow registers.
    weights : In(ArrayLayout(FACTOR))
        A weight for each element.
    swap : In(1)
        The shadow registers are copied into the active ones; activations of the next cycle meet the new weights.
    activations : In(ArrayLayout(FACTOR))
        An activation for each element.
    above, sums : In, Out(signed(width)) each
        Sums from the elements above, and, a cycle later, those that include the elements' own products.
    """

    def __init__(self, *, rows, width):
        self.rows, self.width = rows, width
        factors = data.ArrayLayout(FACTOR, len(rows))
        super().__init__({
            "load": In(1),
            "weights": In(factors),
            "swap": In(1),
            "activations": In(factors),
            "above": In(signed(width)).array(len(rows)),
            "sums": Out(signed(width)).array(len(rows)),
        })

    def elaborate(self, platform):
        m = Module()

        # One wide register for all weights of a kind: it moves as one, and costs a simulator next to nothing. Values
        # are not reset anywhere in the array: the marks that give them a meaning are.
        shadow = Signal.like(self.weights, name="shadow", reset_less=True)
        active = Signal.like(self.weights, name="active", reset_less=True)
        with m.If(self.load):
            m.d.sync += shadow.eq(self.weights)
        with m.If(self.swap):
            m.d.sync += active.eq(shadow)

        # A sum is no wider than the rows above can make it.
        for index, row in enumerate(self.rows):
            total = Signal(signed(min(sum_bits(row + 1), self.width)), name=f"sum_{row}", reset_less=True)
            m.d.sync += total.eq(self.above[index] + self.activations[index] * active[index])
            m.d.comb += self.sums[index].eq(total)

        return m
