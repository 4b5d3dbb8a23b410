"""The command queue: in order, none lost, and no command before what it waits for."""

from __future__ import annotations

from amaranth import Signal, unsigned
from amaranth.hdl import Assert, Cover
from amaranth.lib import data

from hw.queue import CommandQueue, entry
from spec.isa import Queue
from tb.mutation import Edit
from tb.proofs.design import Design
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]

DEPTH = 4
PAYLOAD = data.StructLayout({"tag": unsigned(4)})


def design():
    """A queue of POST commands, and any one command that is followed through it."""
    d = Design()
    m = d.m
    queue = CommandQueue(
        payload=PAYLOAD, depth=DEPTH, own=Queue.POST, half_queue=Queue.SUMS, data_waits=(Queue.PLACE, Queue.POST),
        port_waits=(Queue.ARRAY,),
    )  # fmt: skip
    m.submodules.queue = queue
    inside = Opened(queue)
    d.open(queue)
    level, oldest, newest = inside["level"], inside["oldest"], inside["newest"]
    pushed = queue.push.valid & queue.push.ready

    # The one that is followed, the commands before it, and whether it ever waited.
    follow = d.input(name="follow")
    kept, ahead, followed, waited = Signal(entry(PAYLOAD)), Signal(range(DEPTH)), Signal(), Signal()
    with m.If(pushed & follow & ~followed):
        m.d.sync += [kept.eq(queue.push.payload), ahead.eq(level - queue.start), followed.eq(1), waited.eq(0)]
    at_head = followed & (ahead == 0)
    with m.If(followed):
        m.d.sync += [ahead.eq(ahead - queue.start), waited.eq(waited | (at_head & queue.data))]
        with m.If(queue.start & (ahead == 0)):
            m.d.sync += followed.eq(0)
    counts = queue.counts
    reached = (
        (counts[Queue.PLACE] >= kept.data[Queue.PLACE])
        & (counts[Queue.ARRAY] >= kept.port[Queue.ARRAY])
        & (counts[Queue.SUMS] >= kept.half)
        & queue.ready & queue.extra
    )  # fmt: skip
    m.d.comb += [
        Assert(~queue.start | (level != 0), "nothing must start from an empty queue"),
        Assert(~(at_head & queue.start) | reached, "a command must start after what it waits for"),
        Assert(~(at_head & reached) | queue.start, "a command must start when all is reached"),
        Assert(~at_head | (queue.payload == kept.payload), "the head must be the command that was pushed"),
        Assert(queue.empty + queue.data + queue.port + queue.half + queue.start == queue.ready,
               "an idle engine must start or be told why not"),
        Cover(at_head & queue.start & waited & (level == DEPTH)),
    ]  # fmt: skip

    # What makes an induction of it: pointers and level agree, and the memory holds what is followed.
    word = inside.word(m, "store", oldest + ahead)
    m.d.comb += [
        Assert(level <= DEPTH),
        Assert(newest == (oldest + level)[: len(newest)]),
        Assert(~followed | (ahead < level)),
        Assert(~followed | ((word.payload == kept.payload) & (word.half == kept.half)
               & (word[f"data_{Queue.PLACE}"] == kept.data[Queue.PLACE])
               & (word[f"port_{Queue.ARRAY}"] == kept.port[Queue.ARRAY]))),
    ]  # fmt: skip
    return d


PROOFS = (
    Proof(
        name="queue",
        claims="commands start in the order in which they were pushed, each once and none changed; none starts before "
        "all counts that it waits for are reached, and the head starts as soon as they are and the engine is "
        "ready; an engine that is held back is told one cause",
        assumed="",
        reached="a command that waited starts from a full queue",
        design=design,
        depth=2,
        reach=6,
        bug=Edit(
            "waits for a half are not looked at",
            "hw/queue.py",
            'with m.Elif(«~met["half"]»):',
            "OLD & 0",
        ),
        quick=True,
    ),
)
