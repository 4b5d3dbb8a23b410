"""Fetches the program, decodes it, has operands made resident, attaches waits, dispatches."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.allocator import Allocator
from hw.check import Check
from hw.commands import COUNTS, Commands
from hw.dispatch import Dispatch
from hw.eviction import lowest
from hw.fault import FAULT
from hw.hazards import Hazards
from hw.history import History
from hw.layout import layout
from hw.merge import merge
from hw.pagewalk import PageWalk
from hw.ports import MapPort
from hw.queue import entry
from hw.rank import POLICY
from hw.release import PAGE_BITS
from hw.wipe import Wipe
from spec.errors import Error
from spec.isa import (
    BOUNDS,
    CLAMP,
    COMPUTE,
    HEADER,
    INSTRUCTION_BYTES,
    KERNEL,
    MAGIC,
    OPERAND,
    SCALE,
    VERSION,
    WORDS,
    Opcode,
    Queue,
    Role,
)  # fmt: skip
from spec.policy import MOST_USES
from spec.registers import Policy

__all__ = ["FETCHED", "FrontEnd"]

#: An instruction and the byte address that it was fetched from.
FETCHED = data.StructLayout({"instruction": unsigned(8 * INSTRUCTION_BYTES), "address": unsigned(32)})
COUNTERS = ("computes", "evictions", "write_backs", "fills", "serials", "yields", "overdrafts")
#: Instructions about ranges of pages, and the policy that obeys them; others pass over.
_OBEYED_UNDER = {Opcode.STORE: Policy.NONE, Opcode.PREFETCH: Policy.DIRECTED, Opcode.EVICT: Policy.DIRECTED}
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
        m.submodules.hazards = hazards = Hazards(config=c)
        m.submodules.allocator = allocator = Allocator(config=c)
        m.submodules.check = check = Check(config=c)
        m.submodules.walk = walk = PageWalk(config=c)
        m.submodules.dispatch = dispatch = Dispatch(config=c)
        m.submodules.history = history = History(config=c)

        # Registers that instructions set.
        raw, at, following, taken = Signal(128), Signal(32), Signal(32), Signal(32)
        words = {word: layout(word)(raw[: word.width]) for word in (HEADER, *WORDS.values())}
        operands = [Signal(layout(OPERAND), name=f"operand_{role.name.lower()}") for role in Role]
        registers = {word: Signal(layout(word), name=word.name.lower()) for word in (KERNEL, BOUNDS, SCALE, CLAMP)}
        operator, begun = Signal(len(words[COMPUTE].operator)), Signal()
        aborted, cold = Signal(), Signal(init=1)
        slot = words[WORDS[Opcode.STORE]].slot
        store = words[WORDS[Opcode.STORE]]

        # The operand that is walked: of a STORE, or one after another of a COMPUTE's.
        storing, left = Signal(), Signal(len(Role))
        lane, role = Signal(range(len(Role))), Signal(range(len(Role)))
        lowest(m, lane, left)
        opened, walked = Array(operands)[lane], Array(operands)[role]
        with m.If(storing):
            m.d.comb += [walk.range[n].eq(store[n]) for n in walk.range.shape().members]
            m.d.comb += [
                walk.pages.eq(allocator.binding.pages),
                *(
                    allocator.visit[Opcode(code).name.lower()].eq(words[WORDS[Opcode.STORE]].opcode == code)
                    for code in _OBEYED_UNDER
                ),
                allocator.visit.slot.eq(slot),
                allocator.visit.window.eq(allocator.binding.window),
            ]
        with m.Else():
            m.d.comb += [walk.range[n].eq(opened[n]) for n in walk.range.shape().members]
            m.d.comb += [
                walk.pages.eq(Array(check.pages)[role]),
                allocator.visit.slot.eq(walked.slot),
                allocator.visit.window.eq(Array(check.windows)[role]),
            ]
        m.d.comb += [
            allocator.visit.place.eq(walk.page),
            allocator.visit.writes.eq(role == Role.OUTPUT),
            allocator.visit.user.eq(dispatch.user),
        ]

        # The units among each other.
        m.d.comb += [
            merge(hazards.request, allocator.hazards, dispatch.hazards),
            check.compute.eq(words[COMPUTE]),
            check.kernel.eq(registers[KERNEL]),
            check.binding.eq(allocator.binding),
            dispatch.compute.eq(words[COMPUTE]),
            *(getattr(dispatch, word.name.lower()).eq(register) for word, register in registers.items()),
            dispatch.taps.eq(check.taps),
            dispatch.region.eq(check.region),
            dispatch.role.eq(role),
            dispatch.fold.eq(allocator.fold),
            dispatch.frame.eq(allocator.frame),
            dispatch.clear.eq(wipe.wipe.valid),
            allocator.policy.eq(self.policy),
            hazards.wipe.eq(wipe.wipe),
            allocator.wipe.eq(wipe.wipe),
            allocator.fields.eq(words[WORDS[Opcode.BIND]]),
            allocator.roles.eq(check.roles),
            allocator.stamp.eq(self.computes),
            allocator.counts.eq(self.counts),
            allocator.data_base.eq(self.data_base),
        ]
        for r in Role:
            m.d.comb += [
                check.operands[r].eq(operands[r]),
                dispatch.operands[r].eq(operands[r]),
                dispatch.windows[r].eq(check.windows[r]),
                allocator.windows[r].eq(check.windows[r]),
                allocator.pages[r].eq(check.pages[r]),
                *(allocator.ranges[r][n].eq(operands[r][n]) for n in walk.range.shape().members),
            ]
        for name in ("before_reading", "before_writing", "before_read_port", "before_write_port"):
            m.d.comb += [getattr(unit, name).eq(getattr(hazards, name)) for unit in (allocator, dispatch)]
        pushed = {}
        for queue in _QUEUES:
            name = queue.name.lower()
            unit = dispatch if queue in (Queue.WEIGHTS, Queue.ARRAY, Queue.POST) else allocator
            wiring.connect(m, getattr(unit, name), wiring.flipped(getattr(self, name)))
            pushed[queue] = unit.pushed[queue]
        wiring.connect(m, allocator.map, wiring.flipped(self.map))
        look = Signal.like(allocator.look)
        m.d.comb += merge(allocator.look, check.slots, look)

        # What an operand says of its tensor, noted in the cycle after the slot is looked up.
        naming = Signal()
        m.d.sync += naming.eq(0)
        with m.If(naming):
            m.d.comb += [
                look.touch.eq(1),
                look.to.eq(walked.slot),
                look.usage.used.eq(self.computes),
                look.usage.uses.eq(allocator.usage.uses + (allocator.usage.uses != MOST_USES)),
                look.usage.cursor.eq(walked.offset >> Commands(c).word_bits),
                look.usage.distance.eq(walked.next_use),
                look.usage.pinned.eq(walked.pin),
            ]
            with m.If(self.policy == Policy.EAGER):
                m.d.comb += [look.usage.distance.eq(history.distance), look.live.eq(1), look.life.eq(history.life)]
        m.d.comb += [
            history.first.eq(role == Role.INPUT),
            history.shape.mode.eq(words[COMPUTE].mode),
            history.shape.kernel_h.eq(registers[KERNEL].kernel_h),
            history.shape.stride_h.eq(registers[KERNEL].stride_h),
            history.operator.eq(words[COMPUTE].operator),
            history.stamp.eq(self.computes),
            history.binding.eq(allocator.binding),
            history.usage.eq(allocator.usage),
            history.old.eq(allocator.life),
            history.wipe.index.eq(wipe.wipe.index),
            history.wipe.valid.eq(wipe.wipe.valid & cold),
        ]

        def refuse(code, address=at):
            m.d.comb += [self.fault.valid.eq(1), self.fault.code.eq(code), self.fault.address.eq(address)]
            m.next = "DRAIN"

        def open_next():
            """Go on with the next operand: ``eager`` looks first at what its tensor did before."""
            m.next = "OPEN"
            with m.If(self.policy == Policy.EAGER):
                m.next = "LOOK"

        with m.If(self.abort):
            m.d.sync += aborted.eq(1)
        with m.FSM():
            with m.State("RESET"):
                m.d.comb += [self.clear.eq(1), wipe.start.eq(1)]
                m.d.sync += [register.eq(0) for register in (*registers.values(), *operands, begun)]
                m.next = "WIPE"
            with m.State("WIPE"):
                m.d.comb += self.clear.eq(1)
                with m.If(wipe.done):
                    m.d.sync += cold.eq(0)
                    m.next = "READY"
            with m.State("READY"):
                m.d.comb += self.ready_for_start.eq(1)
                m.d.sync += [following.eq(self.program_address), taken.eq(0), aborted.eq(0)]
                with m.If(self.start):
                    m.d.sync += [getattr(self, name).eq(0) for name in COUNTERS]
                    m.next = "TAKE"

            with m.State("TAKE"):
                with m.If(self.abort | aborted):
                    m.next = "DRAIN"
                with m.Elif(taken == self.length):
                    refuse(Error.TRUNCATED_PROGRAM, following)
                with m.Else():
                    m.d.comb += self.fetch.ready.eq(1)
                    with m.If(self.fetch.valid):
                        m.d.sync += [
                            raw.eq(self.fetch.payload.instruction),
                            at.eq(self.fetch.payload.address),
                            following.eq(self.fetch.payload.address + INSTRUCTION_BYTES),
                            taken.eq(taken + 1),
                        ]
                        m.next = "EXECUTE"
            with m.State("EXECUTE"):
                m.next = "TAKE"
                strange = (slot >> exact_log2(c.slots)).any()
                with m.If(taken == 1):
                    header = words[HEADER]
                    with m.If((header.magic != MAGIC) | (header.version != VERSION)):
                        refuse(Error.NOT_A_PROGRAM)
                    with m.Elif(header.configuration != c.hash):
                        refuse(Error.OTHER_CONFIGURATION)
                with m.Else(), m.Switch(raw[:4]):
                    with m.Case(Opcode.END):
                        m.next = "DRAIN"
                        with m.If(self.policy != Policy.NONE):
                            m.d.comb += allocator.sweep.eq(1)
                            m.next = "FLUSH"
                    for word, register in registers.items():
                        with m.Case(Opcode[word.name]):
                            m.d.sync += register.eq(words[word])
                    with m.Case(Opcode.OPERAND):
                        with m.If(words[OPERAND].role >= len(Role)):
                            refuse(Error.ILLEGAL_OPCODE)
                        for r in Role:
                            with m.If(words[OPERAND].role == r):
                                m.d.sync += operands[r].eq(words[OPERAND])
                    with m.Case(Opcode.BIND):
                        fields = words[WORDS[Opcode.BIND]]
                        with m.If(strange):
                            refuse(Error.SLOT_NOT_BOUND)
                        with m.Elif(fields.window + fields.pages > c.virtual_pages):
                            refuse(Error.WINDOW_OUT_OF_RANGE)
                        with m.Else():
                            m.d.comb += allocator.bind.eq(1)
                            m.next = "BIND"
                    with m.Case(Opcode.RELEASE):
                        dead = words[WORDS[Opcode.RELEASE]]
                        with m.If(strange):
                            refuse(Error.SLOT_NOT_BOUND)
                        # Policy none forgets a tensor with its operator, not earlier.
                        with m.Elif(self.policy != Policy.NONE):
                            m.d.comb += [
                                allocator.release.eq(1),
                                allocator.slot.eq(slot),
                                allocator.first.eq(dead.first),
                                allocator.end.eq(dead.first + dead.pages),
                            ]
                            m.next = "BIND"
                    for code, policy in _OBEYED_UNDER.items():
                        with m.Case(code):
                            with m.If(strange):
                                refuse(Error.SLOT_NOT_BOUND)
                            with m.Elif(self.policy == policy):
                                m.d.comb += [look.look.eq(1), look.slot.eq(slot)]
                                m.d.sync += storing.eq(1)
                                m.next = "OPEN"
                    with m.Case(Opcode.COMPUTE):
                        m.d.comb += [check.start.eq(1), allocator.renew.eq(1)]
                        m.d.sync += [self.computes.eq(self.computes + 1), storing.eq(0)]
                        m.next = "CHECK"
                    with m.Default():
                        refuse(Error.ILLEGAL_OPCODE)
            with m.State("BIND"):
                with m.If(allocator.done):
                    m.next = "TAKE"
            with m.State("FLUSH"):
                with m.If(allocator.done):
                    m.next = "DRAIN"

            # Another operator: under policy none the pages of the one before are given back.
            with m.State("CHECK"):
                with m.If(check.done):
                    m.d.sync += [operator.eq(words[COMPUTE].operator), begun.eq(1)]
                    m.next = "VERDICT"
                    another = ~begun | (operator != words[COMPUTE].operator)
                    with m.If((self.policy == Policy.NONE) & another):
                        m.d.comb += allocator.sweep.eq(1)
                        m.next = "FORGET"
            with m.State("FORGET"):
                with m.If(allocator.done):
                    m.next = "VERDICT"
            with m.State("VERDICT"):
                m.d.sync += left.eq(check.roles)
                with m.If(check.unbound):
                    refuse(Error.SLOT_NOT_BOUND)
                with m.Elif(check.bad):
                    refuse(Error.BAD_SHAPE)
                with m.Else():
                    m.d.comb += dispatch.begin.eq(1)
                    open_next()

            with m.State("LOOK"):
                m.d.comb += [look.look.eq(1), look.slot.eq(opened.slot), history.start.eq(1)]
                m.d.sync += role.eq(lane)
                m.next = "RECALL"
            with m.State("RECALL"):
                with m.If(history.done):
                    m.next = "OPEN"
            with m.State("OPEN"):
                m.d.comb += walk.load.eq(1)
                m.d.sync += role.eq(lane)
                m.next = "WALK"
                with m.If(storing):
                    with m.If(~allocator.binding.bound):
                        refuse(Error.SLOT_NOT_BOUND)
                with m.Else():
                    m.d.comb += [look.look.eq(1), look.slot.eq(opened.slot)]
                    m.d.sync += [left.bit_select(lane, 1).eq(0), naming.eq(1)]
            with m.State("WALK"):
                with m.If(walk.valid):
                    with m.If(walk.beyond):
                        refuse(Error.OPERAND_OUT_OF_RANGE)
                    with m.Else():
                        m.d.comb += allocator.settle.eq(1)
                        m.next = "SETTLE"
                with m.If(walk.done):
                    open_next()
                    with m.If(storing):
                        m.next = "TAKE"
                    with m.Elif(~left.any()):
                        m.d.comb += dispatch.go.eq(1)
                        m.next = "DISPATCH"
            with m.State("SETTLE"):
                m.d.comb += walk.next.eq(allocator.done)
                with m.If(allocator.done):
                    m.next = "WALK"
                with m.If(allocator.beyond):
                    refuse(Error.OPERAND_OUT_OF_RANGE)
                with m.If(allocator.unfit):
                    refuse(Error.OPERANDS_DO_NOT_FIT)
            with m.State("DISPATCH"):
                drops = Cat(operand.drop for operand in operands) & check.roles
                m.d.sync += left.eq(drops)
                with m.If(dispatch.done):
                    m.next = "TAKE"
                    with m.If((self.policy == Policy.DIRECTED) & drops.any()):
                        m.next = "DROP"
            with m.State("DROP"):
                m.d.comb += [
                    allocator.release.eq(1), allocator.slot.eq(opened.slot), allocator.end.eq((1 << PAGE_BITS) - 1),
                ]  # fmt: skip
                m.d.sync += left.bit_select(lane, 1).eq(0)
                m.next = "DROPPED"
            with m.State("DROPPED"):
                with m.If(allocator.done):
                    m.next = "TAKE"
                    with m.If(left.any()):
                        m.next = "DROP"

            with m.State("DRAIN"):
                with m.If(Cat(self.counts[q] == count for q, count in pushed.items()).all()):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "RESET"

        for name, event in (
            ("evictions", allocator.evicted), ("write_backs", allocator.wrote_back),
            ("fills", allocator.filled), ("serials", dispatch.serial), ("yields", allocator.yields),
            ("overdrafts", allocator.overdraft),
        ):  # fmt: skip
            with m.If(event):
                m.d.sync += getattr(self, name).eq(getattr(self, name) + 1)
        return m
