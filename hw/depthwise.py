"""A window of words reduced to one: the sum of weighted lanes, the sum of lanes, or the largest."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.commands import Commands
from hw.linebuffer import LineBuffer, passes
from spec.isa import LEAST_ROWS, Mode

__all__ = ["Depthwise", "reduced"]


class Depthwise(wiring.Component):
    r"""Takes one tap of all lanes a cycle, or a word of a region through the line buffer.

    ``latency`` cycles after a window's last cycle its totals are at the output. They stay there until the next
    window's first cycle has gone the same way. Without ``lines`` the weights are used in the order in which they were
    loaded, again from the first with every window; with ``lines`` each stays where its multiplier takes it in its pass.

    A lane has ``depthwise_taps`` multipliers. They take the words of the line buffer's window pass after pass, a cycle
    each, column by column from the newest: of a kernel of ``rows`` rows, at least three, multiplier m takes word
    n = m + ``depthwise_taps`` * part, which came n // rows columns and n % rows rows before the newest one. So nine
    take a window of 3x3 in one cycle, one of 5x5 in three, one of 7x7 in six; three take a column of 3x3 in each. The
    sums of a window's passes meet in its totals.

    ::

        clk      _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
        tap      /‾‾‾‾‾‾‾\____________________
        last     ____/‾‾‾\____________________
        window        ⟨ 0 ⟩⟨ 1 ⟩
        terms              ⟨ 0 ⟩⟨ 1 ⟩
        part sum                ⟨ 0 ⟩⟨ 1 ⟩
        totals                       ⟨ 0 ⟩⟨0+1⟩

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    mode : In(3)
        See spec.isa.Mode: DEPTHWISE, SUM or MAX. With the next three it holds while words are on the way.
    lines : In(1)
        Words are those of a region.
    kernel_h, kernel_w, columns : In
        With ``lines``: the kernel, and the region's columns.
    start : In(1)
        The next word loaded is tap 0's, and the next tap is a window's first.
    load : In(1)
        ``word`` holds a tap's weights.
    tap, last : In(1)
        A cycle of a window, and its last one.
    part : In
        With ``lines``: the cycle of the slot. In the first the word comes.
    padded : In(1)
        The word is ``pad`` in all lanes, not ``word``.
    pad : In(signed(8))
    word : In(Commands.word)
    totals : Out(ArrayLayout(signed(32), rows))
    """

    latency = 4

    def __init__(self, *, config):
        k = Commands(config)
        self.config = config
        super().__init__({
            "mode": In(3),
            "lines": In(1),
            "kernel_h": In(range(config.line_kernel + 1)),
            "kernel_w": In(range(config.line_kernel + 1)),
            "columns": In(k.region["width"].shape),
            "start": In(1),
            "load": In(1),
            "tap": In(1),
            "last": In(1),
            "part": In(range(max(passes(config), 2))),
            "padded": In(1),
            "pad": In(signed(8)),
            "word": In(k.word),
            "totals": Out(k.sums),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        weighted, largest = Signal(), Signal()
        # The mode is there for some cycles before it is asked.
        domain = m.d.sync if c.data_stages else m.d.comb
        domain += [weighted.eq(self.mode == Mode.DEPTHWISE), largest.eq(self.mode == Mode.MAX)]

        m.submodules.buffer = buffer = LineBuffer(config=c)
        m.d.comb += [buffer.start.eq(self.start), buffer.columns.eq(self.columns), buffer.rows.eq(self.kernel_h)]
        m.d.comb += buffer.shift.eq(self.tap & (self.part == 0))
        for word, lane in zip(buffer.word, self.word, strict=True):
            m.d.comb += word.eq(Mux(self.padded, self.pad, lane))
        # Rows beyond the least number, which decide who takes which word.
        taller = Signal(range(c.line_kernel - LEAST_ROWS + 1))
        m.d.comb += taller.eq(Mux(self.kernel_h > LEAST_ROWS, self.kernel_h - LEAST_ROWS, 0))
        single, kept = self._weights(m, taller)

        # A cycle on its way: its window, its terms, their sum, the total.
        begins, fresh, part = Signal(self.latency - 1), Signal(), Signal.like(self.part)
        moves = Signal(self.latency - 1)
        m.d.sync += moves.eq(Cat(self.tap, moves))
        with m.If(self.start):
            m.d.sync += fresh.eq(1)
        with m.Elif(self.tap):
            m.d.sync += fresh.eq(self.last)
        m.d.sync += [begins.eq(Cat(fresh, begins)), part.eq(self.part)]

        # The words of this cycle, their weights, and whether the kernel has them.
        words, inside = zip(*(self._taken(m, number, part, taller) for number in range(c.depthwise_taps)), strict=True)
        factors = [_chosen(kept[number :: c.depthwise_taps], part) for number in range(c.depthwise_taps)]
        factors[0] = Mux(self.lines, factors[0], single)
        inside = (1, *inside[1:])

        for index in range(c.rows):
            terms = []
            for number, (word, factor, counts) in enumerate(zip(words, factors, inside, strict=True)):
                term = Signal(signed(16), name=f"term_{index}_{number}")
                lane = word[index]
                weight = factor[8 * index : 8 * index + 8].as_signed()
                with m.If(moves[0]):
                    m.d.sync += term.eq(Mux(counts, Mux(weighted, weight * lane, lane), Mux(largest, -128, 0)))
                terms.append(term)
            tree = reduced(terms, largest)
            part_sum = Signal(tree.shape(), name=f"part_sum_{index}")
            with m.If(moves[1]):
                m.d.sync += part_sum.eq(tree)
            total = self.totals[index]
            with m.If(moves[2]):
                m.d.sync += total.eq(Mux(begins[2], part_sum, _joined(total, part_sum, largest)))
        return m

    def _taken(self, m, number, part, taller):
        """The word of the window that a multiplier takes in this cycle, and whether the kernel has it."""
        c, window = self.config, m.submodules.buffer.window
        places = {}
        for one in range(passes(c)):
            for more in range(c.line_kernel - LEAST_ROWS + 1):
                x, y = divmod(one * c.depthwise_taps + number, LEAST_ROWS + more)
                if x < c.line_kernel:
                    places.setdefault((x, y), []).append(one | more << len(part))
        word, inside = Signal.like(self.word, name=f"word_{number}"), Signal(name=f"inside_{number}")
        first = next(iter(places))
        m.d.comb += word.eq(window[first[0]][first[1]])
        with m.Switch(Cat(part, taller)):
            for (x, y), cases in places.items():
                with m.Case(*cases):
                    m.d.comb += [word.eq(window[x][y]), inside.eq((x < self.kernel_w) & (y < self.kernel_h))]
        return word, inside & self.lines

    def _weights(self, m, taller):
        """Keep the weights as they are loaded: that of this cycle's tap, and all by the order of the window's words."""
        c = self.config
        m.submodules.weights = weights = memory.Memory(shape=unsigned(8 * c.rows), depth=c.window_taps, init=[])
        write, read = weights.write_port(), weights.read_port()
        loaded, used = Signal(range(c.window_taps)), Signal(range(c.window_taps))
        m.d.comb += [write.en.eq(self.load), write.addr.eq(loaded), write.data.eq(self.word.as_value())]
        m.d.comb += [read.en.eq(1), read.addr.eq(used)]
        with m.If(self.start):
            m.d.sync += [loaded.eq(0), used.eq(0)]
        with m.Else():
            m.d.sync += loaded.eq(loaded + self.load)
            with m.If(self.tap):
                m.d.sync += used.eq(Mux(self.last, 0, used + 1))

        # The first tap's word is the oldest one of a window.
        x, y = Signal(range(c.line_kernel)), Signal(range(c.line_kernel))
        begun = Signal()
        row, column = Mux(begun, y, self.kernel_h - 1), Mux(begun, x, self.kernel_w - 1)
        kept = [Signal(8 * c.rows, name=f"weights_{number}") for number in range(c.line_kernel**2)]
        with m.If(self.start):
            m.d.sync += begun.eq(0)
        with m.Elif(self.load & self.lines):
            m.d.sync += [begun.eq(1), x.eq(Mux(column == 0, self.kernel_w, column) - 1), y.eq(row - (column == 0))]
            for number, weights in enumerate(kept):
                places = enumerate(divmod(number, LEAST_ROWS + more) for more in range(c.line_kernel - LEAST_ROWS + 1))
                here = [(taller == more) & (column == i) & (row == j) for more, (i, j) in places if i < c.line_kernel]
                with m.If(Cat(here).any()):
                    m.d.sync += weights.eq(self.word.as_value())
        return read.data, kept


def _chosen(values, index):
    """The value of an index, of which a single one needs none."""
    return Array(values)[index] if len(values) > 1 else values[0]


def _joined(left, right, largest):
    """The larger of two, or their sum."""
    return Mux(largest, Mux(left > right, left, right), left + right)


def reduced(values, largest):
    """The largest of all, or their sum, as a tree."""
    while len(values) > 1:
        pairs = [_joined(*pair, largest) for pair in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[len(pairs) * 2 :]
    return values[0]
