"""Frames that hold nothing: a list for each bank, first freed, first taken."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import Commands
from hw.wipe import WIPE
from spec.policy import reserve

__all__ = ["FreeList"]


class FreeList(wiring.Component):
    r"""Free frames of all banks. ``find`` takes from the first bank at or after ``colour`` that has any, wrapping.

    Banks of ``avoid`` are passed over if another has any.

    One frame can be taken and one given back in a cycle. Wiped, all frames are free, in ascending order. With
    ``control_stages`` the choice is that of the cycle before: ``colour``, ``avoid`` and the lists must hold for two.

    ::

        cycle    0      1
        find     /‾‾‾\
        any      /‾‾‾\
        frame           ⟨ f ⟩

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    colour : In
        The bank to try first, in the cycle of ``find``.
    avoid : In(banks)
        A bit for each bank; as ``colour``.
    find : In(1)
        Take a frame.
    any : Out(1)
        There is one; ``find`` without does nothing.
    frame : Out(frame)
        The one taken, in the next cycle.
    count : Out
        Frames in all lists.
    short : Out(1)
        They were fewer than the reserve in the cycle before.
    give : In(1)
        Put ``given`` at the end of its bank's list.
    given : In(frame)
        A frame.
    wipe : In(WIPE)
        See Wipe.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "colour": In(ceil_log2(config.banks)),
            "avoid": In(config.banks),
            "find": In(1),
            "any": Out(1),
            "frame": Out(k.frame),
            "count": Out(range(config.frames + 1)),
            "short": Out(1),
            "give": In(1),
            "given": In(k.frame),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        bank_bits, place_bits = ceil_log2(c.banks), ceil_log2(c.bank_frames)

        # A frame's bank is the list it is in, so that only its place in the bank is kept.
        m.submodules.places = places = memory.Memory(shape=unsigned(place_bits), depth=c.frames, init=[])
        write, read = places.write_port(), places.read_port()
        oldest = Array(Signal(place_bits, name=f"oldest_{b}") for b in range(c.banks))
        levels = Array(Signal(range(c.bank_frames + 1), name=f"level_{b}") for b in range(c.banks))

        # The lists are turned, so that the first choice is lane 0.
        bank, turned = Signal(bank_bits), Signal(c.banks)
        filled, open_to = Cat(level.any() for level in levels), Signal(c.banks)
        m.d.comb += open_to.eq(filled)
        with m.If((filled & ~self.avoid).any()):
            m.d.comb += open_to.eq(filled & ~self.avoid)
        m.d.comb += turned.eq(Cat(open_to, open_to) >> self.colour)
        domain = m.d.sync if c.control_stages else m.d.comb
        domain += self.any.eq(turned.any())
        for lane in reversed(range(c.banks)):
            with m.If(turned[lane]):
                domain += bank.eq(self.colour + lane)

        m.d.comb += self.count.eq(sum(levels))
        m.d.sync += self.short.eq(self.count < reserve(c))
        found, asked = Signal(), Signal(bank_bits)
        m.d.comb += [
            found.eq(self.find & self.any),
            read.en.eq(found),
            read.addr.eq(Cat(oldest[bank], bank)),
            self.frame.eq(Cat(read.data, asked)),
        ]
        with m.If(found):
            m.d.sync += [asked.eq(bank), oldest[bank].eq(oldest[bank] + 1)]

        into = self.given[place_bits:]
        newest = Signal(place_bits)
        if not c.control_stages:
            m.d.comb += newest.eq(oldest[into] + levels[into])
        else:
            ends = Array(Signal(place_bits, name=f"end_{b}") for b in range(c.banks))
            m.d.comb += newest.eq(ends[into])
            with m.If(self.give):
                m.d.sync += ends[into].eq(newest + 1)
            with m.If(self.wipe.valid):
                m.d.sync += [end.eq(0) for end in ends]
        for b in range(c.banks):
            m.d.sync += levels[b].eq(levels[b] + (self.give & (into == b)) - (found & (bank == b)))

        wiped = self.wipe.index[: place_bits + bank_bits]
        m.d.comb += [
            write.en.eq(self.give | self.wipe.valid),
            write.addr.eq(Mux(self.wipe.valid, wiped, Cat(newest, into))),
            write.data.eq(Mux(self.wipe.valid, wiped, self.given)),
        ]
        with m.If(self.wipe.valid):
            for b in range(c.banks):
                m.d.sync += [oldest[b].eq(0), levels[b].eq(c.bank_frames)]
        return m
