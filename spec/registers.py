"""The AXI4-Lite register map."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from spec.isa import Queue


class Policy(IntEnum):
    """Value of the POLICY register: who gives up a page (docs/policies.md). Writes of other values do nothing."""

    NONE = 0
    STATIC = 1
    LRU = 2
    FREQUENCY = 3
    EAGER = 4
    DIRECTED = 5


@dataclass(frozen=True)
class Register:
    """A 32-bit register at a byte offset."""

    name: str
    offset: int
    access: str
    doc: str


#: What a queue's cycles are counted as, in the order in which a waiting cycle is charged.
CAUSES = ("busy", "empty", "data", "port", "half")

_NAMES = (
    ("IDENTITY", "ro", "0x70666e64"),
    ("CONFIG_LOW", "ro", "configuration hash, low half"),
    ("CONFIG_HIGH", "ro", "configuration hash, high half"),
    ("CONTROL", "wo", "bit 0: start (taken when ready); bit 1: clear done and error"),
    ("STATUS", "ro", "bit 0: busy, bit 1: done, bit 2: error, bit 3: ready for start"),
    ("ERROR_CODE", "ro", "see errors"),
    ("ERROR_ADDRESS", "ro", "byte address of the instruction or burst"),
    ("INTERRUPT", "rw", "bit 0: irq follows done"),
    ("POLICY", "rw", "replacement policy, see Policy"),
    ("PROGRAM_ADDRESS", "rw", "byte address of the program, aligned to a fetch burst"),
    ("PROGRAM_LENGTH", "rw", "instructions, header included"),
    ("DATA_BASE", "rw", "byte address of DRAM page 0, aligned to a page"),
    ("READ_BASE", "rw", "lowest byte address that a page may be read from"),
    ("READ_LIMIT", "rw", "first byte address past the read window"),
    ("WRITE_BASE", "rw", "lowest byte address that a page may be written to"),
    ("WRITE_LIMIT", "rw", "first byte address past the write window"),
    ("WATCHDOG", "rw", "cycles without any start or finish before WATCHDOG is raised; 0: never"),
    ("CYCLES", "ro", "cycles of the last run"),
    ("READ_BURSTS", "ro", "read bursts of the data port"),
    ("WRITE_BURSTS", "ro", "write bursts of the data port"),
    ("FETCH_BURSTS", "ro", "read bursts of the program port"),
    ("COMPUTES", "ro", "COMPUTE instructions"),
    ("EVICTIONS", "ro", "pages evicted to make room"),
    ("WRITE_BACKS", "ro", "pages written back"),
    ("FILLS", "ro", "pages fetched"),
    ("SERIALS", "ro", "ARRAY commands in serial mode"),
    ("YIELDS", "ro", "pages evicted from pinned tensors"),
    ("OVERDRAFTS", "ro", "frames taken beyond a quota"),
)

_COUNTERS = tuple(
    (f"{queue.name}_{cause.upper()}", "ro", f"cycles of {queue.name} counted as {cause}")
    for queue in Queue
    if queue is not Queue.SUMS
    for cause in CAUSES
)

REGISTERS = {
    name: Register(name, 4 * index, access, doc) for index, (name, access, doc) in enumerate(_NAMES + _COUNTERS)
}
#: Names of a register's bits, from bit 0 upwards.
BITS = {"CONTROL": ("START", "CLEAR"), "STATUS": ("BUSY", "DONE", "ERROR", "READY"), "INTERRUPT": ("ENABLE",)}
IDENTITY = 0x70666E64
#: Bytes of the register space.
SPACE = 512
