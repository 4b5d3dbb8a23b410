"""Takes instructions, keeps what they set for those that follow, and tells what is to be done."""

from __future__ import annotations

from amaranth import Module, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.fault import FAULT
from hw.fetch import FETCHED
from hw.layout import layout
from hw.rank import POLICY
from spec.errors import Error
from spec.isa import (
    BIND,
    BOUNDS,
    CLAMP,
    COMPUTE,
    HEADER,
    INSTRUCTION_BYTES,
    KERNEL,
    MAGIC,
    OPERAND,
    RELEASE,
    SCALE,
    STORE,
    VERSION,
    Opcode,
    Role,
)  # fmt: skip
from spec.policy import OBEYED_UNDER
from spec.registers import Policy

__all__ = ["Decode", "Work"]

_KEPT = (KERNEL, BOUNDS, SCALE, CLAMP)
_PLAIN = (BIND, RELEASE, STORE, COMPUTE)


class Work(enum.Enum, shape=3):
    """What an instruction leaves to be done; RANGE is STORE, PREFETCH or EVICT."""

    NOTHING = 0
    BIND = 1
    RELEASE = 2
    RANGE = 3
    COMPUTE = 4
    END = 5


class Decode(wiring.Component):
    """The instruction that was taken last, judged in the cycle after that, and the registers that others have set.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    clear : In(1)
        All registers are zero.
    renew : In(1)
        Another program: ``program_address`` is where its header is.
    program_address, policy : In
        Registers; must hold during a run.
    fetch : In(stream(FETCHED))
        The program, from its header on.
    take : In(1)
        Take an instruction, if there is one.
    taken : Out(32)
        Instructions taken since ``renew``.
    execute : In(1)
        The cycle after an instruction was taken: keep what it sets.
    work : Out(Work)
        What is left to be done, unless the policy passes over it; 0 if the instruction is refused.
    fault : Out(FAULT)
        Why the instruction is refused, with its address.
    at, following : Out(32)
        Byte addresses of the instruction and of the next.
    bind, release, store, compute : Out
        The instruction, read as one of these; STORE also as PREFETCH and EVICT.
    kernel, bounds, scale, clamp, operands : Out
        The registers.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "clear": In(1),
            "renew": In(1),
            "program_address": In(32),
            "policy": In(POLICY),
            "fetch": In(stream.Signature(FETCHED)),
            "take": In(1),
            "taken": Out(32),
            "execute": In(1),
            "work": Out(Work),
            "fault": Out(FAULT),
            "at": Out(32),
            "following": Out(32),
            **{word.name.lower(): Out(layout(word)) for word in (*_PLAIN, *_KEPT)},
            "operands": Out(layout(OPERAND)).array(len(Role)),
        })

    def elaborate(self, platform):
        m = Module()
        raw = Signal(8 * INSTRUCTION_BYTES)
        read = {word: layout(word)(raw[: word.width]) for word in (HEADER, OPERAND, *_PLAIN, *_KEPT)}
        m.d.comb += [getattr(self, word.name.lower()).eq(read[word]) for word in _PLAIN]
        m.d.comb += self.fetch.ready.eq(self.take)
        with m.If(self.renew):
            m.d.sync += [self.following.eq(self.program_address), self.taken.eq(0)]
        with m.If(self.take & self.fetch.valid):
            m.d.sync += [
                raw.eq(self.fetch.payload.instruction),
                self.at.eq(self.fetch.payload.address),
                self.following.eq(self.fetch.payload.address + INSTRUCTION_BYTES),
                self.taken.eq(self.taken + 1),
            ]

        m.d.comb += self.fault.address.eq(self.at)

        def refuse(error):
            m.d.comb += [self.fault.valid.eq(1), self.fault.code.eq(error)]

        strange = (read[STORE].slot >> exact_log2(self.config.slots)).any()

        def leave(work, obeyed):
            """Work for a slot, which there must be, under a policy that does not pass over it."""
            with m.If(strange):
                refuse(Error.SLOT_NOT_BOUND)
            with m.Elif(obeyed):
                m.d.comb += self.work.eq(work)

        header = read[HEADER]
        fits = self.bind.window + self.bind.pages <= self.config.virtual_pages
        with m.If(self.taken == 1):
            with m.If((header.magic != MAGIC) | (header.version != VERSION)):
                refuse(Error.NOT_A_PROGRAM)
            with m.Elif(header.configuration != self.config.hash):
                refuse(Error.OTHER_CONFIGURATION)
        with m.Else(), m.Switch(read[STORE].opcode):
            with m.Case(Opcode.END):
                m.d.comb += self.work.eq(Work.END)
            for word in _KEPT:
                with m.Case(Opcode[word.name]), m.If(self.execute):
                    m.d.sync += getattr(self, word.name.lower()).eq(read[word])
            with m.Case(Opcode.OPERAND):
                with m.If(read[OPERAND].role >= len(Role)):
                    refuse(Error.ILLEGAL_OPCODE)
                for role in Role:
                    with m.If(self.execute & (read[OPERAND].role == role)):
                        m.d.sync += self.operands[role].eq(read[OPERAND])
            with m.Case(Opcode.BIND):
                leave(Work.BIND, fits)
                with m.If(~strange & ~fits):
                    refuse(Error.WINDOW_OUT_OF_RANGE)
            with m.Case(Opcode.RELEASE):
                # Policy none forgets a tensor with its operator, not earlier.
                leave(Work.RELEASE, self.policy != Policy.NONE)
            for opcode, policy in OBEYED_UNDER.items():
                with m.Case(opcode):
                    leave(Work.RANGE, self.policy == policy)
            with m.Case(Opcode.COMPUTE):
                m.d.comb += self.work.eq(Work.COMPUTE)
            with m.Default():
                refuse(Error.ILLEGAL_OPCODE)
        with m.If(self.clear):
            m.d.sync += [getattr(self, word.name.lower()).eq(0) for word in _KEPT]
            m.d.sync += [operand.eq(0) for operand in self.operands]
        return m
