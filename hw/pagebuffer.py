"""A buffer that is written in pieces of one width and read in pieces of another."""

from __future__ import annotations

from amaranth import Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

__all__ = ["PageBuffer"]


class PageBuffer(wiring.Component):
    """Bytes between a bus and something wider or narrower, numbered in pieces on either side.

    The memory is as wide as the wider side; the narrower one writes a part of a row or picks one. A piece can be
    written and another read in every cycle; what is written in cycle t can be asked for from cycle t + 1 on.

    ::

        cycle         0     1     2
        write         a
        read_address        a
        read_data                 a

    Parameters
    ----------
    size : int
        Bytes in all, a power of two, more than a piece of either side.
    write_bytes, read_bytes : int
        Bytes of a piece on either side, powers of two.

    Members
    -------
    write : In(1)
        A piece is written in this cycle.
    write_address, write_data : In
        Its number and its bytes.
    read_address : In
        The number of the piece to read.
    read_data : Out
        The piece whose number was given in the cycle before.

    Raises
    ------
    ValueError
        If a size is not a power of two, or the buffer holds a single row.
    """

    def __init__(self, *, size, write_bytes, read_bytes):
        for name, value in (("size", size), ("write_bytes", write_bytes), ("read_bytes", read_bytes)):
            if value < 1 or value & (value - 1):
                raise ValueError(f"{name} must be a power of two, not {value}")
        self.row_bytes = max(write_bytes, read_bytes)
        if size < 2 * self.row_bytes:
            raise ValueError(f"size must be at least two rows of {self.row_bytes}, not {size}")
        self.size, self.write_bytes, self.read_bytes = size, write_bytes, read_bytes
        super().__init__({
            "write": In(1),
            "write_address": In(ceil_log2(size // write_bytes)),
            "write_data": In(8 * write_bytes),
            "read_address": In(ceil_log2(size // read_bytes)),
            "read_data": Out(8 * read_bytes),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = memory.Memory(
            shape=unsigned(8 * self.row_bytes), depth=self.size // self.row_bytes, init=[]
        )

        # A narrow writer offers its piece to every part of the row and enables one.
        write_part = ceil_log2(self.row_bytes // self.write_bytes)
        write = rows.write_port(granularity=8 * self.write_bytes if write_part else None)
        m.d.comb += [
            write.addr.eq(self.write_address[write_part:]),
            write.data.eq(self.write_data.replicate(1 << write_part)),
            write.en.eq(self.write << self.write_address[:write_part] if write_part else self.write),
        ]

        # A narrow reader picks its part when the row is there.
        read_part = ceil_log2(self.row_bytes // self.read_bytes)
        read = rows.read_port()
        m.d.comb += [read.en.eq(1), read.addr.eq(self.read_address[read_part:])]
        part = Signal(read_part)
        m.d.sync += part.eq(self.read_address[:read_part])
        m.d.comb += self.read_data.eq(read.data.word_select(part, 8 * self.read_bytes))
        return m
