"""The scratchpad: banks of words, reached by virtual pages or by frames."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, ResetSignal, Signal, unsigned
from amaranth.hdl import Assert
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from hw.commands import Commands
from hw.pagetable import PageTable
from hw.ports import MapPort, PlacePort, ReadPort, TakePort, WritePort

__all__ = ["Scratchpad"]

#: Ports that translate, each by its own replica of the page table.
READERS = ("weights", "array", "post")


class Scratchpad(wiring.Component):
    """Banks with one read port and one write port each; nothing arbitrates.

    Each user has a word every cycle. Latency of a virtual read is ``spec.timing.read_latency``: page table, bank,
    register, and with ``data_stages`` one before the bank. A physical read saves the page table; a virtual write is in
    the bank one cycle after it was offered, a physical one at once. The front end's port waits promise one user of a
    bank port in a cycle; an assertion checks it.

    ::

        cycle           0     1      2     3
        array.address   a
        frame                 f(a)
        bank                         word
        array.data                         word

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    weights, array, post : In(ReadPort)
        Virtual readers.
    take : In(TakePort)
        The physical reader.
    post_write : In(WritePort)
        The virtual writer.
    place : In(PlacePort)
        The physical writer.
    map : In(MapPort)
        Goes to every replica of the page table.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            **{name: In(ReadPort(config)) for name in READERS},
            "take": In(TakePort(config)),
            "post_write": In(WritePort(config)),
            "place": In(PlacePort(config)),
            "map": In(MapPort(config)),
        })

    def _translate(self, m, name, port):
        """One cycle later: whether the port wants a word, and the word's place in all banks."""
        k = Commands(self.config)
        m.submodules[f"{name}_table"] = table = PageTable(config=self.config)
        wiring.connect(m, table.map, wiring.flipped(self.map))
        m.d.comb += table.page.eq(port.address[k.word_bits:])
        valid, word = Signal(name=f"{name}_valid"), Signal(k.word_bits, name=f"{name}_word")
        m.d.sync += [valid.eq(port.valid), word.eq(port.address[: k.word_bits])]
        return valid, Cat(word, table.frame)

    def elaborate(self, platform):
        m = Module()
        c = self.config
        bank_words = c.bank_bytes // c.rows
        bank_bits = (bank_words - 1).bit_length()

        # Every user's wish as a place in all banks: bank, then word in the bank.
        reads = {name: self._translate(m, name, getattr(self, name)) for name in READERS}
        reads["take"] = self.take.valid, Cat(self.take.word, self.take.frame)
        wanted, target = self._translate(m, "post_write", self.post_write)
        held = Signal(8 * c.rows)
        m.d.sync += held.eq(self.post_write.data.as_value())
        writes = [
            (wanted, target, held),
            (self.place.valid, Cat(self.place.word, self.place.frame), self.place.data.as_value()),
        ]

        # All readers are as much later, so that who uses a bank next still comes behind who used it before.
        for _ in range(c.data_stages):
            reads = {name: _registered(m, name, *read) for name, read in reads.items()}

        # A bank sees the only user that wants it: masked wishes are or-ed, which is cheaper than a priority.
        words = []
        for bank in range(c.banks):
            m.submodules[f"bank{bank}"] = cells = memory.Memory(shape=unsigned(8 * c.rows), depth=bank_words, init=[])
            read, write = cells.read_port(), cells.write_port()
            words.append(read.data)
            users = [(v & (p[bank_bits:] == bank), p) for v, p in reads.values()]
            m.d.comb += read.en.eq(_any(u for u, _ in users))
            m.d.comb += read.addr.eq(_any(Mux(u, p[:bank_bits], 0) for u, p in users))
            writers = [(v & (p[bank_bits:] == bank), p, d) for v, p, d in writes]
            m.d.comb += write.en.eq(_any(u for u, *_ in writers))
            m.d.comb += write.addr.eq(_any(Mux(u, p[:bank_bits], 0) for u, p, _ in writers))
            m.d.comb += write.data.eq(_any(Mux(u, d, 0) for u, _, d in writers))
            # Reset may come in any cycle; what it cuts short is not judged.
            for kind, wanting in (("read", [u for u, _ in users]), ("write", [u for u, *_ in writers])):
                with m.If(~ResetSignal()):
                    m.d.sync += Assert(sum(wanting) <= 1, f"bank {bank} must have one {kind} user in a cycle")

        # The word, chosen by the bank that was asked, goes into the requester's register.
        for name, (_, place) in reads.items():
            bank = Signal(c.banks.bit_length() - 1, name=f"{name}_bank")
            word = Signal(8 * c.rows, name=f"{name}_data")
            m.d.sync += bank.eq(place[bank_bits:])
            with m.Switch(bank):
                for index, out in enumerate(words):
                    with m.Case(index):
                        m.d.sync += word.eq(out)
            m.d.comb += getattr(self, name).data.as_value().eq(word)
        return m


def _registered(m, name, valid, place):
    """A wish one cycle later."""
    later = Signal(name=f"{name}_wanted"), Signal(len(place), name=f"{name}_place")
    m.d.sync += [later[0].eq(valid), later[1].eq(place)]
    return later


def _any(values):
    """All values or-ed together."""
    result = 0
    for value in values:
        result = value | result
    return result
