"""The window of DRAM that a port may touch: which addresses lie outside it."""

from __future__ import annotations

__all__ = ["outside"]


def outside(address, base, limit, size):
    """Whether any of ``size`` bytes at ``address`` lies below ``base`` or at or above ``limit``; one bit."""
    # The sum has a carry bit, so a page at the end of the address space is not mistaken for one at its start.
    return (address < base) | (address + size > limit)
