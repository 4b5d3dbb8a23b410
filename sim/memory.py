"""DRAM as a function of time: when the last beat of a read and the response of a write come.

The rules are those of docs/memory.md, numbered as in tb/memory.sv. Bursts are given in the order in which they are
served: by address handshake (the stamp), on the same stamp write before read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spec.memory import Memory


class Dram(Protocol):
    """One profile of DRAM.

    Attributes
    ----------
    separate
        Reads and writes do not meet: each direction may be served on its own, ahead of the other.
    """

    separate: bool

    def read(self, stamp: int, address: int, beats: int) -> int:
        """The cycle of the last beat of a read whose address is handshaken in cycle ``stamp``."""

    def write(self, stamp: int, address: int, beats: int) -> int:
        """The cycle of the response to a write whose address is handshaken in cycle ``stamp``."""


class Flat:
    """A beat a cycle in each direction after a fixed latency.

    >>> from spec.memory import Memory
    >>> dram = Flat(Memory(read_latency=20, write_latency=10))
    >>> dram.read(5, 0, 4), dram.read(6, 128, 4)
    (28, 32)
    >>> dram.write(5, 0, 4)
    19
    """

    separate = True

    def __init__(self, memory: Memory) -> None:
        self._read_latency, self._write_latency = memory.read_latency, memory.write_latency
        self._read_end = self._write_end = self._answered = 0

    def read(self, stamp: int, address: int, beats: int) -> int:  # noqa: ARG002 (no address matters here)
        """See Dram."""
        self._read_end = max(self._read_end, stamp + self._read_latency) + beats
        return self._read_end - 1

    def write(self, stamp: int, address: int, beats: int) -> int:  # noqa: ARG002 (same)
        """See Dram."""
        self._write_end = max(self._write_end, stamp + 1) + beats
        self._answered = max(self._answered + 1, self._write_end - 1 + self._write_latency)
        return self._answered


class Shared:
    """One data bus for both directions, ``rate_beats`` beats in ``rate_cycles`` cycles.

    >>> from spec.memory import Memory
    >>> dram = Shared(Memory(profile="shared", read_latency=20, write_latency=10, rate_beats=2, rate_cycles=3))
    >>> dram.write(5, 0, 4), dram.read(5, 128, 4)
    (20, 29)
    """

    separate = False

    def __init__(self, memory: Memory) -> None:
        self._read_latency, self._write_latency = memory.read_latency, memory.write_latency
        self._beats, self._cycles = memory.rate_beats, memory.rate_cycles
        self._end = self._answered = 0

    def read(self, stamp: int, address: int, beats: int) -> int:  # noqa: ARG002 (no address matters here)
        """See Dram."""
        return self._serve(stamp + self._read_latency, beats)

    def write(self, stamp: int, address: int, beats: int) -> int:  # noqa: ARG002 (same)
        """See Dram."""
        self._answered = max(self._answered + 1, self._serve(stamp + 1, beats) + self._write_latency)
        return self._answered

    def _serve(self, ready: int, beats: int) -> int:
        start = max(self._end, ready)
        self._end = start - (-beats * self._cycles // self._beats)
        return start + (beats - 1) * self._cycles // self._beats


class Ddr4:
    """Banks with open rows, a bus that turns around, refresh.

    >>> from spec.memory import Memory
    >>> dram = Ddr4(Memory(profile="ddr4", t_rcd=4, t_cl=4, t_cwl=3, t_rtw=2, write_latency=10))
    >>> dram.read(5, 0, 8), dram.read(6, 64, 8), dram.write(7, 128, 8)
    (20, 28, 48)
    """

    separate = False

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._end = self._answered = self._refreshes = self._refreshed = 0
        self._rows: dict[int, int] = {}
        #: Rule 10's P for each bank with an open row.
        self._precharge: dict[int, int] = {}
        self._direction: str | None = None

    def read(self, stamp: int, address: int, beats: int) -> int:
        """See Dram."""
        return self._serve("R", stamp, address, beats)

    def write(self, stamp: int, address: int, beats: int) -> int:
        """See Dram."""
        last = self._serve("W", stamp, address, beats)
        self._answered = max(self._answered + 1, last + self._memory.write_latency)
        return self._answered

    def _serve(self, direction: str, stamp: int, address: int, beats: int) -> int:
        memory = self._memory
        self._refresh(stamp)
        line = address // memory.row_bytes
        bank, row = line % memory.banks, line // memory.banks
        column = stamp
        if self._rows.get(bank) != row:
            if bank in self._rows:
                activate = max(stamp, self._precharge[bank]) + memory.t_rp
            else:
                activate = max(stamp, self._refreshed)
            self._rows[bank] = row
            self._precharge[bank] = activate + memory.t_ras
            column = activate + memory.t_rcd
        bus = self._end
        if self._direction not in (None, direction):
            bus += memory.t_wtr if direction == "R" else memory.t_rtw
        start = max(bus, column + (memory.t_cl if direction == "R" else memory.t_cwl))
        self._direction, self._end = direction, start + beats
        last = self._end - 1
        self._precharge[bank] = max(self._precharge[bank], last + (1 if direction == "R" else memory.t_wr))
        return last

    def _refresh(self, stamp: int) -> None:
        """Every refresh due by ``stamp`` goes before: it closes all rows."""
        memory = self._memory
        while (self._refreshes + 1) * memory.t_refi <= stamp:
            self._refreshes += 1
            self._end = self._refreshed = max(self._end, self._refreshes * memory.t_refi) + memory.t_rfc
            self._direction = None
            self._rows.clear()


def dram(memory: Memory) -> Dram:
    """The profile that ``memory`` names, at cycle 0."""
    profiles: dict[str, type[Flat | Shared | Ddr4]] = {"flat": Flat, "shared": Shared, "ddr4": Ddr4}
    return profiles[memory.profile](memory)
