"""What is known of each virtual page: where it is, what is in it, who translates it."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import COUNT_BITS, Commands
from hw.wipe import WIPE

__all__ = ["USERS", "Directory", "page_entry", "page_request"]

#: Completion counts of the last ARRAY and POST commands that translate a page.
USERS = data.StructLayout({"array": unsigned(COUNT_BITS), "post": unsigned(COUNT_BITS)})


def page_entry(config):
    """What the allocator knows of a page; ``store`` is the count of WRITE that a fill waits for."""
    return data.StructLayout({
        "present": unsigned(1),
        "dirty": unsigned(1),
        "home": unsigned(1),
        "frame": Commands(config).frame,
        "store": unsigned(COUNT_BITS),
    })


def page_request(config):
    """Look ``page`` up, or write its entry, its users, or the mark of the current COMPUTE."""
    return data.StructLayout({
        "look": unsigned(1),
        "write": unsigned(1),
        "use": unsigned(1),
        "mark": unsigned(1),
        "page": unsigned(Commands(config).page_bits),
        "entry": page_entry(config),
        "users": USERS,
    })


class Directory(wiring.Component):
    """An entry, the users and a mark for each virtual page.

    What was looked up stands from the next cycle on. With ``control_stages`` whatever is asked for is done a cycle
    later, and what was looked up stands two cycles later.

    A mark is the number of the COMPUTE that set it, so that all marks of the one before are gone at once.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    request : In(page_request)
        See there.
    stamp : In(32)
        Number of the current COMPUTE, from 1.
    entry, users : Out
        Of the page looked up last.
    marked : Out(1)
        It has the mark of the current COMPUTE.
    wipe : In(WIPE)
        See Wipe.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "request": In(page_request(config)),
            "stamp": In(32),
            "entry": Out(page_entry(config)),
            "users": Out(USERS),
            "marked": Out(1),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        ask, wipe = self.request, self.wipe
        if self.config.control_stages:
            ask = Signal.like(self.request)
            m.d.sync += ask.eq(self.request)
        kept = {
            "entries": (ask.write, ask.entry, self.entry),
            "users": (ask.use, ask.users, self.users),
            "marks": (ask.mark, self.stamp, None),
        }
        for name, (enable, new, old) in kept.items():
            shape = unsigned(32) if old is None else old.shape()
            m.submodules[name] = table = memory.Memory(shape=shape, depth=self.config.virtual_pages, init=[])
            write, read = table.write_port(), table.read_port()
            m.d.comb += [
                read.en.eq(ask.look),
                read.addr.eq(ask.page),
                write.en.eq(enable | wipe.valid),
                write.addr.eq(Mux(wipe.valid, wipe.index, ask.page)),
            ]
            domain = m.d.sync if self.config.control_stages else m.d.comb
            domain += self.marked.eq(read.data == self.stamp) if old is None else old.eq(read.data)
            with m.If(~wipe.valid):
                m.d.comb += write.data.eq(new)
        return m
