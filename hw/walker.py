"""The addresses of a strided range: runs of words, a stride apart."""

from __future__ import annotations

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands

__all__ = ["Walker"]


class Walker(wiring.Component):
    """Walks base + i * stride + j for j < run inside i < count, one word a step.

    ``load`` in cycle t takes the range; its first address stands at the output from cycle t + 1 on, and each cycle with
    ``step`` brings the next one. Addresses wrap. With ``data_stages`` the first run's end comes two cycles after
    ``load`` or later.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    range : In(Commands.run)
        The range, in the cycle of ``load``; run and count at least 1.
    load, step : In(1)
        Begin; go on. ``load`` wins.
    address : Out(address_width)
        Virtual address of the word.
    done : Out(1)
        It is the range's last word.
    """

    def __init__(self, *, config):
        k = Commands(config)
        self.config = config
        super().__init__({
            "range": In(k.run),
            "load": In(1),
            "step": In(1),
            "address": Out(k.address_width),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        k = Commands(self.config)
        kept, following = Signal(k.run), Signal(k.address_width)
        words, runs = Signal.like(kept.run), Signal.like(kept.count)
        turn = Signal()
        m.d.comb += [turn.eq(words == 1), self.done.eq(turn & (runs == 1))]

        # Words and runs are counted down, and the next run's first address is one addition ahead.
        ahead, loaded = self.range.base + self.range.stride, Signal()
        if self.config.data_stages:
            ahead = following
            m.d.sync += loaded.eq(self.load)
        with m.If(self.load):
            m.d.sync += [kept.eq(self.range), words.eq(self.range.run), runs.eq(self.range.count)]
            m.d.sync += [self.address.eq(self.range.base), following.eq(ahead)]
        with m.Elif(self.step):
            with m.If(turn):
                m.d.sync += [self.address.eq(following), following.eq(following + kept.stride)]
                m.d.sync += [words.eq(kept.run), runs.eq(runs - 1)]
            with m.Else():
                m.d.sync += [self.address.eq(self.address + 1), words.eq(words - 1)]
        if self.config.data_stages:
            with m.If(loaded & ~self.load):
                m.d.sync += following.eq(kept.base + kept.stride)
        return m
