"""What must hold of the allocation controller's tables after every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.eviction import group_of

if TYPE_CHECKING:
    from sim.allocator import Allocator


def check(allocator: Allocator) -> None:
    """Every frame is free or owned by one page, and every slot's summary agrees with its pages.

    Raises
    ------
    AssertionError
        With the first thing that does not hold.
    """
    config = allocator.config
    frames = sorted(f for free in allocator.free for f in free)
    owned: dict[int, int] = {}
    for number, slot in enumerate(allocator.slots):
        if not slot.bound:
            continue
        resident = [p for p in range(slot.pages) if allocator.directory[slot.window + p].present]
        assert len(resident) == slot.resident, f"slot {number} must have {len(resident)} pages, not {slot.resident}"
        assert all(slot.low <= p < slot.high for p in resident), f"slot {number} must span its pages {resident}"
        for p in resident:
            page = allocator.directory[slot.window + p]
            assert page.frame not in owned, f"frame {page.frame} must have one owner"
            assert allocator.table[slot.window + p] == page.frame, f"page {p} of slot {number} must be translated"
            owned[page.frame] = number
    held = [0] * len(allocator.held)
    for slot in allocator.slots:
        held[group_of(slot.tensor_class)] += slot.resident
    assert held == allocator.held, f"groups must hold {held} pages, not {allocator.held}"
    everything = sorted([*frames, *owned])
    assert everything == list(range(config.frames)), f"free and owned frames must be all, once, not {everything}"
