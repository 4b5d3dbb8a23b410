"""A window of words reduced to one: the sum of weighted lanes, the sum of lanes, or the largest."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, signed, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import Commands
from spec.isa import Mode

__all__ = ["Depthwise"]


class Depthwise(wiring.Component):
    r"""Takes one tap of all lanes a cycle; ``latency`` cycles after a row's last tap its totals are at the output.

    They stay there until the next row's first tap has gone the same way. Weights are used in the order in which they
    were loaded, again from the first with every row.

    ::

        clk      _/‾\_/‾\_/‾\_/‾\_/‾\_
        tap      /‾‾‾‾‾‾‾\____________
        last     ____/‾‾‾\____________
        term          ⟨ 0 ⟩⟨ 1 ⟩
        totals             ⟨ 0 ⟩⟨0+1⟩

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    mode : In(2)
        See spec.isa.Mode: DEPTHWISE, SUM or MAX. Holds while taps are on the way.
    start : In(1)
        The next word loaded is tap 0's, and the next tap is a row's first.
    load : In(1)
        ``word`` holds a tap's weights. The first tap comes two cycles after the last load at the earliest.
    tap, last : In(1)
        ``word`` holds a tap; it is the row's last one.
    padded : In(1)
        The tap is ``pad`` in all lanes, not ``word``.
    pad : In(signed(8))
    word : In(Commands.word)
    totals : Out(ArrayLayout(signed(32), rows))
    """

    latency = 2

    def __init__(self, *, config):
        k = Commands(config)
        self.config = config
        super().__init__({
            "mode": In(2),
            "start": In(1),
            "load": In(1),
            "tap": In(1),
            "last": In(1),
            "padded": In(1),
            "pad": In(signed(8)),
            "word": In(k.word),
            "totals": Out(k.sums),
        })

    def elaborate(self, platform):
        m = Module()
        c, k = self.config, Commands(self.config)

        m.submodules.weights = weights = memory.Memory(shape=unsigned(8 * c.rows), depth=c.window_taps, init=[])
        write, read = weights.write_port(), weights.read_port()
        bits = ceil_log2(c.window_taps)
        loaded, used, following = Signal(bits), Signal(bits), Signal(bits)
        m.d.comb += [write.en.eq(self.load), write.addr.eq(loaded), write.data.eq(self.word.as_value())]
        # The next tap's weights are read before it is known whether it comes in the next cycle.
        m.d.comb += [following.eq(Mux(self.tap, Mux(self.last, 0, used + 1), used)), read.addr.eq(following)]
        m.d.comb += read.en.eq(1)
        fresh = Signal()
        with m.If(self.start):
            m.d.sync += [loaded.eq(0), used.eq(0), fresh.eq(1)]
        with m.Else():
            m.d.sync += [loaded.eq(loaded + self.load), used.eq(following)]
            with m.If(self.tap):
                m.d.sync += fresh.eq(self.last)

        weighted, largest = Signal(), Signal()
        m.d.comb += [weighted.eq(self.mode == Mode.DEPTHWISE), largest.eq(self.mode == Mode.MAX)]
        arrived, begins = Signal(), Signal()
        m.d.sync += arrived.eq(self.tap)
        with m.If(self.tap):
            m.d.sync += begins.eq(fresh)

        factors = k.word(read.data)
        for index in range(c.rows):
            lane = Signal(signed(8), name=f"lane_{index}")
            term = Signal(signed(16), name=f"term_{index}")
            total = self.totals[index]
            m.d.comb += lane.eq(Mux(self.padded, self.pad, self.word[index]))
            with m.If(self.tap):
                m.d.sync += term.eq(Mux(weighted, factors[index] * lane, lane))
            with m.If(arrived):
                with m.If(begins):
                    m.d.sync += total.eq(term)
                with m.Elif(~largest):
                    m.d.sync += total.eq(total + term)
                with m.Elif(term > total):
                    m.d.sync += total.eq(term)
        return m
