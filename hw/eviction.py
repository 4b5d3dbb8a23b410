"""Makes room: takes a page of the tensor that the policy gives up first, the one of them that is used last."""

from __future__ import annotations

from amaranth import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import COUNT_BITS, Commands
from hw.directory import page_entry, page_request
from hw.pagewalk import RANGE, PageWalk
from hw.quota import GROUP, group_of
from hw.rank import POLICY, Rank
from hw.slots import binding, residency, slot_request, usage
from hw.transfers import transfer_request
from spec.isa import Role
from spec.registers import Policy

__all__ = ["Eviction", "lowest"]


def lowest(m, index, bits):
    """Drive ``index`` with the number of the lowest bit of ``bits`` that is set."""
    for i in reversed(range(len(bits))):
        with m.If(bits[i]):
            m.d.comb += index.eq(i)


class Eviction(wiring.Component):
    """Finds a victim and has it written back if it is dirty.

    Pages of the current COMPUTE are no victims: they are marked in a walk of their own, at its first eviction. Then all
    slots are looked at, one a cycle, and the pages of the one that goes first, two cycles each, from behind its cursor
    down and round, or under ``none`` from the lowest up; if none of them can go, again without that slot. With
    ``control_stages`` a slot takes two, a page four, and a choice two more.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin in the next cycle.
    policy : In(POLICY)
        See Rank.
    stamp : In(32)
        Number of the current COMPUTE.
    restricted, group : In
        Only tensors of this group.
    renew : In(1)
        Another COMPUTE: its pages are not marked yet.
    roles : In(6)
        Its operands.
    ranges : In(RANGE).array(5)
        Their ranges.
    windows, pages : In.array(5)
        Their slots' windows.
    binding, residency, usage : In
        From Slots.
    entry, marked : In
        From Directory.
    transferred : In(1)
        Transfers is done.
    slots, directory, transfer : Out
        To Slots, Directory and Transfers.
    evicted : Out(1)
        A page lost its frame in this cycle.
    yields : Out(1)
        Its tensor was pinned.
    done : Out(1)
        The last cycle: ``frame`` is free.
    frame : Out(frame)
        The victim's.
    beyond : Out(1)
        The last cycle: an operand reaches past its tensor.
    unfit : Out(1)
        The last cycle: there is no victim.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "start": In(1),
            "policy": In(POLICY),
            "stamp": In(COUNT_BITS),
            "restricted": In(1),
            "group": In(GROUP),
            "renew": In(1),
            "roles": In(len(Role)),
            "ranges": In(RANGE).array(len(Role)),
            "windows": In(k.page_bits).array(len(Role)),
            "pages": In(k.page_bits + 1).array(len(Role)),
            "binding": In(binding(config)),
            "residency": In(residency(config)),
            "usage": In(usage(config)),
            "entry": In(page_entry(config)),
            "marked": In(1),
            "transferred": In(1),
            "slots": Out(slot_request(config)),
            "directory": Out(page_request(config)),
            "transfer": Out(transfer_request(config)),
            "evicted": Out(1),
            "yields": Out(1),
            "done": Out(1),
            "frame": Out(k.frame),
            "beyond": Out(1),
            "unfit": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, k = self.config, Commands(self.config)
        m.submodules.walk = walk = PageWalk(config=c)
        m.submodules.rank = rank = Rank(config=c)

        # The walk of the marks.
        protected, left, lane, role = Signal(), Signal(len(Role)), Signal(range(len(Role))), Signal(range(len(Role)))
        lowest(m, lane, left)
        m.d.comb += [walk.range.eq(Array(self.ranges)[lane]), walk.pages.eq(Array(self.pages)[role])]
        with m.If(self.renew):
            m.d.sync += protected.eq(0)

        # The search: slots that had no victim are barren. A slot is looked up, gets its standing, and is compared.
        index, last, seen = (Signal.like(self.slots.slot, name=name) for name in ("index", "last", "seen"))
        looked, candidate, barren = Signal(), Signal(), Signal(c.slots)
        found, best = Signal(), Signal.like(index)
        place, low, high, resident = (Signal(k.page_bits + 1, name=n) for n in ("place", "low", "high", "resident"))
        looks = Signal.like(place)
        virtual, page, s = Signal(k.page_bits), self.entry, self.residency
        up = self.policy == Policy.NONE
        m.d.comb += [
            virtual.eq(self.binding.window + place),
            self.frame.eq(page.frame),
            rank.policy.eq(self.policy),
            rank.stamp.eq(self.stamp),
            rank.binding.eq(self.binding),
            rank.usage.eq(self.usage),
            rank.resident.eq(s.resident),
        ]
        asked, looks_up = index, self.slots.look
        if c.control_stages:
            asked, looks_up = Signal.like(index), Signal()
            m.d.sync += [asked.eq(index), looks_up.eq(self.slots.look)]
        m.d.sync += [
            last.eq(asked),
            looked.eq(looks_up),
            seen.eq(last),
            candidate.eq(
                looked & self.binding.bound & s.resident.any() & ~barren.bit_select(last, 1)
                & (~self.restricted | (group_of(self.binding) == self.group))
            ),
            rank.one.eq(rank.standing),
        ]

        before, compared = rank.before, candidate
        if c.control_stages:
            before, compared = Signal(), Signal()
            m.d.sync += [before.eq(rank.before), compared.eq(candidate)]

        def compare():
            with m.If(compared & (~found | before)):
                m.d.sync += [found.eq(1), best.eq(seen), rank.other.eq(rank.one)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [barren.eq(0), left.eq(self.roles)]
                with m.If(self.start):
                    m.next = "OPEN"
                    with m.If(protected):
                        m.next = "SEARCH"
            with m.State("OPEN"):
                m.d.comb += walk.load.eq(1)
                m.d.sync += [role.eq(lane), left.bit_select(lane, 1).eq(0)]
                m.next = "MARK"
            with m.State("MARK"):
                with m.If(walk.valid):
                    with m.If(walk.beyond):
                        m.d.comb += self.beyond.eq(1)
                        m.next = "IDLE"
                    with m.Else():
                        m.d.comb += [
                            walk.next.eq(1),
                            self.directory.mark.eq(1),
                            self.directory.page.eq(Array(self.windows)[role] + walk.page),
                        ]
                with m.If(walk.done):
                    m.next = "OPEN"
                    with m.If(~left.any()):
                        m.d.sync += protected.eq(1)
                        m.next = "SEARCH"

            with m.State("SEARCH"):
                m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(index)]
                compare()
                if c.control_stages:
                    m.next = "TURN"
                else:
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == c.slots - 1):
                        m.next = "STANDING"
            if c.control_stages:
                with m.State("TURN"):
                    m.d.sync += index.eq(index + 1)
                    compare()
                    m.next = "SEARCH"
                    with m.If(index == c.slots - 1):
                        m.next = "SEEK"
                with m.State("SEEK"):
                    compare()
                    m.next = "STANDING"
            with m.State("STANDING"):
                compare()
                m.next = "LAST"
            with m.State("LAST"):
                compare()
                m.next = "CHOOSE"
            with m.State("CHOOSE"):
                m.d.sync += found.eq(0)
                with m.If(found):
                    m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(best)]
                    m.next = "SOUGHT" if c.control_stages else "LOAD"
                with m.Else():
                    m.next = "NOTHING"
            with m.State("NOTHING"):
                m.d.comb += self.unfit.eq(1)
                m.next = "IDLE"
            if c.control_stages:
                with m.State("SOUGHT"):
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.sync += [low.eq(s.low), high.eq(s.high), resident.eq(s.resident), looks.eq(s.high - s.low)]
                cursor = self.usage.cursor
                with m.If(up):
                    m.d.sync += place.eq(s.low)
                with m.Elif((s.low < cursor) & (cursor <= s.high)):
                    m.d.sync += place.eq(cursor - 1)
                with m.Else():
                    m.d.sync += place.eq(s.high - 1)
                m.next = "LOOK"
            with m.State("LOOK"):
                m.d.comb += [self.directory.look.eq(1), self.directory.page.eq(virtual)]
                m.next = "FETCH" if c.control_stages else "PAGE"
            if c.control_stages:
                with m.State("FETCH"):
                    m.next = "WAIT"
                with m.State("WAIT"):
                    m.next = "PAGE"
            with m.State("PAGE"):
                # Beyond what is found absent, or goes, at either end there is nothing.
                victim = page.present & ~self.marked
                gone = victim | ~page.present
                rises = (place == low) & gone
                falls = (place == high - 1) & gone & ~rises & ~up
                m.d.comb += [
                    self.slots.reside.eq(1),
                    self.slots.to.eq(best),
                    self.slots.residency.low.eq(low + rises),
                    self.slots.residency.high.eq(high - falls),
                    self.slots.residency.resident.eq(resident - victim),
                ]
                m.d.sync += [low.eq(low + rises), high.eq(high - falls), looks.eq(looks - 1)]
                m.d.sync += place.eq(Mux(up, place + 1, Mux(place > low, place, high) - 1))
                m.next = "LOOK"
                with m.If(looks == 1):
                    m.d.sync += barren.bit_select(best, 1).eq(1)
                    m.next = "SEARCH"
                with m.If(victim):
                    m.d.comb += [
                        self.evicted.eq(1),
                        self.yields.eq((self.policy == Policy.DIRECTED) & self.usage.pinned),
                    ]
                    with m.If(page.dirty):
                        m.d.comb += [
                            self.transfer.write_back.eq(1),
                            self.transfer.page.eq(virtual),
                            self.transfer.place.eq(place),
                            self.transfer.frame.eq(page.frame),
                        ]
                        m.next = "STORE"
                    with m.Else():
                        m.d.comb += [
                            self.directory.write.eq(1),
                            self.directory.page.eq(virtual),
                            self.directory.entry.home.eq(page.home),
                            self.directory.entry.store.eq(page.store),
                            self.done.eq(1),
                        ]
                        m.next = "IDLE"
            with m.State("STORE"):
                with m.If(self.transferred):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        return m
