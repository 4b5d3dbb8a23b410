"""The pages whose bursts are under way, in order: when each is finished, and what went wrong with it."""

from __future__ import annotations

from amaranth import Module, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.fault import FAULT

__all__ = ["Flight"]


class Flight(wiring.Component):
    """A queue of pages between their start and the memory's last answer, for READ and for WRITE.

    Pushed in cycle s, a page can finish from cycle s + 1 on: one outside its window in the first cycle in which it is
    the oldest, any other with the answer to its last burst. At most one finishes in a cycle, in order.

    Parameters
    ----------
    depth : int
        Pages that can be under way, a power of two; there is no check against more.
    bursts : int
        Bursts of a page, a power of two.
    burst_bytes : int
        Bytes of a burst.
    refused, failed : Error
        What is reported of a page outside its window, and of an answer that is an error.

    Members
    -------
    push : In(1)
        A page starts.
    address : In(32)
        Its byte address.
    outside : In(1)
        It lies outside its window: no burst of it is issued.
    active : Out(1)
        There is a page whose answers are expected.
    ready : Out(1)
        Answers may come. Not while a page outside finishes: the next one could belong to the page behind it.
    answer : In(1)
        The last answer to a burst of the oldest page.
    bad : In(1)
        An answer to a burst of the oldest page, not necessarily the last, is an error.
    finish : Out(1)
        The oldest page is finished in this cycle.
    fault : Out(FAULT)
        A page outside, in its finish cycle; a bad answer, in its cycle, with its burst's address.

    Raises
    ------
    ValueError
        If ``depth`` or ``bursts`` is not a power of two.
    """

    def __init__(self, *, depth, bursts, burst_bytes, refused, failed):
        for name, value in (("Depth", depth), ("Bursts", bursts)):
            if value < 1 or value & (value - 1):
                raise ValueError(f"{name} must be a power of two, not {value}")
        self.depth, self.bursts, self.burst_bytes = depth, bursts, burst_bytes
        self.refused, self.failed = refused, failed
        super().__init__({
            "push": In(1),
            "address": In(32),
            "outside": In(1),
            "active": Out(1),
            "ready": Out(1),
            "answer": In(1),
            "bad": In(1),
            "finish": Out(1),
            "fault": Out(FAULT),
        })

    def elaborate(self, platform):
        m = Module()

        page = data.StructLayout({"address": unsigned(32), "outside": unsigned(1)})
        m.submodules.pages = pages = memory.Memory(shape=page, depth=self.depth, init=[])
        write, oldest = pages.write_port(), pages.read_port(domain="comb")
        level = Signal(range(self.depth + 1))
        m.d.comb += [
            write.en.eq(self.push),
            write.data.address.eq(self.address),
            write.data.outside.eq(self.outside),
        ]
        with m.If(self.push):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(self.finish):
            m.d.sync += oldest.addr.eq(oldest.addr + 1)
        m.d.sync += level.eq(level + self.push - self.finish)

        # The bursts of the oldest page are answered in order.
        burst = Signal(ceil_log2(self.bursts))
        outside = Signal()
        m.d.comb += [
            outside.eq((level != 0) & oldest.data.outside),
            self.active.eq((level != 0) & ~oldest.data.outside),
            self.ready.eq(~outside),
            self.finish.eq(outside | (self.active & self.answer & (burst == self.bursts - 1))),
        ]
        with m.If(self.active & self.answer):
            m.d.sync += burst.eq(burst + 1)

        m.d.comb += [
            self.fault.valid.eq(outside | (self.active & self.bad)),
            self.fault.code.eq(self.failed),
            self.fault.address.eq(oldest.data.address + burst * self.burst_bytes),
        ]
        with m.If(outside):
            m.d.comb += self.fault.code.eq(self.refused)
        return m
