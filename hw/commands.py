"""What the front end hands to each engine: the payloads of the queues, sized for a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amaranth import signed, unsigned
from amaranth.lib import data
from amaranth.utils import ceil_log2

from hw.layout import layout
from hw.pe import FACTOR
from spec.isa import BOUNDS, CLAMP, KERNEL, LINE, LINE_ROWS, SCALE, Queue

if TYPE_CHECKING:
    from spec.config import Config

#: Bits of a completion count.
COUNT_BITS = 32
#: A count for each queue, and SUMS: what a command waits for, and how far the queues are.
COUNTS = data.ArrayLayout(unsigned(COUNT_BITS), len(Queue))


class Commands:
    """Widths and payload layouts of a configuration.

    Attributes
    ----------
    address_width
        Bits of a virtual word address: virtual page, then word in the page. Engines add modulo this.
    word
        A scratchpad word: ``rows`` int8 lanes, lane 0 lowest.
    factors
        A word less a zero: what the array multiplies.
    read, place, weights, array, post, take, write
        Payload of each queue.
    """

    def __init__(self, config: Config) -> None:
        c = config
        self.word_bits = ceil_log2(c.page_words)
        self.page_bits = ceil_log2(c.virtual_pages)
        self.frame_bits = ceil_log2(c.frames)
        self.address_width = self.page_bits + self.word_bits
        self.word = data.ArrayLayout(signed(8), c.rows)
        self.factors = data.ArrayLayout(FACTOR, c.rows)
        self.sums = data.ArrayLayout(signed(32), c.cols)
        address = unsigned(self.address_width)
        self.frame = unsigned(self.frame_bits)
        self.run = data.StructLayout(
            {"base": address, "run": unsigned(20), "stride": unsigned(20), "count": unsigned(12)}
        )
        kernel = {k: f for k, f in layout(KERNEL) if k != "opcode"}
        bounds = {k: f for k, f in layout(BOUNDS) if k != "opcode"}
        #: The nested counters of a window of inputs.
        self.window = data.StructLayout({
            "base": address,
            **{k: f.shape for k, f in kernel.items()},
            **{k: f.shape for k, f in bounds.items()},
            "out_height": unsigned(11),
            "out_width": unsigned(11),
            "y": signed(16),
            "x": signed(16),
        })
        #: Rows and columns of inputs that go through the line buffer.
        self.region = data.StructLayout({
            "height": unsigned(ceil_log2(LINE_ROWS + 1)),
            "width": unsigned(ceil_log2(c.line_columns + 1)),
        })
        #: Words of a line of borders, and of all of them.
        self.border_words = 4 * LINE // c.rows
        self.average_words = LINE * self.border_words
        self.read = data.StructLayout({"address": unsigned(32)})
        self.place = data.StructLayout({"frame": self.frame})
        self.weights = data.StructLayout({
            "range": self.run,
            "zero": signed(8),
            "turned": unsigned(1),
            "serial": unsigned(1),
        })
        self.array = data.StructLayout({
            "window": self.window,
            "half": unsigned(1),
            "first": unsigned(1),
            "serial": unsigned(1),
        })
        self.post = data.StructLayout({
            "mode": unsigned(3),
            "first": unsigned(1),
            "closing": unsigned(1),
            "statistic": unsigned(2),
            "half": unsigned(1),
            "residual": unsigned(1),
            "lines": unsigned(1),
            "region": self.region,
            "constants": address,
            "lookup": unsigned(1),
            "table": address,
            "weights": address,
            "taps": unsigned(ceil_log2(max(c.window_taps, self.average_words) + 1)),
            "window": self.window,
            "addend": self.run,
            "output": self.run,
            "scale": data.StructLayout({k: f.shape for k, f in layout(SCALE) if k != "opcode"}),
            "clamp": data.StructLayout({k: f.shape for k, f in layout(CLAMP) if k != "opcode"}),
        })
        self.take = data.StructLayout({"frame": self.frame})
        self.write = data.StructLayout({"address": unsigned(32)})
