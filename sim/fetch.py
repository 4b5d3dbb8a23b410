"""Fetches the program in bursts, as far ahead as its buffer has room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.memory import Flat
from spec.isa import INSTRUCTION_BYTES
from spec.timing import FETCH_ISSUE, FETCH_LATENCY, FETCH_REFILL
from spec.trace import Transaction

if TYPE_CHECKING:
    from spec.config import Config
    from spec.memory import Memory


class Fetch:
    """When each instruction can be taken.

    A burst's address is handshaken ``FETCH_REFILL`` cycles after the take that made room for all its instructions:
    those that were requested and not yet taken count. Its port has a flat memory of its own.

    Parameters
    ----------
    config, memory
        The machine, and the latency of its reads.
    address, length
        Where the program lies, and its instructions; whole bursts are fetched.

    Attributes
    ----------
    takes
        The cycle in which each instruction was taken, in order.
    transactions
        The bursts so far.
    """

    def __init__(self, config: Config, memory: Memory, address: int, length: int) -> None:
        self._burst, self._room = config.fetch_burst, config.fetch_instructions
        self._beats = max(1, INSTRUCTION_BYTES // config.bus_bytes)
        self._latency, self._address = memory.read_latency, address
        self._bursts = -(-length // config.fetch_burst)
        self._dram = Flat(memory)
        #: Last beat of each burst so far.
        self._ends: list[int] = []
        self.takes: list[int] = []
        self.transactions: list[Transaction] = []

    def take(self, index: int, cycle: int) -> int:
        """Take instruction ``index``, the next in order, in ``cycle`` or as soon as it is there; the cycle."""
        assert index == len(self.takes), f"instructions must be taken in order, not {index}"
        burst, place = divmod(index, self._burst)
        while len(self._ends) <= burst:
            self._request()
        beat = self._ends[burst] - (self._burst - 1 - place) * self._beats
        taken = max(cycle, beat + FETCH_LATENCY)
        self.takes.append(taken)
        return taken

    def finish(self, cycles: int) -> None:
        """Ask for what a run of so many cycles still asks for after its END was taken."""
        while len(self._ends) < self._bursts and self._free(len(self._ends)) is not None:
            self._request()
        self.transactions = [t for t in self.transactions if t.cycle <= cycles]

    def _free(self, burst: int) -> int | None:
        """The cycle from which on there is room to ask for ``burst``; ``None`` if there never is."""
        last = (burst + 1) * self._burst - self._room - 1
        if last < 0:
            return FETCH_ISSUE
        return self.takes[last] + FETCH_REFILL if last < len(self.takes) else None

    def _request(self) -> None:
        burst = len(self._ends)
        free = self._free(burst)
        assert free is not None, "a burst must only wait for instructions before it"
        stamp = max(free, self.transactions[-1].cycle + 1) if self.transactions else free
        beats = self._burst * self._beats
        address = self._address + burst * self._burst * INSTRUCTION_BYTES
        self.transactions.append(Transaction(stamp, "P", address, beats))
        self._ends.append(self._dram.read(stamp, address, beats))
