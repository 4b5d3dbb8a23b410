"""Pages under way, as the loader's and the storer's proofs count them, and what both proofs have in common."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from amaranth import Signal
from amaranth.hdl import Assert
from amaranth.utils import exact_log2

from tb.proofs.machine import LONG, SMALL
from tb.proofs.opened import Opened

__all__ = ["Pages", "split"]


class Pages:
    """The pages that a Flight holds, oldest first.

    Parameters
    ----------
    d : Design
        Gets the invariant of the queue's pointers.
    unit : Flight
        Part of the unit that is proved.
    config : Config
        The unit's machine.

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

    def __init__(self, d, unit, config):
        inside = Opened(unit)
        self._d, self._offset = d, exact_log2(config.page_bytes)
        self._burst_bytes = config.burst_beats * config.bus_bytes
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

    def begin(self, start, ready, address):
        """Assume that a page is begun only if the engine is ready and a buffer free, on a multiple of its size."""
        self._d.assume(~start | (ready & (self.level != self.depth)))
        self._d.assume(~address[: self._offset].any())

    def asked(self, valid, address, burst, counted):
        """Assert what makes an induction of it: which burst is asked for, and that only answered pages are counted.

        ``burst`` is the number of the one whose address is offered; ``counted`` what has come back of the oldest page.
        """
        newest = [(self.level == place + 1) & ~self.outside[place] for place in range(self.depth)]
        self._d.m.d.comb += [
            Assert(((self.level != 0) & ~self.outside[0]) | (counted == 0)),
            Assert(~valid | sum(newest).any()),
            Assert(~valid | (address[: self._offset] == burst * self._burst_bytes)),
            Assert(valid | (burst == 0)),
        ]


def split(proof, *, reached, bug):
    """A proof of pages of one burst, and the same of pages of two with its own cover and bug."""
    again = replace(
        proof, name=f"{proof.name}-split", claims="the same of pages of two bursts", assumed="the same",
        reached=reached, design=partial(proof.design, LONG), reach=8, bug=bug, quick=False,
    )  # fmt: skip
    return replace(proof, design=partial(proof.design, SMALL)), again
