"""Makes room: takes a page of the tensor that the policy gives up first, the one of them that is used last."""

from __future__ import annotations

from amaranth import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.directory import page_entry, page_request
from hw.pagewalk import RANGE, PageWalk
from hw.slots import binding, residency, slot_request
from hw.transfers import transfer_request
from spec.isa import Role

__all__ = ["Eviction", "lowest"]


def lowest(m, index, bits):
    """Drive ``index`` with the number of the lowest bit of ``bits`` that is set."""
    for i in reversed(range(len(bits))):
        with m.If(bits[i]):
            m.d.comb += index.eq(i)


class Eviction(wiring.Component):
    """Finds a victim and has it written back if it is dirty.

    Pages of the current COMPUTE are no victims: they are marked in a walk of their own, at its first eviction. Then all
    slots are looked at, one a cycle, and the pages of the best one, two cycles each; if none of them can go, again
    without that slot.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin in the next cycle.
    renew : In(1)
        Another COMPUTE: its pages are not marked yet.
    roles : In(6)
        Its operands.
    ranges : In(RANGE).array(5)
        Their ranges.
    windows, pages : In.array(5)
        Their slots' windows.
    binding, residency, used : In
        From Slots.
    entry, marked : In
        From Directory.
    transferred : In(1)
        Transfers is done.
    slots, directory, transfer : Out
        To Slots, Directory and Transfers.
    evicted : Out(1)
        A page lost its frame in this cycle.
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
            "renew": In(1),
            "roles": In(len(Role)),
            "ranges": In(RANGE).array(len(Role)),
            "windows": In(k.page_bits).array(len(Role)),
            "pages": In(k.page_bits + 1).array(len(Role)),
            "binding": In(binding(config)),
            "residency": In(residency(config)),
            "used": In(32),
            "entry": In(page_entry(config)),
            "marked": In(1),
            "transferred": In(1),
            "slots": Out(slot_request(config)),
            "directory": Out(page_request(config)),
            "transfer": Out(transfer_request(config)),
            "evicted": Out(1),
            "done": Out(1),
            "frame": Out(k.frame),
            "beyond": Out(1),
            "unfit": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, k = self.config, Commands(self.config)
        m.submodules.walk = walk = PageWalk(config=c)

        # The walk of the marks.
        protected, left, lane, role = Signal(), Signal(len(Role)), Signal(range(len(Role))), Signal(range(len(Role)))
        lowest(m, lane, left)
        m.d.comb += [walk.range.eq(Array(self.ranges)[lane]), walk.pages.eq(Array(self.pages)[role])]
        with m.If(self.renew):
            m.d.sync += protected.eq(0)

        # The search: slots that had no victim are barren.
        index, last, barren = Signal.like(self.slots.slot), Signal.like(self.slots.slot), Signal(c.slots)
        found, best, oldest = Signal(), Signal.like(index), Signal(32)
        place, low, resident = (Signal(k.page_bits + 1, name=name) for name in ("place", "low", "resident"))
        virtual, page, s = Signal(k.page_bits), self.entry, self.residency
        m.d.comb += [virtual.eq(self.binding.window + place), self.frame.eq(page.frame)]

        def compare():
            candidate = self.binding.bound & s.resident.any() & ~barren.bit_select(last, 1)
            with m.If(candidate & (~found | (self.used < oldest))):
                m.d.sync += [found.eq(1), best.eq(last), oldest.eq(self.used)]

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
                m.d.sync += [index.eq(index + 1), last.eq(index)]
                with m.If(index.any()):
                    compare()
                with m.If(index == c.slots - 1):
                    m.next = "LAST"
            with m.State("LAST"):
                compare()
                m.next = "CHOOSE"
            with m.State("CHOOSE"):
                m.d.sync += found.eq(0)
                with m.If(found):
                    m.d.comb += [self.slots.look.eq(1), self.slots.slot.eq(best)]
                    m.next = "LOAD"
                with m.Else():
                    m.d.comb += self.unfit.eq(1)
                    m.next = "IDLE"
            with m.State("LOAD"):
                m.d.sync += [place.eq(s.low), low.eq(s.low), resident.eq(s.resident)]
                m.next = "LOOK"
            with m.State("LOOK"):
                m.d.comb += [self.directory.look.eq(1), self.directory.page.eq(virtual)]
                m.next = "PAGE"
            with m.State("PAGE"):
                # The lowest page that may be resident rises with the pages that are found absent, or go.
                victim = page.present & ~self.marked
                rises = (place == low) & (victim | ~page.present)
                m.d.comb += [
                    self.slots.reside.eq(1),
                    self.slots.to.eq(best),
                    self.slots.residency.low.eq(low + rises),
                    self.slots.residency.high.eq(s.high),
                    self.slots.residency.resident.eq(resident - victim),
                ]
                m.d.sync += [low.eq(low + rises), place.eq(place + 1)]
                m.next = "LOOK"
                with m.If(place + 1 >= s.high):
                    m.d.sync += barren.bit_select(best, 1).eq(1)
                    m.next = "SEARCH"
                with m.If(victim):
                    m.d.comb += self.evicted.eq(1)
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
