"""Fetches the program, decodes it, has operands made resident, attaches waits, dispatches."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.allocator import Allocator
from hw.check import Check
from hw.commands import COUNTS, Commands
from hw.decode import Decode, Work
from hw.dispatch import QUEUES, Dispatch
from hw.fault import FAULT
from hw.fetch import FETCHED
from hw.hazards import Hazards
from hw.merge import merge
from hw.operands import Operands
from hw.pagewalk import RANGE
from hw.ports import MapPort
from hw.queue import entry
from hw.rank import POLICY
from hw.release import PAGE_BITS
from hw.wipe import Wipe
from spec.errors import Error
from spec.isa import Queue, Role
from spec.registers import Policy

__all__ = ["FrontEnd"]

COUNTERS = ("computes", "evictions", "write_backs", "fills", "serials", "yields", "overdrafts")
_QUEUES = tuple(q for q in Queue if q is not Queue.SUMS)


class FrontEnd(wiring.Component):
    """Takes a program's instructions in order, and pushes commands in order.

    docs/frontend.md tells the cycle of every push.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin a run; taken when ``ready_for_start``. This is cycle 0.
    ready_for_start : Out(1)
        All tables are wiped.
    program_address, length, data_base, policy : In
        Registers; must hold during a run.
    fetch : In(stream(FETCHED))
        The program, from its header on.
    abort : In(1)
        An error elsewhere: take no more instructions. One cycle is enough.
    counts : In(COUNTS)
        Completion counts.
    clear : Out(1)
        Tables are being wiped: completions are to be 0.
    read, place, weights, array, post, take, write : Out(stream(entry(payload)))
        Commands.
    map : Out(MapPort)
        To the page tables.
    done : Out(1)
        Everything that was pushed has finished, after END or after an error. The run's cycles are those before this.
    fault : Out(FAULT)
        What is refused. Nothing is taken after that; ``done`` follows.
    computes, evictions, write_backs, fills, serials, yields, overdrafts : Out(32)
        Counters of the run; they stay until the next start.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "start": In(1),
            "ready_for_start": Out(1),
            "program_address": In(32),
            "length": In(32),
            "data_base": In(32),
            "policy": In(POLICY),
            "fetch": In(stream.Signature(FETCHED)),
            "abort": In(1),
            "counts": In(COUNTS),
            "clear": Out(1),
            **{q.name.lower(): Out(stream.Signature(entry(getattr(k, q.name.lower())))) for q in _QUEUES},
            "map": Out(MapPort(config)),
            "done": Out(1),
            "fault": Out(FAULT),
            **{name: Out(32) for name in COUNTERS},
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        m.submodules.wipe = wipe = Wipe(config=c)
        m.submodules.decode = decode = Decode(config=c)
        m.submodules.check = check = Check(config=c)
        m.submodules.operands = operands = Operands(config=c)
        m.submodules.dispatch = dispatch = Dispatch(config=c)
        m.submodules.hazards = hazards = Hazards(config=c)
        m.submodules.allocator = allocator = Allocator(config=c)
        aborted, cold = Signal(), Signal(init=1)

        wiring.connect(m, wiring.flipped(self.fetch), decode.fetch)
        wiring.connect(m, allocator.map, wiring.flipped(self.map))
        pushed = {}
        for queue in _QUEUES:
            name = queue.name.lower()
            unit = dispatch if queue in QUEUES else allocator
            wiring.connect(m, getattr(unit, name), wiring.flipped(getattr(self, name)))
            pushed[queue] = unit.pushed[queue]

        # What stands during an instruction.
        for unit in (decode, operands, allocator):
            m.d.comb += unit.policy.eq(self.policy)
        for unit in (check, dispatch):
            m.d.comb += [unit.compute.eq(decode.compute), unit.kernel.eq(decode.kernel)]
        m.d.comb += [
            decode.program_address.eq(self.program_address),
            check.binding.eq(allocator.binding),
            *(getattr(dispatch, name).eq(getattr(decode, name)) for name in ("bounds", "scale", "clamp")),
            dispatch.region.eq(check.region),
            operands.compute.eq(decode.compute),
            operands.store.eq(decode.store),
            operands.shape.mode.eq(decode.compute.mode),
            operands.shape.kernel_h.eq(decode.kernel.kernel_h),
            operands.shape.stride_h.eq(decode.kernel.stride_h),
            operands.stamp.eq(self.computes),
            allocator.stamp.eq(self.computes),
            allocator.fields.eq(decode.bind),
            allocator.roles.eq(check.roles),
            allocator.counts.eq(self.counts),
            allocator.data_base.eq(self.data_base),
        ]
        for r in Role:
            m.d.comb += [unit.operands[r].eq(decode.operands[r]) for unit in (check, operands, dispatch)]
            m.d.comb += [unit.windows[r].eq(check.windows[r]) for unit in (operands, dispatch, allocator)]
            m.d.comb += [unit.pages[r].eq(check.pages[r]) for unit in (operands, allocator)]
            m.d.comb += [allocator.ranges[r][n].eq(decode.operands[r][n]) for n in RANGE.members]

        # Requests, and what comes of them.
        m.d.comb += [
            merge(hazards.request, allocator.hazards, dispatch.hazards),
            merge(allocator.look, check.slots, operands.look),
            allocator.visit.eq(operands.visit),
            allocator.settle.eq(operands.settle),
            dispatch.begin.eq(operands.opens),
            dispatch.go.eq(operands.go),
            dispatch.role.eq(operands.role),
            allocator.avoid.eq(dispatch.avoid),
            dispatch.fold.eq(allocator.fold),
            dispatch.frame.eq(allocator.frame),
            operands.user.eq(dispatch.user),
            operands.dispatched.eq(dispatch.done),
            operands.asked.eq(allocator.done),
            operands.settled.eq(allocator.settled),
            *(getattr(operands, n).eq(getattr(allocator, n)) for n in ("beyond", "unfit", "binding", "usage", "life")),
            operands.checked.eq(check.done),
            *(getattr(operands, n).eq(getattr(check, n)) for n in ("unbound", "bad", "roles")),
        ]
        for name in ("before_reading", "before_writing", "before_read_port", "before_write_port"):
            m.d.comb += [getattr(unit, name).eq(getattr(hazards, name)) for unit in (allocator, dispatch)]

        # Every run begins with the same tables; what ``eager`` has learned outlives it.
        m.d.comb += [
            *(unit.wipe.eq(wipe.wipe) for unit in (hazards, allocator)),
            dispatch.clear.eq(wipe.wipe.valid),
            operands.wipe.index.eq(wipe.wipe.index),
            operands.wipe.valid.eq(wipe.wipe.valid & cold),
        ]

        # A tensor is released by RELEASE page by page, by a hint as a whole; END and ``none`` release all.
        ranged, sweeps = Signal(), Signal()
        dead = decode.release
        m.d.comb += [
            allocator.release.eq(ranged | operands.release),
            allocator.slot.eq(operands.slot),
            allocator.end.eq((1 << PAGE_BITS) - 1),
            allocator.sweep.eq(sweeps | operands.sweep),
        ]
        with m.If(ranged):
            m.d.comb += [
                allocator.slot.eq(dead.slot),
                allocator.first.eq(dead.first),
                allocator.end.eq(dead.first + dead.pages),
            ]

        def refuse(code, address=decode.at):
            m.d.comb += [self.fault.valid.eq(1), self.fault.code.eq(code), self.fault.address.eq(address)]
            m.next = "DRAIN"

        # What an instruction asks for is decided in a cycle of its own, if that makes the clock faster.
        work, refused = decode.work, decode.fault
        if c.control_stages:
            work, refused = Signal(Work), Signal(FAULT)
            m.d.sync += [work.eq(decode.work), refused.eq(decode.fault)]

        # Whether the program is at its end is known before another instruction is taken.
        ended = Signal()
        domain = m.d.sync if c.control_stages else m.d.comb
        domain += ended.eq(Mux(self.ready_for_start, 0, decode.taken) == self.length)

        with m.If(self.abort):
            m.d.sync += aborted.eq(1)
        with m.FSM():
            with m.State("RESET"):
                m.d.comb += [self.clear.eq(1), wipe.start.eq(1), decode.clear.eq(1), operands.renew.eq(1)]
                m.next = "WIPE"
            with m.State("WIPE"):
                m.d.comb += self.clear.eq(1)
                with m.If(wipe.done):
                    m.d.sync += cold.eq(0)
                    m.next = "READY"
            with m.State("READY"):
                m.d.comb += [self.ready_for_start.eq(1), decode.renew.eq(1)]
                m.d.sync += aborted.eq(0)
                with m.If(self.start):
                    m.d.sync += [getattr(self, name).eq(0) for name in COUNTERS]
                    m.next = "TAKE"

            with m.State("TAKE"):
                with m.If(self.abort | aborted):
                    m.next = "DRAIN"
                with m.Elif(ended):
                    refuse(Error.TRUNCATED_PROGRAM, decode.following)
                with m.Else():
                    m.d.comb += decode.take.eq(1)
                    with m.If(self.fetch.valid):
                        m.next = "DECODE" if c.control_stages else "EXECUTE"
            if c.control_stages:
                with m.State("DECODE"):
                    m.next = "EXECUTE"
            with m.State("EXECUTE"):
                m.d.comb += decode.execute.eq(1)
                m.next = "TAKE"
                with m.Switch(work):
                    with m.Case(Work.BIND):
                        m.d.comb += allocator.bind.eq(1)
                        m.next = "TABLES"
                    with m.Case(Work.RELEASE):
                        m.d.comb += ranged.eq(1)
                        m.next = "TABLES"
                    with m.Case(Work.RANGE):
                        m.d.comb += operands.range.eq(1)
                        m.next = "OPERANDS"
                    with m.Case(Work.COMPUTE):
                        m.d.comb += [operands.begin.eq(1), check.start.eq(1), allocator.renew.eq(1)]
                        m.d.sync += self.computes.eq(self.computes + 1)
                        m.next = "OPERANDS"
                    with m.Case(Work.END):
                        m.next = "DRAIN"
                        with m.If(self.policy != Policy.NONE):
                            m.d.comb += sweeps.eq(1)
                            m.next = "FLUSH"
                with m.If(refused.valid):
                    refuse(refused.code)
            with m.State("TABLES"):
                with m.If(allocator.done):
                    m.next = "TAKE"
            with m.State("OPERANDS"):
                with m.If(operands.done):
                    m.next = "TAKE"
                with m.If(operands.fault.valid):
                    refuse(operands.fault.code)
            with m.State("FLUSH"):
                with m.If(allocator.done):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                with m.If(Cat(self.counts[q] == count for q, count in pushed.items()).all()):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "RESET"

        counted = {
            "evictions": allocator.evicted, "write_backs": allocator.wrote_back, "fills": allocator.filled,
            "serials": dispatch.serial, "yields": allocator.yields, "overdrafts": allocator.overdraft,
        }  # fmt: skip
        happens = Signal(len(counted))
        domain += happens.eq(Cat(counted.values()))
        for name, event in zip(counted, happens, strict=True):
            with m.If(event):
                m.d.sync += getattr(self, name).eq(getattr(self, name) + 1)
        return m
