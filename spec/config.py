"""The configurations of the machine: every field, its rule, and the named ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

from spec.memory import Memory


def _power(value: int, low: int, high: int) -> bool:
    return low <= value <= high and value & (value - 1) == 0


@dataclass(frozen=True, kw_only=True)
class Config:
    """A machine. Every field has a rule, checked at construction.

    Parameters
    ----------
    name
        What it is called; not part of the hash.
    rows, cols
        Processing elements of the systolic array; a scratchpad word is ``rows`` int8 lanes. Equal, because the
        words that one layer writes (``cols`` channels) are the words that the next one reads (``rows`` channels).
    banks, bank_bytes
        Scratchpad banks and bytes of each. One read and one write port each.
    page_bytes
        Unit of allocation, residency and DMA.
    accumulator_rows
        Rows of ``cols`` 32-bit sums in both halves together; a tile has at most half of them as pixels.
    bus_bytes
        Bytes of a beat, on the data port and on the program port.
    slots
        Tensors that can be bound at a time.
    virtual_pages
        Pages of the virtual page space that windows are bound in; four times the frames or more.
    load_buffers, store_buffers
        Page buffers between AXI and the banks.
    queue_depth, page_queue_depth
        Commands that wait in each of the queues weights, array, post; and in read, place, take, write.
    fetch_instructions, fetch_burst
        Instructions that the fetch buffer holds, and that one program burst brings.
    window_taps
        Most taps of a depthwise kernel on the window engine.
    line_columns
        Input columns of a tile that the line buffer takes.
    line_kernel
        Rows and columns of the largest kernel that the line buffer takes.
    depthwise_taps
        Taps of a window that a lane takes in one cycle from the line buffer: its multipliers.
    data_stages, control_stages
        Registers more in the longest paths of the engines and of the front end, for a faster clock: docs/timing.md says
        where, and what they cost.
    omit_tokens
        Whether the units for operators on tokens are left out: modes MULTIPLY, MEASURE and NORMALIZE are then refused.
    memory
        The DRAM model's profile: a run-time choice, not part of the hash.

    Raises
    ------
    ValueError
        If a field breaks its rule.
    """

    name: str
    rows: int
    cols: int
    banks: int
    bank_bytes: int
    page_bytes: int
    accumulator_rows: int
    bus_bytes: int
    slots: int
    virtual_pages: int
    load_buffers: int = 4
    store_buffers: int = 4
    queue_depth: int = 4
    page_queue_depth: int = 16
    fetch_instructions: int = 64
    fetch_burst: int = 16
    window_taps: int = 64
    line_columns: int = 128
    line_kernel: int = 7
    depthwise_taps: int = 9
    data_stages: int = 0
    control_stages: int = 0
    omit_tokens: int = 0
    memory: Memory = Memory()

    def __post_init__(self) -> None:
        """Check every rule."""
        self._demand("rows", "a power of two in 2..32", _power(self.rows, 2, 32))
        self._demand("cols", f"equal to rows ({self.rows})", self.cols == self.rows)
        self._demand("banks", "a power of two in 2..16", _power(self.banks, 2, 16))
        self._demand("bus_bytes", "4, 8 or 16", self.bus_bytes in (4, 8, 16))
        self._demand(
            "page_bytes",
            "a power of two in 64..4096, at least four words and four beats",
            _power(self.page_bytes, 64, 4096) and self.page_bytes >= 4 * max(self.rows, self.bus_bytes),
        )
        self._demand(
            "bank_bytes",
            "a power of two, from two pages to 1 MiB",
            _power(self.bank_bytes, 2 * self.page_bytes, 1 << 20),
        )
        self._demand("accumulator_rows", "a power of two in 16..4096", _power(self.accumulator_rows, 16, 4096))
        self._demand("slots", "a power of two in 8..64", _power(self.slots, 8, 64))
        self._demand(
            "virtual_pages",
            "a power of two, at least the frames, at most 65536",
            _power(self.virtual_pages, self.frames, 65536),
        )
        for name, low, high in (
            ("load_buffers", 2, 16),
            ("store_buffers", 2, 16),
            ("queue_depth", 2, 16),
            ("page_queue_depth", 2, 64),
            ("fetch_instructions", 8, 256),
            ("fetch_burst", 2, 64),
            ("window_taps", 9, 256),
        ):
            self._demand(name, f"a power of two in {low}..{high}" if name != "window_taps" else "in 9..256",
                         _power(getattr(self, name), low, high) if name != "window_taps"
                         else low <= self.window_taps <= high)
        self._demand("line_columns", "a power of two in 4..2048", _power(self.line_columns, 4, 2048))
        self._demand("line_kernel", "3, 5 or 7", self.line_kernel in (3, 5, 7))
        self._demand("depthwise_taps", "3 or 9", self.depthwise_taps in (3, 9))
        for name in ("data_stages", "control_stages", "omit_tokens"):
            self._demand(name, "0 or 1", getattr(self, name) in (0, 1))
        self._demand("data_stages", "0 where rows are fewer than 4", self.rows >= 4 or not self.data_stages)
        self._demand(
            "fetch_burst", "at most half of fetch_instructions", 2 * self.fetch_burst <= self.fetch_instructions
        )
        self._demand(
            "fetch_burst",
            "at most 256 beats",
            self.fetch_burst * 16 <= 256 * self.bus_bytes,
        )

    def _demand(self, name: str, rule: str, holds: bool) -> None:
        if not holds:
            raise ValueError(f"{name} must be {rule}, not {getattr(self, name)}")

    @property
    def page_words(self) -> int:
        """Words of a page."""
        return self.page_bytes // self.rows

    @property
    def page_beats(self) -> int:
        """Beats of a page on the bus, in one or more bursts."""
        return self.page_bytes // self.bus_bytes

    @property
    def page_bursts(self) -> int:
        """AXI bursts of a page: at most 256 beats each."""
        return max(1, self.page_beats // 256)

    @property
    def burst_beats(self) -> int:
        """Beats of a data burst."""
        return self.page_beats // self.page_bursts

    @property
    def bank_frames(self) -> int:
        """Frames (physical pages) of a bank. Frame f lies in bank f // bank_frames."""
        return self.bank_bytes // self.page_bytes

    @property
    def frames(self) -> int:
        """Frames of the scratchpad."""
        return self.banks * self.bank_frames

    @property
    def half_rows(self) -> int:
        """Rows of an accumulator half: the most pixels of a tile."""
        return self.accumulator_rows // 2

    @property
    def hash(self) -> int:
        """64 bits that tell this machine from others; the name, the memory and fields of 0 do not count."""
        values = ((f.name, getattr(self, f.name)) for f in self.machine_fields())
        text = ";".join(f"{name}={value}" for name, value in values if value)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")

    @classmethod
    def machine_fields(cls) -> tuple:  # type: ignore[type-arg]
        """The fields that the hash covers, unless they are 0."""
        return tuple(f for f in fields(cls) if f.name not in ("name", "memory"))


