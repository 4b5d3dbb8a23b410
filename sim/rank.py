"""Which tensor gives up a page first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import NEVER
from spec.registers import Policy

if TYPE_CHECKING:
    from sim.slots import Slot

_ALWAYS = 0xFFFFFFFF


def rank(policy: Policy, slot: Slot, now: int) -> tuple[float, ...]:
    """A tensor's place under a policy in COMPUTE ``now``: the smallest goes first.

    >>> from sim.slots import Slot
    >>> soon, late = Slot(used=5, distance=4), Slot(used=7, distance=40)
    >>> [rank(policy, soon, 8) < rank(policy, late, 8) for policy in (Policy.LRU, Policy.DIRECTED)]
    [True, False]
    """
    if policy is Policy.STATIC:
        return (slot.order,)
    if policy is Policy.FREQUENCY:
        # Exact: fractions of such small numbers differ by more than a float's last bit.
        return slot.uses / slot.resident, slot.used
    due = slot.used + slot.distance
    if policy is Policy.DIRECTED:
        return slot.pinned, -(_ALWAYS if slot.distance == NEVER else due)
    if policy is Policy.EAGER:
        # Who was not seen when expected, or is not expected at all, is thought to stay away for as long again.
        return (now - due if due >= now else slot.used - now,)
    return (slot.used,)
