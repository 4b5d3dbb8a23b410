"""Makes one page resident, or writes it through."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from hw.commands import COUNTS, Commands
from hw.directory import USERS, page_entry, page_request
from hw.hazards import USER, hazard_request
from hw.ports import MapPort
from hw.quota import GROUP, group_of
from hw.slots import binding, residency, slot_request
from hw.transfers import transfer_request
from spec.isa import Queue

__all__ = ["Settle"]


class Settle(wiring.Component):
    """Visits a page. ``start`` is the first cycle of the visit; what is asked for must hold until ``done``.

    A page that is present takes three cycles: looked up, hazards looked up, folded. One that is absent first gets a
    frame, waits until nobody translates it any more, and is mapped; unless it is only written and has no home, it is
    filled. A visit to store or to evict takes two cycles and, if the page is dirty, those of the write-back. One to
    prefetch takes two if the page is present, and two more if no frame is free. ``control_stages`` make every
    visit two cycles longer, a search for a frame one, or two after an eviction, and a claim one.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin.
    store, evict, prefetch : In(1)
        Only write the page through if it is dirty; only evict it; only fetch it if a frame is free.
    slot, window, place : In
        The page: ``place`` in the window of the slot.
    writes : In(1)
        The page will be written, else read.
    user : In(USER)
        By which command.
    counts : In(COUNTS)
        Completion counts.
    any, found : In
        From FreeList.
    crowded : In(1)
        The slot's group has its quota.
    short : In(1)
        The reserve of free frames is touched.
    renew : In(1)
        Another COMPUTE: who has no page to give up may have one now.
    binding, residency : In
        From Slots.
    entry, users : In
        From Directory.
    transferred : In(1)
        Transfers is done.
    evicted, victim : In
        Eviction is done, with a frame.
    barren, refused : In(1)
        It is done without one: there is none in the group, or for the reserve; there is none at all.
    find, seek : Out(1)
        To FreeList and Eviction.
    restricted, group : Out
        Only a page of the slot's group will do: this one.
    ahead : Out(1)
        It is for the reserve: the victim's frame joins those that are free.
    overdraft : Out(1)
        There is none: the group goes beyond its quota.
    give : Out(1)
        Put ``given`` into its free list.
    given : Out(frame)
        The frame of the page that was looked up.
    slots, directory, hazards, transfer, map : Out
        To Slots, Directory, Hazards, Transfers and the page tables.
    fold : Out(1)
        The hazards of ``frame`` stand at the outputs of Hazards and belong to the command's waits.
    frame : Out(frame)
        The page's.
    done : Out(1)
        The last cycle, unless the visit was refused.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "start": In(1),
            "store": In(1),
            "evict": In(1),
            "prefetch": In(1),
            "slot": In(ceil_log2(config.slots)),
            "window": In(k.page_bits),
            "place": In(k.page_bits),
            "writes": In(1),
            "user": In(USER),
            "counts": In(COUNTS),
            "any": In(1),
            "found": In(k.frame),
            "crowded": In(1),
            "short": In(1),
            "renew": In(1),
            "binding": In(binding(config)),
            "residency": In(residency(config)),
            "entry": In(page_entry(config)),
            "users": In(USERS),
            "transferred": In(1),
            "evicted": In(1),
            "barren": In(1),
            "refused": In(1),
            "victim": In(k.frame),
            "find": Out(1),
            "seek": Out(1),
            "restricted": Out(1),
            "group": Out(GROUP),
            "ahead": Out(1),
            "overdraft": Out(1),
            "give": Out(1),
            "given": Out(k.frame),
            "slots": Out(slot_request(config)),
            "directory": Out(page_request(config)),
            "hazards": Out(hazard_request(config)),
            "transfer": Out(transfer_request(config)),
            "map": Out(MapPort(config)),
            "fold": Out(1),
            "frame": Out(k.frame),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, k, s = self.config, Commands(self.config), self.residency
        bank_bits = exact_log2(c.bank_frames)
        virtual, frame, had = Signal(k.page_bits), Signal(k.frame), Signal()
        sought, exhausted = Signal(), Signal()
        entry, users = Signal(page_entry(c)), Signal(USERS)
        m.d.comb += [
            virtual.eq(self.window + self.place),
            self.frame.eq(entry.frame),
            self.given.eq(self.entry.frame),
        ]

        def leave():
            """The page, which has just been looked up, loses its frame."""
            m.d.comb += [
                self.give.eq(1), self.slots.reside.eq(1), self.slots.to.eq(self.slot),
                self.slots.residency.eq(s), self.slots.residency.resident.eq(s.resident - 1),
            ]  # fmt: skip

        with m.If(self.renew):
            m.d.sync += exhausted.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.comb += [
                        self.directory.look.eq(1),
                        self.directory.page.eq(virtual),
                        self.slots.look.eq(1),
                        self.slots.slot.eq(self.slot),
                    ]
                    m.d.sync += sought.eq(0)
                    m.next = "FETCH" if c.control_stages else "SEEN"
            if c.control_stages:
                with m.State("FETCH"):
                    m.next = "WAIT"
                with m.State("WAIT"):
                    m.next = "SEEN"
            with m.State("SEEN"):
                m.d.sync += [entry.eq(self.entry), users.eq(self.users), self.group.eq(group_of(self.binding))]
                leaves = self.evict & self.entry.present
                with m.If((self.store | self.evict) & self.entry.present & self.entry.dirty):
                    m.d.comb += [
                        self.transfer.write_back.eq(1),
                        self.transfer.page.eq(virtual),
                        self.transfer.place.eq(self.place),
                        self.transfer.frame.eq(self.entry.frame),
                        self.transfer.keep.eq(self.store),
                    ]
                    m.next = "STORE"
                with m.Elif(self.store | self.evict | (self.prefetch & self.entry.present)):
                    with m.If(leaves):
                        leave()
                        m.d.comb += [
                            self.directory.write.eq(1),
                            self.directory.page.eq(virtual),
                            self.directory.entry.home.eq(self.entry.home),
                            self.directory.entry.store.eq(self.entry.store),
                        ]
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
                with m.Elif(self.entry.present):
                    m.d.comb += [self.hazards.look.eq(1), self.hazards.frame.eq(self.entry.frame)]
                    m.next = "FOLD"
                with m.Else():
                    m.next = "CHOOSE" if c.control_stages else "FIND"
            with m.State("STORE"):
                with m.If(self.transferred):
                    with m.If(self.evict):
                        leave()
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"

            if c.control_stages:
                with m.State("AGAIN"):
                    m.next = "CHOOSE"
                with m.State("CHOOSE"):
                    m.next = "FIND"
            with m.State("FIND"):
                # A group that has its quota takes a page of its own, and if the reserve is touched a page goes there;
                # the second time any free frame will do.
                ahead = self.short & ~exhausted & ~self.prefetch & ~self.crowded
                takes = sought | ~(self.crowded | ahead)
                m.d.comb += self.find.eq(takes)
                m.d.sync += [
                    had.eq(self.any & takes), sought.eq(1),
                    self.restricted.eq(~takes & self.crowded), self.ahead.eq(~takes & ahead),
                ]  # fmt: skip
                m.next = "FOUND"
            with m.State("FOUND"):
                m.d.sync += frame.eq(self.found)
                m.next = "STALL"
                with m.If(~had):
                    m.d.comb += self.seek.eq(~self.prefetch)
                    m.next = "EVICT"
                    with m.If(self.prefetch):
                        m.d.comb += self.done.eq(1)
                        m.next = "IDLE"
            with m.State("EVICT"):
                m.d.sync += frame.eq(self.victim)
                with m.If(self.evicted):
                    m.next = "STALL"
                with m.If(self.barren | (self.evicted & self.ahead)):
                    m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(self.slot)]
                    m.next = "AGAIN" if c.control_stages else "FIND"
                with m.If(self.barren):
                    m.d.comb += self.overdraft.eq(self.restricted)
                    m.d.sync += exhausted.eq(exhausted | self.ahead)
                with m.If(self.refused):
                    m.next = "IDLE"

            # An eviction may have changed this very slot: it is looked up again.
            with m.State("STALL"):
                m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(self.slot)]
                with m.If((self.counts[Queue.ARRAY] >= users.array) & (self.counts[Queue.POST] >= users.post)):
                    m.next = "SEEK" if c.control_stages else "CLAIM"
            if c.control_stages:
                with m.State("SEEK"):
                    m.next = "CLAIM"
            with m.State("CLAIM"):
                m.d.sync += [entry.present.eq(1), entry.frame.eq(frame)]
                m.d.comb += [
                    self.map.valid.eq(1),
                    self.map.page.eq(virtual),
                    self.map.frame.eq(frame),
                    self.slots.reside.eq(1),
                    self.slots.to.eq(self.slot),
                    self.slots.residency.low.eq(Mux(self.place < s.low, self.place, s.low)),
                    self.slots.residency.high.eq(Mux(self.place < s.high, s.high, self.place + 1)),
                    self.slots.residency.resident.eq(s.resident + 1),
                    self.hazards.look.eq(1),
                    self.hazards.frame.eq(frame),
                    self.hazards.look_bank.eq(1),
                    self.hazards.bank.eq(frame >> bank_bits),
                ]
                m.next = "FOLD"
                # What was never in DRAM need not be fetched to be written.
                with m.If(~self.writes | entry.home | self.prefetch):
                    m.d.comb += [
                        self.transfer.fill.eq(1),
                        self.transfer.page.eq(virtual),
                        self.transfer.place.eq(self.place),
                        self.transfer.frame.eq(frame),
                        self.transfer.store.eq(entry.store),
                    ]
                    m.next = "FILL"
            with m.State("FILL"):
                with m.If(self.transferred):
                    m.next = "FOLD"

            with m.State("FOLD"):
                used = ~self.prefetch
                m.d.comb += [
                    self.fold.eq(used),
                    self.hazards.reads.eq(used & ~self.writes),
                    self.hazards.writes.eq(used & self.writes),
                    self.hazards.reader.eq(self.user),
                    self.hazards.writer.eq(self.user),
                    self.directory.page.eq(virtual),
                    self.directory.write.eq(1),
                    self.directory.entry.eq(entry),
                    self.directory.entry.dirty.eq(entry.dirty | (used & self.writes)),
                    self.directory.use.eq(used),
                    self.directory.users.eq(users),
                    self.done.eq(1),
                ]
                with m.If(self.user.queue == Queue.POST):
                    m.d.comb += self.directory.users.post.eq(self.user.count)
                with m.Else():
                    m.d.comb += self.directory.users.array.eq(self.user.count)
                m.next = "IDLE"
        return m
