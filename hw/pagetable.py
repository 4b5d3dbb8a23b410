"""The page table: a frame for each virtual page."""

from __future__ import annotations

from amaranth import Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.ports import MapPort

__all__ = ["PageTable"]


class PageTable(wiring.Component):
    """A replica of the page table, with one lookup a cycle.

    A page that was never mapped has any frame. Reset does not clear it: the front end maps a page before it lets an
    engine touch it.

    ::

        cycle    0     1     2
        map      p->f
        page           p
        frame                f

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    map : In(MapPort)
        An entry to write.
    page : In(page_bits)
        A page to look up.
    frame : Out
        The frame of the page of the cycle before.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({"map": In(MapPort(config)), "page": In(k.page_bits), "frame": Out(k.frame)})

    def elaborate(self, platform):
        m = Module()
        k = Commands(self.config)
        m.submodules.entries = entries = memory.Memory(
            shape=unsigned(k.frame_bits), depth=self.config.virtual_pages, init=[]
        )
        write, read = entries.write_port(), entries.read_port()
        m.d.comb += [
            write.en.eq(self.map.valid),
            write.addr.eq(self.map.page),
            write.data.eq(self.map.frame),
            read.en.eq(1),
            read.addr.eq(self.page),
            self.frame.eq(read.data),
        ]
        return m
