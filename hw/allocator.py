"""The allocation controller: which page lies where, what is fetched, evicted, written back, forgotten."""

from __future__ import annotations

from amaranth import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.bind import Bind
from hw.commands import COUNTS, Commands
from hw.directory import Directory
from hw.eviction import Eviction
from hw.freelist import FreeList
from hw.hazards import USER, hazard_request
from hw.layout import layout
from hw.merge import merge
from hw.pagewalk import RANGE
from hw.ports import MapPort
from hw.queue import entry
from hw.release import Release
from hw.settle import Settle
from hw.slots import Slots, binding, slot_request
from hw.transfers import QUEUES, Transfers
from hw.wipe import WIPE
from spec.isa import BIND, Queue, Role

__all__ = ["Allocator", "visit"]


def visit(config):
    """A page to settle or to store: see Settle."""
    k = Commands(config)
    return data.StructLayout({
        "store": unsigned(1),
        "slot": unsigned(ceil_log2(config.slots)),
        "window": unsigned(k.page_bits),
        "place": unsigned(k.page_bits),
        "writes": unsigned(1),
        "user": USER,
    })


class Allocator(wiring.Component):
    """Policy ``none``: pages stay while their operator runs; the least recently used tensor makes room, lowest page up.

    One thing at a time: a strobe of ``settle``, ``bind`` or ``forget``, then ``done`` in its last cycle, the next
    strobe after that.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    settle : In(1)
        Visit a page; this is the first cycle of the visit.
    visit : In(visit)
        Which; must hold until done.
    bind : In(1)
        Release ``fields.slot``, then bind it. Begins in the next cycle.
    fields : In(BIND)
        The instruction; must hold until done.
    forget : In(1)
        Release all slots. Begins in the next cycle.
    done : Out(1)
        The last cycle of what was asked for; not if it is refused.
    look : In(slot_request)
        Lookups in Slots while nothing is asked for.
    binding : Out(binding)
        Of the slot looked up last.
    renew, roles, ranges, windows, pages, stamp : In
        The current COMPUTE, for Eviction.
    counts : In(COUNTS)
        Completion counts.
    data_base : In(32)
        Byte address of DRAM page 0.
    before_reading, before_writing, before_read_port, before_write_port : In(COUNTS)
        From Hazards.
    hazards : Out(hazard_request)
        To Hazards.
    fold, frame : Out
        See Settle.
    map : Out(MapPort)
        To the page tables.
    read, place, take, write : Out(stream)
        Commands.
    pushed : Out(COUNTS)
        Commands pushed, of these four queues.
    evicted, wrote_back, filled : Out(1)
        Strobes for counters.
    beyond, unfit : Out(1)
        An eviction refused: see there.
    wipe : In(WIPE)
        See Wipe.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        before = ("before_reading", "before_writing", "before_read_port", "before_write_port")
        super().__init__({
            "settle": In(1),
            "visit": In(visit(config)),
            "bind": In(1),
            "fields": In(layout(BIND)),
            "forget": In(1),
            "done": Out(1),
            "look": In(slot_request(config)),
            "binding": Out(binding(config)),
            "renew": In(1),
            "roles": In(len(Role)),
            "ranges": In(RANGE).array(len(Role)),
            "windows": In(k.page_bits).array(len(Role)),
            "pages": In(k.page_bits + 1).array(len(Role)),
            "stamp": In(32),
            "counts": In(COUNTS),
            "data_base": In(32),
            **{name: In(COUNTS) for name in before},
            "hazards": Out(hazard_request(config)),
            "fold": Out(1),
            "frame": Out(k.frame),
            "map": Out(MapPort(config)),
            **{q.name.lower(): Out(stream.Signature(entry(getattr(k, q.name.lower())))) for q in QUEUES},
            "pushed": Out(COUNTS),
            "evicted": Out(1),
            "wrote_back": Out(1),
            "filled": Out(1),
            "beyond": Out(1),
            "unfit": Out(1),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        m.submodules.slots = slots = Slots(config=c)
        m.submodules.directory = directory = Directory(config=c)
        m.submodules.free = free = FreeList(config=c)
        m.submodules.release = release = Release(config=c)
        m.submodules.eviction = eviction = Eviction(config=c)
        m.submodules.visitor = visitor = Settle(config=c)
        m.submodules.transfers = transfers = Transfers(config=c)
        m.submodules.binder = binder = Bind(config=c)

        # Everyone sees the tables; whoever's turn it is asks.
        for unit in (release, eviction, visitor):
            m.d.comb += [
                unit.binding.eq(slots.binding),
                unit.residency.eq(slots.residency),
                unit.entry.eq(directory.entry),
                unit.transferred.eq(transfers.done),
            ]
        m.d.comb += [
            merge(slots.request, self.look, release.slots, eviction.slots, visitor.slots, binder.slots),
            merge(
                directory.request,
                release.directory, eviction.directory, visitor.directory, transfers.directory, binder.directory,
            ),
            merge(transfers.request, release.transfer, eviction.transfer, visitor.transfer),
            merge(self.hazards, visitor.hazards, transfers.hazards),
            slots.stamp.eq(self.stamp),
            directory.stamp.eq(self.stamp),
            *(table.wipe.eq(self.wipe) for table in (slots, directory, free)),
            self.binding.eq(slots.binding),
        ]  # fmt: skip

        # A visit, and where its frame comes from.
        m.d.comb += [
            visitor.start.eq(self.settle),
            *(getattr(visitor, name).eq(self.visit[name]) for name in self.visit.shape().members),
            visitor.counts.eq(self.counts),
            visitor.users.eq(directory.users),
            visitor.any.eq(free.any),
            visitor.found.eq(free.frame),
            visitor.evicted.eq(eviction.done),
            visitor.victim.eq(eviction.frame),
            visitor.refused.eq(eviction.beyond | eviction.unfit),
            self.fold.eq(visitor.fold),
            self.frame.eq(visitor.frame),
            free.find.eq(visitor.find),
            free.colour.eq(slots.binding.colour),
            free.give.eq(release.give),
            free.given.eq(release.frame),
            eviction.start.eq(visitor.evict),
            eviction.renew.eq(self.renew),
            eviction.roles.eq(self.roles),
            *(eviction.ranges[r].eq(self.ranges[r]) for r in Role),
            *(eviction.windows[r].eq(self.windows[r]) for r in Role),
            *(eviction.pages[r].eq(self.pages[r]) for r in Role),
            eviction.used.eq(slots.used),
            eviction.marked.eq(directory.marked),
            self.evicted.eq(eviction.evicted),
            self.beyond.eq(eviction.beyond),
            self.unfit.eq(eviction.unfit),
        ]
        wiring.connect(m, visitor.map, wiring.flipped(self.map))

        # Commands.
        m.d.comb += [
            transfers.binding.eq(slots.binding),
            transfers.data_base.eq(self.data_base),
            transfers.before_reading.eq(self.before_reading),
            transfers.before_writing.eq(self.before_writing),
            transfers.before_read_port.eq(self.before_read_port),
            transfers.before_write_port.eq(self.before_write_port),
            transfers.clear.eq(self.wipe.valid),
            self.pushed.eq(transfers.pushed),
            self.filled.eq(transfers.request.fill),
            self.wrote_back.eq(transfers.request.write_back),
        ]
        for queue in QUEUES:
            name = queue.name.lower()
            wiring.connect(m, getattr(transfers, name), wiring.flipped(getattr(self, name)))

        # What is asked for ends where its last unit ends.
        forgetting = Signal()
        with m.If(self.forget | release.done):
            m.d.sync += forgetting.eq(self.forget)
        m.d.comb += [
            release.start.eq(self.bind | self.forget),
            release.slot.eq(self.fields.slot),
            release.all.eq(self.forget),
            binder.start.eq(self.bind),
            binder.released.eq(release.done),
            binder.fields.eq(self.fields),
            binder.stores.eq(transfers.pushed[Queue.WRITE]),
            self.done.eq(visitor.done | binder.done | (forgetting & release.done)),
        ]
        return m
