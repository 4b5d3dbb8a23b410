"""The rules of AXI4 that a master must keep, and what it may count on from what it talks to."""

from __future__ import annotations

from amaranth import Cat, Const
from amaranth.hdl import Assert

__all__ = ["BOUNDARY", "addressed", "held", "within"]

#: Bytes whose multiples no burst may cross.
BOUNDARY = 4096


def held(d, valid, ready, payload, *, name):
    """Assert that what is offered stays as it is until it is taken."""
    waiting = d.before(valid & ~ready, name=f"{name}_waiting")
    offered = d.before(payload, name=f"{name}_offered")
    d.m.d.comb += [
        Assert(~waiting | valid, f"{name}valid must be held until {name}ready"),
        Assert(~waiting | (payload == offered), f"what {name} offers must not change while it waits"),
    ]


def addressed(d, axi, name):
    """Assert the rules of an address channel, ``"ar"`` or ``"aw"``."""
    valid, ready, address, length, size = (
        getattr(axi, name + part) for part in ("valid", "ready", "addr", "len", "size")
    )
    held(d, valid, ready, Cat(address, length, size), name=name)
    begin = address[: BOUNDARY.bit_length() - 1]
    d.m.d.comb += [
        Assert(~valid | (begin + ((length + 1) << size) <= BOUNDARY), "a burst must not cross 4 KiB"),
        Assert(getattr(axi, name + "burst") == 1, "a burst must count up"),
    ]


def within(d, unit, valid, address, page_bits):
    """Assert that no address is offered of a page that is not wholly in the window, which may be any."""
    base, limit = d.constant(32, name="base"), d.constant(32, name="limit")
    page = Cat(Const(0, page_bits), address[page_bits:])
    d.m.d.comb += [
        unit.base.eq(base),
        unit.limit.eq(limit),
        Assert(~valid | ((page >= base) & (page + (1 << page_bits) <= limit)), "a burst must lie in the window"),
    ]
