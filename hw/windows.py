"""The cycles in which windows are read: a tap in each, or a word of their region, and which end a row."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.linebuffer import passes
from hw.stream import Stream
from spec.isa import LEAST_ROWS, LINE_STRIDE

__all__ = ["Windows"]

#: Cycles of the longest slot: one for each lane of the widest word.
LONGEST = 32


class Windows(wiring.Component):
    r"""Walks windows tap after tap, or their region word after word, padding included.

    ``load`` in cycle t takes the command; its first cycle stands at the outputs from t + 1 on, and each cycle with
    ``step`` brings the next one. With ``lines`` a word's slot has a cycle for each pass of the multipliers over the
    window that it ends, but one if the kernel is large and no output needs that window; without, a tap has as many as
    it is told. The word is read in the first. With ``data_stages`` the first ``step`` comes in cycle t + 2 at the
    earliest.

    ::

        clk        _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_     windows of two passes
        load       /‾‾‾\________________________
        step           /‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
        address        ⟨   a   ⟩⟨   b   ⟩⟨   c
        reads          /‾‾‾\___/‾‾‾\___/‾‾‾\____
        part           ⟨ 0 ⟩⟨ 1 ⟩⟨ 0 ⟩⟨ 1 ⟩⟨ 0 ⟩

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    window, lines, region : In
        Those of Commands.post, in the cycle of ``load``.
    slot : In
        The last cycle of a tap's slot, counted from 0, in the cycle of ``load``.
    load, step : In(1)
        Begin; go on. ``load`` wins.
    reads : Out(1)
        A word comes in this cycle, from ``address`` or from padding.
    address, padded, pad : Out
        As of Stream.
    part : Out
        Cycle of the slot.
    last : Out(1)
        The last cycle of a slot; without ``lines`` that of the last tap of a window.
    ends : Out(1)
        The last cycle of a row.
    done : Out(1)
        The last cycle of the last row.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "window": In(k.window),
            "lines": In(1),
            "region": In(k.region),
            "slot": In(range(LONGEST)),
            "load": In(1),
            "step": In(1),
            "reads": Out(1),
            "address": Out(k.address_width),
            "padded": Out(1),
            "pad": Out(k.window["pad"].shape),
            "part": Out(range(max(LONGEST, passes(config)))),
            "last": Out(1),
            "ends": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, new = self.config, self.window

        # A region is read like the windows of a kernel of one tap.
        m.submodules.stream = stream = Stream(config=c, taps_innermost=True)
        m.d.comb += stream.window.eq(new)
        with m.If(self.lines):
            ones = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w")
            m.d.comb += [stream.window[name].eq(1) for name in ones]
            m.d.comb += [stream.window.out_height.eq(self.region.height), stream.window.out_width.eq(self.region.width)]
        lines = Signal()
        kept = {name: Signal.like(new[name], name=name) for name in ("kernel_h", "kernel_w")}
        strides = {side: Signal(range(LINE_STRIDE), name=f"stride_{side}") for side in "hw"}
        columns = Signal.like(self.region.width)
        with m.If(self.load):
            m.d.sync += [lines.eq(self.lines), columns.eq(self.region.width)]
            m.d.sync += [signal.eq(new[name]) for name, signal in kept.items()]
            m.d.sync += [signal.eq(new[f"stride_{side}"] - 1) for side, signal in strides.items()]

        # The cycles of a slot: one a pass, of a large kernel where a window ends; or as many as a tap has.
        most, always, complete = Signal.like(self.part), Signal(init=1), Signal()
        further, small = self._passes()
        with m.If(self.load):
            m.d.sync += [most.eq(Mux(self.lines, further, self.slot)), always.eq(~self.lines | small)]
        final, following = Signal(), Signal.like(self.part)
        slot = self.step & final
        m.d.comb += following.eq(Mux(final, 0, self.part + 1))
        with m.If(self.load):
            m.d.sync += self.part.eq(0)
        with m.Elif(self.step):
            m.d.sync += self.part.eq(following)

        # Words still to come until a window ends in this column, and rows until one ends in this row.
        column, wait_h, wait_w = Signal.like(columns), Signal(range(c.line_kernel)), Signal(range(c.line_kernel))
        wraps = column + 1 == columns
        after_w = Mux(wraps, kept["kernel_w"] - 1, Mux(wait_w.any(), wait_w - 1, strides["w"]))[: len(wait_w)]
        after_h = Mux(wraps, Mux(wait_h.any(), wait_h - 1, strides["h"]), wait_h)[: len(wait_h)]
        m.d.comb += complete.eq(~wait_h.any() & ~wait_w.any())
        if not c.data_stages:
            m.d.comb += final.eq((self.part == most) | ~(always | complete))
        else:
            # Known a cycle ahead.
            ended = Mux(slot, ~after_w.any() & ~after_h.any(), complete)
            m.d.sync += final.eq((Mux(self.step, following, self.part) == most) | ~(always | ended))
        with m.If(self.load):
            m.d.sync += [column.eq(0), wait_w.eq(new.kernel_w - 1), wait_h.eq(new.kernel_h - 1)]
        with m.Elif(slot):
            m.d.sync += [column.eq(Mux(wraps, 0, column + 1)), wait_w.eq(after_w), wait_h.eq(after_h)]

        m.d.comb += [
            stream.load.eq(self.load),
            stream.step.eq(slot),
            self.reads.eq(self.part == 0),
            self.address.eq(stream.address),
            self.padded.eq(stream.padded),
            self.pad.eq(stream.pad),
            self.last.eq(Mux(lines, final, stream.last & final)),
            self.ends.eq(Mux(lines, final & complete, stream.last & final)),
            self.done.eq(stream.done & final),
        ]
        return m

    def _passes(self):
        """Passes over a window but the first, and whether the kernel is small."""
        c = self.config
        height, width = (self.window[f"kernel_{side}"][: c.line_kernel.bit_length()] for side in "hw")
        tall = range(LEAST_ROWS, c.line_kernel + 1)
        of_rows = {rows: height <= rows if rows == LEAST_ROWS else height == rows for rows in tall}
        # A pass is made if columns of so many rows are more words than the passes before it take.
        made = [
            Cat(here & (width > c.depthwise_taps * number // rows) for rows, here in of_rows.items()).any()
            for number in range(1, passes(c))
        ]
        return sum(made), (height <= LEAST_ROWS) & (width <= LEAST_ROWS)
