"""Pages under way, as the loader's and the storer's proofs count them."""

from __future__ import annotations

from amaranth import Signal
from amaranth.hdl import Assert

from tb.proofs.opened import Opened

__all__ = ["Pages"]


class Pages:
    """The pages that a Flight holds, oldest first.

    Parameters
    ----------
    d : Design
        Gets the invariant of the queue's pointers.
    unit : Flight
        Part of the unit that is proved.

    Attributes
    ----------
    level
        Pages under way.
    burst
        Bursts of the oldest that are answered.
    expected
        Pages that the memory answers: those inside their window.
    outside : list
        Of each place, whether its page is outside; of no meaning where there is none.
    """

    def __init__(self, d, unit):
        inside = Opened(unit)
        first, self.level, self.burst = inside["oldest"].addr, inside["level"], inside["burst"]
        self.depth = unit.depth
        self.outside = [inside.word(d.m, "pages", first + place).outside for place in range(unit.depth)]
        self.expected = Signal(range(unit.depth + 1))
        there = [(self.level > place) & ~self.outside[place] for place in range(unit.depth)]
        d.m.d.comb += [
            self.expected.eq(sum(there)),
            Assert(self.level <= unit.depth),
            Assert(inside["write"].addr == (first + self.level)[: len(first)]),
        ]

    def newest_inside(self):
        """There is a page, and the one that was pushed last is answered."""
        found = [(self.level == place + 1) & ~self.outside[place] for place in range(self.depth)]
        return sum(found).any()
