"""The free frames: none is handed out twice, none is lost."""

from __future__ import annotations

from amaranth import Array, Signal
from amaranth.hdl import Assert, Cover
from amaranth.utils import exact_log2

from hw.freelist import FreeList
from tb.mutation import Edit
from tb.proofs.design import Design
from tb.proofs.machine import SMALL
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]


def design():
    """All frames free after a sweep; then takers and givers of any frames that are held."""
    d = Design()
    m = d.m
    m.submodules.free = free = FreeList(config=SMALL)
    inside = Opened(free)
    d.open(free, "wipe")
    frames, place_bits = SMALL.frames, exact_log2(SMALL.bank_frames)

    # The sweep that comes before everything.
    swept = Signal(range(frames + 1))
    wiping = swept != frames
    m.d.comb += [free.wipe.valid.eq(wiping), free.wipe.index.eq(swept)]
    with m.If(wiping):
        m.d.sync += swept.eq(swept + 1)
        d.assume(~free.find & ~free.give)

    # Who holds what: a frame is held from the cycle on in which it is named.
    held = Array(Signal(name=f"held_{frame}") for frame in range(frames))
    found = free.find & free.any & ~wiping
    comes = d.before(found, name="comes")
    d.assume(~free.give | held[free.given])
    with m.If(free.give):
        m.d.sync += held[free.given].eq(0)
    with m.If(comes):
        m.d.sync += held[free.frame].eq(1)
    with m.If(comes & free.give):
        d.assume(free.given != free.frame)
    m.d.comb += [
        Assert(~comes | ~held[free.frame], "a frame must not be handed out to two"),
        Assert(wiping | (free.count + sum(held) + comes == frames), "no frame must be lost"),
        Assert(wiping | (free.any == (free.count != 0)), "a free frame must be found"),
        Cover(~wiping & (free.count == 0) & (sum(held) == frames)),
        Cover(comes & (free.count == frames - 2) & (free.frame == 1)),
    ]

    # What makes an induction of it: lists name frames that are free, and a frame once.
    for bank in range(SMALL.banks):
        oldest, level = inside["oldest"][bank], inside["levels"][bank]
        m.d.comb += Assert(level <= SMALL.bank_frames)
        m.d.comb += Assert(~wiping | (swept == 0) | ((level == SMALL.bank_frames) & (oldest == 0)))
        listed = []
        for place in range(SMALL.bank_frames):
            at = (oldest + place)[:place_bits]
            listed.append(inside.word(m, "places", (bank << place_bits) + at))
            coming = comes & (free.frame == (bank << place_bits) + listed[-1])
            m.d.comb += Assert(wiping | (place >= level) | ~(held[(bank << place_bits) + listed[-1]] | coming))
            for other, earlier in enumerate(listed[:-1]):
                m.d.comb += Assert(wiping | (place >= level) | (other >= level) | (earlier != listed[-1]))
        for place in range(SMALL.bank_frames):
            frame = (bank << place_bits) + place
            word = inside.word(m, "places", frame)
            m.d.comb += Assert(~wiping | (swept <= frame) | (word == place))
    m.d.comb += Assert(~wiping | ~(sum(held).any() | comes))
    return d


PROOFS = (
    Proof(
        name="freelist",
        claims="a frame that is handed out is held by nobody else; free frames and held ones are all frames at any "
        "time; where there is a free frame one is found",
        assumed="the sweep comes first; only a frame that is held is given back",
        reached="a frame is handed out again after others",
        design=design,
        depth=2,
        reach=12,
        bug=Edit(
            "a frame that is given back overwrites the newest in its list",
            "hw/freelist.py",
            "newest.eq(oldest[into] + «levels[into]»)",
            "OLD - 1",
        ),
        quick=True,
    ),
)  # fmt: skip
