"""Has what an instruction names made resident: operand after operand, page after page."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.allocator import visit
from hw.commands import Commands
from hw.eviction import lowest
from hw.fault import FAULT
from hw.hazards import USER
from hw.history import SHAPE, History
from hw.layout import layout
from hw.pagewalk import PageWalk
from hw.rank import POLICY
from hw.slots import LIFE, binding, slot_request, usage
from hw.wipe import WIPE
from spec.errors import Error
from spec.isa import COMPUTE, OPERAND, STORE, Opcode, Role
from spec.policy import MOST_USES, OBEYED_UNDER
from spec.registers import Policy

__all__ = ["Operands"]

ROLES = len(Role)


class Operands(wiring.Component):
    """Walks the pages of a range or of a COMPUTE's operands, and asks the allocator for each.

    Check begins in the cycle of ``begin``; Dispatch after the last operand. Then come tensors to be dropped.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    begin : In(1)
        A COMPUTE: go on in the next cycle.
    range : In(1)
        A STORE, PREFETCH or EVICT: go on in the next cycle.
    done : Out(1)
        The last cycle; not if it is refused.
    fault : Out(FAULT)
        What is refused, but for its address.
    renew : In(1)
        Another program, which no operator was before.
    policy, compute, store, shape, operands : In
        The register, the instruction, and what Decode keeps; must hold until done.
    stamp : In(32)
        The COMPUTE's number.
    checked, unbound, bad, roles, windows, pages : In
        From Check.
    settle, release, sweep : Out(1)
        To the allocator.
    visit, slot : Out
        See there.
    look : Out(slot_request)
        To the allocator.
    asked, settled, beyond, unfit, binding, usage, life : In
        The allocator's ``done``, and others by their names there.
    opens, go : Out(1)
        Dispatch's ``begin`` and ``go``.
    role : Out(3)
        The operand that is settled.
    user : In(USER)
        Who uses it.
    dispatched : In(1)
        Dispatch's ``done``.
    wipe : In(WIPE)
        See History.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "begin": In(1),
            "range": In(1),
            "done": Out(1),
            "fault": Out(FAULT),
            "renew": In(1),
            "policy": In(POLICY),
            "compute": In(layout(COMPUTE)),
            "store": In(layout(STORE)),
            "shape": In(SHAPE),
            "operands": In(layout(OPERAND)).array(ROLES),
            "stamp": In(32),
            "checked": In(1),
            "unbound": In(1),
            "bad": In(1),
            "roles": In(ROLES),
            "windows": In(k.page_bits).array(ROLES),
            "pages": In(k.page_bits + 1).array(ROLES),
            "settle": Out(1),
            "release": Out(1),
            "sweep": Out(1),
            "visit": Out(visit(config)),
            "slot": Out(ceil_log2(config.slots)),
            "look": Out(slot_request(config)),
            "asked": In(1),
            "settled": In(1),
            "beyond": In(1),
            "unfit": In(1),
            "binding": In(binding(config)),
            "usage": In(usage(config)),
            "life": In(LIFE),
            "opens": Out(1),
            "go": Out(1),
            "role": Out(range(ROLES)),
            "user": In(USER),
            "dispatched": In(1),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.walk = walk = PageWalk(config=self.config)
        m.submodules.history = history = History(config=self.config)

        # What is walked: a range, or one after another of the operands that are left.
        ranging, left, lane = Signal(), Signal(ROLES), Signal(range(ROLES))
        lowest(m, lane, left)
        opened, walked = Array(self.operands)[lane], Array(self.operands)[self.role]
        with m.If(ranging):
            m.d.comb += [walk.range[n].eq(self.store[n]) for n in walk.range.shape().members]
            m.d.comb += [self.visit[Opcode(code).name.lower()].eq(self.store.opcode == code) for code in OBEYED_UNDER]
            m.d.comb += [
                walk.pages.eq(self.binding.pages),
                self.visit.slot.eq(self.store.slot),
                self.visit.window.eq(self.binding.window),
            ]
        with m.Else():
            m.d.comb += [walk.range[n].eq(opened[n]) for n in walk.range.shape().members]
            m.d.comb += [
                walk.pages.eq(Array(self.pages)[self.role]),
                self.visit.slot.eq(walked.slot),
                self.visit.window.eq(Array(self.windows)[self.role]),
            ]
        m.d.comb += [
            self.visit.place.eq(walk.page),
            self.visit.writes.eq(self.role == Role.OUTPUT),
            self.visit.user.eq(self.user),
            self.slot.eq(opened.slot),
        ]

        named = self._note(m, walked, history)

        def refuse(error):
            m.d.comb += [self.fault.valid.eq(1), self.fault.code.eq(error)]
            m.next = "IDLE"

        def end():
            m.d.comb += self.done.eq(1)
            m.next = "IDLE"

        def open_next():
            """Go on with the next operand: ``eager`` looks first at what its tensor did before."""
            m.next = "OPEN"
            with m.If(self.policy == Policy.EAGER):
                m.next = "LOOK"

        operator, begun = Signal.like(self.compute.operator), Signal()
        another = ~begun | (operator != self.compute.operator)
        if self.config.control_stages:
            another, now = Signal(), another
            m.d.sync += another.eq(now)
        with m.If(self.renew):
            m.d.sync += begun.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.begin):
                    m.d.sync += ranging.eq(0)
                    m.next = "CHECK"
                with m.If(self.range):
                    m.d.comb += [self.look.look.eq(1), self.look.slot.eq(self.store.slot)]
                    m.d.sync += ranging.eq(1)
                    m.next = "SEEK" if self.config.control_stages else "OPEN"
            if self.config.control_stages:
                with m.State("SEEK"):
                    m.next = "OPEN"

            # Another operator: under policy none the pages of the one before are given back.
            with m.State("CHECK"):
                with m.If(self.checked):
                    m.d.sync += [operator.eq(self.compute.operator), begun.eq(1)]
                    m.next = "VERDICT"
                    with m.If((self.policy == Policy.NONE) & another):
                        m.d.comb += self.sweep.eq(1)
                        m.next = "FORGET"
            with m.State("FORGET"):
                with m.If(self.asked):
                    m.next = "VERDICT"
            with m.State("VERDICT"):
                m.d.sync += left.eq(self.roles)
                with m.If(self.unbound):
                    refuse(Error.SLOT_NOT_BOUND)
                with m.Elif(self.bad):
                    refuse(Error.BAD_SHAPE)
                with m.Else():
                    m.d.comb += self.opens.eq(1)
                    open_next()

            with m.State("LOOK"):
                m.d.comb += [self.look.look.eq(1), self.look.slot.eq(opened.slot), history.start.eq(1)]
                m.d.sync += self.role.eq(lane)
                m.next = "RECALL"
            with m.State("RECALL"):
                with m.If(history.done):
                    m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += walk.load.eq(1)
                m.d.sync += self.role.eq(lane)
                m.next = "WALK"
                with m.If(ranging):
                    with m.If(~self.binding.bound):
                        refuse(Error.SLOT_NOT_BOUND)
                with m.Else():
                    m.d.comb += [self.look.look.eq(1), self.look.slot.eq(opened.slot)]
                    m.d.comb += named.eq(1)
                    m.d.sync += left.bit_select(lane, 1).eq(0)
            with m.State("WALK"):
                with m.If(walk.valid):
                    with m.If(walk.beyond):
                        refuse(Error.OPERAND_OUT_OF_RANGE)
                    with m.Else():
                        m.d.comb += self.settle.eq(1)
                        m.next = "SETTLE"
                with m.If(walk.done):
                    open_next()
                    with m.If(ranging):
                        end()
                    with m.Elif(~left.any()):
                        m.d.comb += self.go.eq(1)
                        m.next = "DISPATCH"
            with m.State("SETTLE"):
                m.d.comb += walk.next.eq(self.settled)
                with m.If(self.settled):
                    m.next = "WALK"
                with m.If(self.beyond):
                    refuse(Error.OPERAND_OUT_OF_RANGE)
                with m.If(self.unfit):
                    refuse(Error.OPERANDS_DO_NOT_FIT)

            with m.State("DISPATCH"):
                drops = Cat(operand.drop for operand in self.operands) & self.roles
                m.d.sync += left.eq(drops)
                with m.If(self.dispatched):
                    with m.If((self.policy == Policy.DIRECTED) & drops.any()):
                        m.next = "DROP"
                    with m.Else():
                        end()
            with m.State("DROP"):
                m.d.comb += self.release.eq(1)
                m.d.sync += left.bit_select(lane, 1).eq(0)
                m.next = "DROPPED"
            with m.State("DROPPED"):
                with m.If(self.asked):
                    with m.If(left.any()):
                        m.next = "DROP"
                    with m.Else():
                        end()

        return m

    def _note(self, m, walked, history):
        """Note what ``walked`` says of its tensor, when what was looked up in the returned strobe's cycle stands."""
        named = Signal()
        naming = named
        for _ in range(1 + self.config.control_stages):
            before, naming = naming, Signal()
            m.d.sync += naming.eq(before)
        with m.If(naming):
            m.d.comb += [
                self.look.touch.eq(1),
                self.look.to.eq(walked.slot),
                self.look.usage.used.eq(self.stamp),
                self.look.usage.uses.eq(self.usage.uses + (self.usage.uses != MOST_USES)),
                self.look.usage.cursor.eq(walked.offset >> Commands(self.config).word_bits),
                self.look.usage.distance.eq(walked.next_use),
                self.look.usage.pinned.eq(walked.pin),
            ]
            with m.If(self.policy == Policy.EAGER):
                m.d.comb += [
                    self.look.usage.distance.eq(history.distance), self.look.live.eq(1),
                    self.look.life.eq(history.life),
                ]  # fmt: skip
        m.d.comb += [
            history.first.eq(self.role == Role.INPUT),
            history.shape.eq(self.shape),
            history.operator.eq(self.compute.operator),
            history.stamp.eq(self.stamp),
            history.binding.eq(self.binding),
            history.usage.eq(self.usage),
            history.old.eq(self.life),
            history.wipe.eq(self.wipe),
        ]
        return named
