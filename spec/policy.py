"""What the policies have by the piece: quotas, the reserve, counters that saturate, the table of speculation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import Opcode, TensorClass
from spec.registers import Policy

if TYPE_CHECKING:
    from spec.config import Config

#: Instructions about ranges of pages, and the policy that obeys them; others pass over.
OBEYED_UNDER = {Opcode.STORE: Policy.NONE, Opcode.PREFETCH: Policy.DIRECTED, Opcode.EVICT: Policy.DIRECTED}
#: STATIC: which tensors share a quota, and the eighths of all frames that each group has.
GROUPS = (
    ((TensorClass.WEIGHTS,), 2),
    ((TensorClass.CONSTANTS,), 1),
    ((TensorClass.INPUT, TensorClass.ACTIVATION, TensorClass.OUTPUT), 5),
)
#: The most frames that are kept free.
MOST_RESERVED = 32
#: FREQUENCY: COMPUTEs that a tensor's count can hold; it stays there.
MOST_USES = 255
#: EAGER: entries of the table, bits of a signature, operators that a tensor's uses are told apart by.
HISTORY = 256
SIGNATURE_BITS = 16
PHASES = 3
#: EAGER: what a signature is mixed with in each phase, from 1, to find an entry: low bits its index, high bits its tag.
SALTS = (0x0000, 0x6D2B, 0xB4C5)


def reserve(config: Config) -> int:
    """Frames that all policies but ``none`` keep free, so that what is taken has been out of use for a while."""
    return min(MOST_RESERVED, config.frames // 8)


def quotas(config: Config) -> tuple[int, ...]:
    """Frames that each group may hold before it gives up its own pages."""
    return tuple(config.frames * eighths // 8 for _, eighths in GROUPS)
