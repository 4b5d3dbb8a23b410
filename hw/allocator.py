"""The allocation controller: which page lies where, what is fetched, evicted, written back, forgotten."""

from __future__ import annotations

from amaranth import Module, Mux, ResetSignal, Signal, unsigned
from amaranth.hdl import Assert
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
from hw.quota import Quota
from hw.rank import POLICY
from hw.release import PAGE_BITS, Release
from hw.settle import Settle
from hw.slots import LIFE, Slots, binding, slot_request, usage
from hw.transfers import QUEUES, Transfers
from hw.wipe import WIPE
from spec.isa import BIND, Queue, Role
from spec.registers import Policy

__all__ = ["Allocator", "visit"]


def visit(config):
    """A page to settle, or to store, evict or prefetch: see Settle."""
    k = Commands(config)
    return data.StructLayout({
        "store": unsigned(1),
        "evict": unsigned(1),
        "prefetch": unsigned(1),
        "slot": unsigned(ceil_log2(config.slots)),
        "window": unsigned(k.page_bits),
        "place": unsigned(k.page_bits),
        "writes": unsigned(1),
        "user": USER,
    })


class Allocator(wiring.Component):
    """Pages stay until they are dead, or until a tensor has to give one up: docs/policies.md.

    One thing at a time: a strobe of ``settle``, ``bind``, ``release`` or ``sweep``, then ``done`` in its last cycle,
    the next strobe after that.

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
        Release ``fields.slot`` as live, then bind it. Begins in the next cycle.
    fields : In(BIND)
        The instruction; must hold until done.
    release : In(1)
        Release ``slot``'s pages first <= p < end as dead. Begins in the next cycle.
    slot, first, end : In
        See ``release``; in its cycle.
    sweep : In(1)
        Release all slots: as live under ``none``; else those of class OUTPUT alone, and others as dead.
    done : Out(1)
        The last cycle of what was asked for; not if it is refused.
    settled : Out(1)
        ``done`` of ``settle``.
    look : In(slot_request)
        Lookups in Slots while nothing is asked for.
    binding, usage, life : Out
        Of the slot looked up last.
    policy : In(POLICY)
        See Rank; must hold during a run.
    renew, roles, ranges, windows, pages, stamp : In
        The current COMPUTE, for Eviction.
    avoid : In(banks)
        See FreeList; for pages of operands.
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
    evicted, wrote_back, filled, yields, overdraft : Out(1)
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
            "release": In(1),
            "slot": In(ceil_log2(config.slots)),
            "first": In(PAGE_BITS),
            "end": In(PAGE_BITS),
            "sweep": In(1),
            "done": Out(1),
            "settled": Out(1),
            "look": In(slot_request(config)),
            "binding": Out(binding(config)),
            "usage": Out(usage(config)),
            "life": Out(LIFE),
            "policy": In(POLICY),
            "renew": In(1),
            "roles": In(len(Role)),
            "ranges": In(RANGE).array(len(Role)),
            "windows": In(k.page_bits).array(len(Role)),
            "pages": In(k.page_bits + 1).array(len(Role)),
            "stamp": In(32),
            "avoid": In(config.banks),
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
            "yields": Out(1),
            "overdraft": Out(1),
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
        m.submodules.quota = quota = Quota(config=c)

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
            directory.stamp.eq(self.stamp),
            *(table.wipe.eq(self.wipe) for table in (slots, directory, free, quota)),
            *(getattr(self, name).eq(getattr(slots, name)) for name in ("binding", "usage", "life")),
        ]  # fmt: skip

        # A visit, and where its frame comes from. What is avoided stands while the page is looked up.
        joins, give, given = Signal(), Signal(), Signal.like(free.given)
        domain = m.d.sync if c.control_stages else m.d.comb
        domain += [free.give.eq(give), free.given.eq(given)]
        avoid = Mux((self.policy == Policy.NONE) | self.visit.prefetch, 0, self.avoid)
        if c.control_stages:
            avoid, now = Signal(c.banks), avoid
            m.d.sync += avoid.eq(now)
        m.d.comb += [
            visitor.start.eq(self.settle),
            *(getattr(visitor, name).eq(self.visit[name]) for name in self.visit.shape().members),
            visitor.counts.eq(self.counts),
            visitor.users.eq(directory.users),
            visitor.any.eq(free.any),
            visitor.found.eq(free.frame),
            visitor.evicted.eq(eviction.done),
            visitor.victim.eq(eviction.frame),
            visitor.crowded.eq((self.policy == Policy.STATIC) & quota.full),
            visitor.short.eq((self.policy != Policy.NONE) & free.short),
            visitor.renew.eq(self.renew),
            visitor.barren.eq(eviction.unfit & (visitor.restricted | visitor.ahead)),
            visitor.refused.eq(self.beyond | self.unfit),
            self.fold.eq(visitor.fold),
            self.frame.eq(visitor.frame),
            free.find.eq(visitor.find),
            free.colour.eq(slots.binding.colour),
            free.avoid.eq(avoid),
            joins.eq(eviction.done & visitor.ahead),
            give.eq(release.give | visitor.give | joins),
            given.eq(Mux(joins, eviction.frame, Mux(visitor.give, visitor.given, release.frame))),
            quota.binding.eq(slots.binding),
            quota.takes.eq(visitor.map.valid),
            quota.loses.eq(eviction.evicted | release.give | visitor.give),
            eviction.start.eq(visitor.seek),
            eviction.policy.eq(self.policy),
            eviction.stamp.eq(self.stamp),
            eviction.restricted.eq(visitor.restricted),
            eviction.group.eq(visitor.group),
            eviction.renew.eq(self.renew),
            eviction.roles.eq(self.roles),
            *(eviction.ranges[r].eq(self.ranges[r]) for r in Role),
            *(eviction.windows[r].eq(self.windows[r]) for r in Role),
            *(eviction.pages[r].eq(self.pages[r]) for r in Role),
            eviction.usage.eq(slots.usage),
            eviction.marked.eq(directory.marked),
            self.evicted.eq(eviction.evicted),
            self.yields.eq(eviction.yields),
            self.overdraft.eq(visitor.overdraft),
            self.beyond.eq(eviction.beyond),
            self.unfit.eq(eviction.unfit & ~visitor.restricted & ~visitor.ahead),
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
        alone = Signal()
        with m.If(self.release | self.sweep | release.done):
            m.d.sync += alone.eq(self.release | self.sweep)
        m.d.comb += [
            release.start.eq(self.bind | self.release | self.sweep),
            release.slot.eq(Mux(self.bind, self.fields.slot, self.slot)),
            release.first.eq(Mux(self.release, self.first, 0)),
            release.end.eq(Mux(self.release, self.end, (1 << PAGE_BITS) - 1)),
            release.all.eq(self.sweep),
            release.live.eq(self.bind | (self.sweep & (self.policy == Policy.NONE))),
            release.outputs.eq(self.sweep),
            binder.stamp.eq(self.stamp),
            binder.clear.eq(self.wipe.valid),
            binder.start.eq(self.bind),
            binder.released.eq(release.done),
            binder.fields.eq(self.fields),
            binder.stores.eq(transfers.pushed[Queue.WRITE]),
            self.settled.eq(visitor.done),
            self.done.eq(visitor.done | binder.done | (alone & release.done)),
        ]

        # No frame is lost, and none has two owners: those that are free and those that are held are all.
        settled = self.done & ~self.wipe.valid
        for _ in range(1 + c.control_stages):
            done, settled = settled, Signal()
            m.d.sync += settled.eq(done)
        with m.If(settled & ~ResetSignal()):
            m.d.sync += Assert(free.count + quota.held == c.frames, "free and held frames must be all")
        return m