_SHARED_EDGE = Memory(profile="shared", rate_beats=2, rate_cycles=3)

CONFIGS = {
    c.name: c
    for c in (
        Config(name="tiny", rows=4, cols=4, banks=4, bank_bytes=1024, page_bytes=128, accumulator_rows=128,
               bus_bytes=4, slots=8, virtual_pages=256, line_columns=16, line_kernel=5),
        Config(name="board", rows=8, cols=8, banks=8, bank_bytes=32768, page_bytes=1024, accumulator_rows=512,
               bus_bytes=4, slots=32, virtual_pages=1024, line_kernel=3, depthwise_taps=3, data_stages=1,
               control_stages=1, omit_tokens=1),
        Config(name="default", rows=16, cols=16, banks=8, bank_bytes=65536, page_bytes=2048, accumulator_rows=1024,
               bus_bytes=8, slots=64, virtual_pages=2048),
        Config(name="edge", rows=16, cols=16, banks=8, bank_bytes=32768, page_bytes=1024, accumulator_rows=1024,
               bus_bytes=4, slots=64, virtual_pages=4096),
        Config(name="onsram", rows=16, cols=16, banks=16, bank_bytes=65536, page_bytes=1024, accumulator_rows=1024,
               bus_bytes=4, slots=64, virtual_pages=4096, memory=_SHARED_EDGE),
    )
}
