"""The modes that take pixels one by one: multiplied with others, measured, normalized."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.multiply import Multiply
from hw.normalize import Normalize
from hw.statistics import Statistics
from spec.isa import Mode

__all__ = ["Pixelwise"]


class Pixelwise(wiring.Component):
    r"""Takes a word a slot, whose length is that of the mode.

    A product is ready for ``take`` three cycles after the second word came, a normalized word's total eleven after its
    own; each stays so for another cycle at least. What is taken stands at the output from the next cycle on. With
    ``omit_tokens`` there is nothing in it: all outputs are 0.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1), command : In(Commands.post)
        A command begins, and is there from the next cycle on until all its words are through.
    load : In(1)
        ``word`` is the next one of WEIGHTS.
    tap, other : In(1)
        ``word`` is the next pixel's; or that of its RESIDUAL, which comes after it.
    padded : In(1)
        With ``tap``: not ``word``, but ``pad`` is in all lanes.
    word : In(Commands.word)
    take : In(1)
        Keep the totals.
    totals : Out(Commands.sums)
    finish : Out(1)
        What is known of the last pixel is written, in mode MEASURE.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "start": In(1),
            "command": In(k.post),
            "load": In(1),
            "tap": In(1),
            "other": In(1),
            "padded": In(1),
            "word": In(k.word),
            "take": In(1),
            "totals": Out(k.sums),
            "finish": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, command = self.config, self.command
        if c.omit_tokens:
            return m
        m.submodules.multiply = multiply = Multiply(config=c)
        m.submodules.statistics = statistics = Statistics(config=c)
        m.submodules.normalize = normalize = Normalize(config=c)
        multiplying, measuring, knowing = Signal(), Signal(), Signal()
        m.d.comb += [
            multiplying.eq(command.mode == Mode.MULTIPLY),
            measuring.eq(command.mode == Mode.MEASURE),
            knowing.eq(measuring | (command.mode == Mode.NORMALIZE)),
            multiply.tap.eq(self.tap & multiplying),
            multiply.other.eq(self.other & multiplying),
            multiply.padded.eq(self.padded),
            multiply.word.eq(self.word),
            *(getattr(multiply, name).eq(command.window[name]) for name in ("pad", "zero", "other_zero")),
            statistics.start.eq(self.start),
            statistics.measuring.eq(measuring),
            statistics.load.eq(self.load & knowing),
            statistics.tap.eq(self.tap & knowing),
            statistics.padded.eq(self.padded),
            statistics.word.eq(self.word),
            *(getattr(statistics, name).eq(command.window[name]) for name in ("pad", "lanes")),
            *(getattr(statistics, name).eq(command[name]) for name in ("first", "closing", "statistic")),
            normalize.start.eq(statistics.ready),
            normalize.mantissa.eq(statistics.factor.mantissa),
            normalize.shift.eq(statistics.factor.shift),
            normalize.numbers.eq(statistics.numbers),
            self.finish.eq(statistics.finish & measuring),
        ]
        kept = Signal(self.totals.shape(), reset_less=True)
        with m.If(self.take):
            for index in range(c.cols):
                m.d.sync += kept[index].eq(Mux(multiplying, multiply.products[index], normalize.totals[index]))
        m.d.comb += self.totals.eq(kept)
        return m
