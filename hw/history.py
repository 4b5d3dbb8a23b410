"""Remembers when tensors came back, and guesses when they will."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.commands import COUNT_BITS
from hw.slots import LIFE, binding, usage
from hw.wipe import WIPE
from spec.isa import NEVER, TensorClass
from spec.policy import HISTORY, PHASES, SALTS, SIGNATURE_BITS

__all__ = ["SHAPE", "History"]

#: Bits of a COMPUTE that tell operators apart: the mode's lowest, kernel height, row stride.
SHAPE = data.StructLayout({"mode": unsigned(2), "kernel_h": unsigned(4), "stride_h": unsigned(4)})
_INDEX = exact_log2(HISTORY)
_TURN = 5


class History(wiring.Component):
    r"""The table of policy ``eager``: what it learns of a tensor that an operand names, and what it says of it.

    ::

        cycle    0      1      2      3      4
        start    /‾‾‾\
        done                          /‾‾‾\
        distance                             ⟨ 9

    The slot is looked up in the cycle of ``start`` and must stand from then on; ``life`` and ``distance`` stand after
    ``done`` until the next start.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        Begin.
    first : In(1)
        The operand is the input.
    shape : In(SHAPE)
        Of its COMPUTE.
    operator, stamp : In
        The COMPUTE's operator and number.
    binding, usage, old : In
        From Slots.
    life : Out(LIFE)
        The slot's life from now on.
    distance : Out(16)
        COMPUTEs until the tensor comes back; 0 if nobody knows.
    done : Out(1)
        The last cycle.
    wipe : In(WIPE)
        See Wipe; only after a reset, so that what was learned outlives runs.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "first": In(1),
            "shape": In(SHAPE),
            "operator": In(LIFE["operator"].shape),
            "stamp": In(COUNT_BITS),
            "binding": In(binding(config)),
            "usage": In(usage(config)),
            "old": In(LIFE),
            "life": Out(LIFE),
            "distance": Out(usage(config)["distance"].shape),
            "done": Out(1),
            "wipe": In(WIPE),
        })

    def elaborate(self, platform):
        m = Module()
        old = self.old
        row = data.StructLayout({
            "valid": unsigned(1), "tag": unsigned(SIGNATURE_BITS - _INDEX), "distance": self.distance.shape(),
        })  # fmt: skip
        m.submodules.entries = entries = memory.Memory(shape=row, depth=HISTORY, init=[])
        write, read = entries.write_port(), entries.read_port()

        def place(life):
            """Index and tag of a life's entry."""
            mixed = life.signature ^ Array(SALTS)[life.phase - 1]
            return mixed[:_INDEX], mixed[_INDEX:]

        # Maps are followed, and begin a phase when another operator names them.
        known, fresh, begins = Signal(), Signal(), Signal()
        source, turned, signature = (Signal(SIGNATURE_BITS, name=n) for n in ("source", "turned", "signature"))
        maps = (TensorClass.INPUT, TensorClass.ACTIVATION, TensorClass.OUTPUT)
        m.d.comb += [
            known.eq(Cat(self.binding.tensor_class == one for one in maps).any()),
            fresh.eq(old.phase == 0),
            begins.eq(known & (fresh | (old.operator != self.operator))),
            turned.eq(Mux(self.first, 0, source).rotate_left(_TURN)),
            signature.eq(
                Mux(begins & fresh, turned ^ self.binding.pages ^ self.shape.as_value(), old.signature)
            ),
        ]

        passed, learns, guesses = Signal(COUNT_BITS), Signal(), Signal()
        old_index, old_tag = place(old)
        new_index, new_tag = place(self.life)
        m.d.comb += [
            passed.eq(self.stamp - old.begun),
            write.addr.eq(Mux(self.wipe.valid, self.wipe.index, old_index)),
            read.addr.eq(new_index),
        ]
        with m.If(~self.wipe.valid):
            m.d.comb += [
                write.data.valid.eq(1),
                write.data.tag.eq(old_tag),
                write.data.distance.eq(Mux(passed < NEVER, passed, NEVER - 1)),
            ]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.next = "LOOK" if self.config.control_stages else "MIX"
            if self.config.control_stages:
                with m.State("LOOK"):
                    m.next = "MIX"
            with m.State("MIX"):
                m.d.sync += [self.life.eq(old), self.life.signature.eq(signature), guesses.eq(begins)]
                m.d.sync += learns.eq(begins & ~fresh)
                with m.If(begins):
                    m.d.sync += [
                        self.life.phase.eq(Mux(old.phase == PHASES, PHASES, old.phase + 1)),
                        self.life.operator.eq(self.operator),
                        self.life.begun.eq(self.stamp),
                    ]
                with m.If(self.first):
                    m.d.sync += source.eq(Mux(known, signature, 0))
                m.next = "LEARN"
            with m.State("LEARN"):
                m.d.comb += write.en.eq(learns)
                m.next = "RECALL"
            with m.State("RECALL"):
                m.d.comb += [read.en.eq(1), self.done.eq(1)]
                m.next = "IDLE"
        with m.If(self.wipe.valid):
            m.d.comb += write.en.eq(1)

        found = read.data.valid & (read.data.tag == new_tag)
        domain = m.d.sync if self.config.control_stages else m.d.comb
        domain += self.distance.eq(Mux(guesses, Mux(found, read.data.distance, 0), self.usage.distance))
        return m
