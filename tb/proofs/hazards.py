"""What commands wait for: the last users of a frame, and nothing that is not yet in the queues."""

from __future__ import annotations

from amaranth import Array, Mux, Signal
from amaranth.hdl import Assert, Cover

from hw.commands import COUNT_BITS
from hw.hazards import FRAME, READERS, WRITERS, Hazards
from spec.isa import Queue
from tb.mutation import Edit
from tb.proofs.design import Design
from tb.proofs.machine import SMALL
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]


def design():
    """Any one frame among all, its users noted beside it."""
    d = Design()
    m = d.m
    m.submodules.hazards = hazards = Hazards(config=SMALL)
    inside = Opened(hazards)
    d.open(hazards)
    ask, wipe = hazards.request, hazards.wipe
    frame = d.constant(len(ask.frame), name="any_frame")

    # Commands that each queue has been given, ever more of them; whoever is noted is one of them, of a queue that may.
    given = Array(d.input(COUNT_BITS, name=f"given_{queue.name}") for queue in Queue)
    for queue in Queue:
        d.assume(given[queue] >= d.before(given[queue], name=f"given_before_{queue.name}"))
    noting_reader, noting_writer = ask.reads | ask.takes_read, ask.writes | ask.takes_write
    for noting, user, queues in ((noting_reader, ask.reader, READERS), (noting_writer, ask.writer, WRITERS)):
        d.assume(~noting | (sum(user.queue == queue for queue in queues).any() & user.count.any()))
        d.assume(~noting | (user.count <= given[user.queue]))
    noted, swept = ask.reads | ask.writes, wipe.valid & (wipe.index[: len(frame)] == frame)
    d.assume(~(ask.reads & ask.writes) & ~(wipe.valid & (ask.look | ask.look_bank | noting_reader | noting_writer)))

    # What is known of the frame: from the sweep on, what was noted. A user is noted after a lookup, once.
    wiped, standing, fresh = Signal(), Signal(), Signal()
    known = Signal(FRAME)
    here = inside["frame"] == frame
    with m.If(swept):
        m.d.sync += [wiped.eq(1), known.eq(0)]
    with m.If(ask.look):
        m.d.sync += [standing.eq((ask.frame == frame) & wiped), fresh.eq(1)]
    with m.Elif(noted):
        m.d.sync += fresh.eq(0)
    with m.Elif(wipe.valid):
        m.d.sync += [fresh.eq(0), standing.eq(0)]
    d.assume(~noted | fresh)
    d.assume(~(ask.look & noted & (ask.frame == inside["frame"])))
    with m.If(noted & standing):
        with m.If(ask.writes):
            m.d.sync += [known.readers.eq(0), known.writer.eq(ask.writer)]
        with m.Else():
            for place, queue in enumerate(READERS):
                with m.If(ask.reader.queue == queue):
                    m.d.sync += known.readers[place].eq(ask.reader.count)

    usable = standing & fresh
    for queue in Queue:
        written = Mux(known.writer.queue == queue, known.writer.count, 0) if queue in WRITERS else 0
        read = known.readers[READERS.index(queue)] if queue in READERS else 0
        m.d.comb += [
            Assert(~usable | (hazards.before_reading[queue] == written), "a reader must wait for the last writer"),
            Assert(~usable | (hazards.before_writing[queue] == Mux(read != 0, read, written)),
                   "a writer must wait for the readers since the last writer, and for it"),
            Assert(~usable | (hazards.before_reading[queue] <= given[queue]), "a wait must not point forward"),
            Assert(~usable | (hazards.before_writing[queue] <= given[queue]), "a wait must not point forward"),
        ]  # fmt: skip
        m.d.comb += Assert((written <= given[queue]) & (read <= given[queue]))
    m.d.comb += Cover(usable & known.readers[0].any() & known.readers[1].any() & known.writer.count.any())

    # What makes an induction of it: the table holds what is known, and what stands is that.
    m.d.comb += [
        Assert(~wiped | (inside.word(m, "frames", frame).as_value() == known.as_value())),
        Assert(~usable | (inside["old"].as_value() == known.as_value())),
        Assert(~standing | (here & wiped)),
        Assert(~fresh | standing | ~here | ~wiped),
    ]
    return d


PROOFS = (
    Proof(
        name="hazards",
        claims="whoever reads a frame waits for its last writer, whoever writes it for its last writer and for the last"
        " reader since in each queue, as they were noted; every wait is for a command that its queue has been "
        "given: waits never point forward",
        assumed="after the sweep; whoever is noted has a number that its queue has been given; a frame is looked up "
        "before a user is noted, and not while one is",
        reached="a frame with a writer and two readers",
        design=design,
        depth=2,
        reach=9,
        bug=Edit(
            "the readers of a frame's earlier contents are kept",
            "hw/hazards.py",
            "m.d.comb += new.readers[i].eq(Mux(«ask.reader.queue == queue», ask.reader.count, old.readers[i]))",
            "OLD | (i == 1)",
        ),
    ),
)  # fmt: skip
