"""The addresses of a window of inputs: nested counters that only add."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.multiple import multiple, summands, total

__all__ = ["Stream"]

#: Bits of an input row or column: 16 of the first, and what 2047 strides and 255 dilations can add.
POSITION_BITS = 18
#: Summands of a first address that are added in one cycle, with ``data_stages``.
SUMMANDS = 4
#: The nested counters, innermost first, for both orders: output row and column, kernel row and column, channel block.
PIXELS_INNERMOST = ("out_width", "out_height", "blocks", "kernel_w", "kernel_h")
TAPS_INNERMOST = ("kernel_w", "kernel_h", "out_width", "out_height")


class Stream(wiring.Component):
    r"""Walks the pixels and taps of a window, one a cycle, padding included.

    ``load`` in cycle t takes the window; its first word stands at the outputs from cycle t + 1 on, and each cycle with
    ``step`` brings the next one. After the last word the walk begins again at the first. The outputs are registers, or
    a comparison away from them. With ``data_stages`` the first address takes two cycles to be made: ``step`` comes in
    cycle t + 2 at the earliest.

    ::

        clk      _/‾\_/‾\_/‾\_/‾\_/‾\_
        load     /‾‾‾\________________
        step          /‾‾‾‾‾‾‾‾\______
        address       ⟨ a ⟩⟨ b ⟩⟨ c    ⟩

    Pixel (oy, ox) of tap (ky, kx) in block b is the word at base + row * row_stride + b * block_stride + col, where
    row = y + oy * stride_h + ky * dilation_h and col = x + ox * stride_w + kx * dilation_w. The three products that
    the counters start from are sums of shifted strides; everything else is one addition a step.

    Parameters
    ----------
    config : Config
        The machine.
    taps_innermost : bool
        False: pass after pass, each with all pixels; channel block innermost, then kernel column, then kernel row.
        True: pixel after pixel, each with all taps; ``blocks`` is taken for 1.

    Members
    -------
    window : In(Commands.window)
        The window, in the cycle of ``load``.
    load, step : In(1)
        Begin; go on. ``load`` wins.
    address : Out(address_width)
        Virtual address of the word.
    padded : Out(1)
        The word is outside the bounds: all lanes are ``pad``, and ``address`` is of no meaning.
    pad : Out(signed(8))
        The window's pad value.
    first, last : Out(1)
        The first or last pixel of a pass; with ``taps_innermost`` the first or last tap of a pixel.
    done : Out(1)
        The last word of the walk.
    """

    def __init__(self, *, config, taps_innermost=False):
        self.config = config
        self.order = TAPS_INNERMOST if taps_innermost else PIXELS_INNERMOST
        k = Commands(config)
        super().__init__({
            "window": In(k.window),
            "load": In(1),
            "step": In(1),
            "address": Out(k.address_width),
            "padded": Out(1),
            "pad": Out(signed(8)),
            "first": Out(1),
            "last": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        k, new = Commands(self.config), self.window
        width = k.address_width

        # What the walk needs of the window, kept from its load on.
        kept = {name: Signal.like(new[name], name=name) for name in (*self.order, "height", "width")}
        steps = {
            "out_width": new.stride_w,
            "out_height": multiple(new.row_stride, new.stride_h, width),
            "kernel_w": new.dilation_w,
            "kernel_h": multiple(new.row_stride, new.dilation_h, width),
            "blocks": new.block_stride[:width],
        }
        parts, settle = [new.base, new.x, *summands(new.row_stride, new.y, width)], self.load
        if self.config.data_stages:
            # Sums of some of them are kept for a cycle, then added.
            parts = [total(parts[at : at + SUMMANDS], width) for at in range(0, len(parts), SUMMANDS)]
            settle, held = Signal(), [Signal(width, name=f"origin_part_{index}") for index in range(len(parts))]
            m.d.sync += [settle.eq(self.load), *(part.eq(value) for part, value in zip(held, parts, strict=True))]
            parts = held
        origin = total(parts, width)
        with m.If(self.load):
            m.d.sync += [signal.eq(new[name]) for name, signal in kept.items()]
            m.d.sync += self.pad.eq(new.pad)

        # A counter is done at its last value; a level is carried into when all inside it are done.
        carry, levels = self.step, []
        carries, ahead, inside = {}, {}, 1
        for name in self.order:
            counter = Signal.like(kept[name], name=f"{name}_count")
            final = Signal(name=f"{name}_final")
            following = Mux(final, 0, counter + 1)
            if not self.config.data_stages:
                m.d.comb += final.eq((counter + 1)[: len(counter)] == kept[name])
            else:
                # Known a cycle ahead, so that nothing is compared before it is added.
                with m.If(self.load):
                    m.d.sync += final.eq(new[name] == 1)
                with m.Elif(carry):
                    m.d.sync += final.eq((following + 1)[: len(counter)] == kept[name])
            with m.If(self.load):
                m.d.sync += counter.eq(0)
            with m.Elif(carry):
                m.d.sync += counter.eq(following)
            carries[name] = ahead[name] = carry & ~final
            carry &= final
            if self.config.data_stages:
                ahead[name], inside = inside & ~final, inside & final
            levels.append((counter, final))
        wrap = carry
        m.d.comb += [
            self.first.eq((levels[0][0] == 0) & (levels[1][0] == 0)),
            self.last.eq(levels[0][1] & levels[1][1]),
            self.done.eq(Cat(final for _, final in levels).all()),
        ]

        # Three places walk: in memory, in input rows, in input columns.
        row, column = Signal(signed(POSITION_BITS)), Signal(signed(POSITION_BITS))
        levels_of = carries, ahead, wrap
        rows = {"out_height": new.stride_h, "kernel_h": new.dilation_h}
        columns = {"out_width": new.stride_w, "kernel_w": new.dilation_w}
        self._walk(m, "address", self.address, settle, origin, steps, *levels_of)
        self._walk(m, "row", row, self.load, new.y, rows, *levels_of)
        self._walk(m, "column", column, self.load, new.x, columns, *levels_of)
        # A negative position is a large one without its sign.
        m.d.comb += self.padded.eq(
            (row.as_unsigned() >= kept["height"]) | (column.as_unsigned() >= kept["width"])
        )

        return m

    def _walk(self, m, label, place, begin, origin, steps, carries, ahead, wrap):
        """Move ``place`` by the step of the level that advances, from where that level last stood; ``begin`` at origin.

        ``ahead`` says which level that is, in a cycle with ``carries`` and maybe in others.
        """
        levels = [name for name in self.order if name in steps]
        shape = place.shape()
        start = Signal(shape, name=f"{label}_origin")
        # The place where each level stands while the levels inside it walk; the innermost level stands at ``place``.
        bases = [place, *(Signal(shape, name=f"{label}_{name}") for name in levels[1:])]
        kept = [Signal.like(steps[name], name=f"{label}_{name}_step") for name in levels]
        with m.If(begin):
            m.d.sync += [base.eq(origin) for base in (*bases, start)]
        with m.If(self.load):
            m.d.sync += [held.eq(steps[name]) for held, name in zip(kept, levels, strict=True)]

        # One adder: the advancing level chooses its summands. A level without a step leaves the levels outside it
        # where they are, and those inside it begin again.
        base, step = Signal(shape, name=f"{label}_from"), Signal(shape, name=f"{label}_by")
        moved = Signal(shape, name=f"{label}_moved")
        m.d.comb += [base.eq(start), step.eq(0), moved.eq(base + step)]
        reach = []
        for name in self.order:
            outer = [i for i, level in enumerate(levels) if self.order.index(level) >= self.order.index(name)]
            with m.If(ahead[name]):
                if outer:
                    m.d.comb += base.eq(bases[outer[0]])
                if name in levels:
                    m.d.comb += step.eq(kept[outer[0]])
            inside = outer[0] + (name in levels) if outer else len(levels)
            reach.append((carries[name], inside))
        with m.If(~begin):
            for index, place_of_level in enumerate(bases):
                with m.If(wrap | _any(happens for happens, inside in reach if index < inside)):
                    m.d.sync += place_of_level.eq(moved)


def _any(values):
    """All values or-ed together."""
    result = 0
    for value in values:
        result = value | result
    return result
