"""Remembers when tensors came back, and guesses when they will."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spec.isa import NEVER, TensorClass
from spec.policy import HISTORY, PHASES, SALTS, SIGNATURE_BITS

if TYPE_CHECKING:
    from sim.slots import Slot

_MAPS = (TensorClass.INPUT, TensorClass.ACTIVATION, TensorClass.OUTPUT)
_MASK = (1 << SIGNATURE_BITS) - 1
_TURN = 5


@dataclass
class History:
    """The table of policy ``eager``; it survives START.

    A feature map has a signature: its size and the shape of the operator that touched it first, mixed with the
    signature of that operator's input, so that like layers in different places of a network have different ones. Its
    life has phases: one for each operator that names it, the last for all further ones. An entry holds the COMPUTEs
    between the beginnings of a phase and of the next. Two operators walk a map at about the same pace, so that a page
    used in a phase comes back after as many COMPUTEs.

    ``entries``: (tag, distance) by index, ``None`` where nothing was learned. ``source``: the signature of the current
    COMPUTE's input.
    """

    entries: list[tuple[int, int] | None] = field(default_factory=lambda: [None] * HISTORY)
    source: int = 0

    def touch(self, slot: Slot, *, first: bool, shape: int, operator: int, now: int) -> str:
        """Note that an operand of COMPUTE ``now`` names ``slot``; ``first``: it is the input.

        ``shape`` are bits of the COMPUTE that tell operators apart. Returns "guesses" where an entry told when the
        tensor will come back, "novelties" where a phase begins without one, else "repeats".
        """
        found = "repeats"
        known = slot.tensor_class in _MAPS
        if first:
            self.source = 0
        if known and (slot.phase == 0 or slot.operator != operator):
            if slot.phase == 0:
                turned = (self.source << _TURN | self.source >> SIGNATURE_BITS - _TURN) & _MASK
                slot.signature = turned ^ (slot.pages & _MASK) ^ shape
            else:
                index, tag = self._place(slot)
                self.entries[index] = tag, min(now - slot.begun, NEVER - 1)
            slot.phase, slot.operator, slot.begun = min(slot.phase + 1, PHASES), operator, now
            index, tag = self._place(slot)
            entry = self.entries[index]
            slot.distance = entry[1] if entry and entry[0] == tag else 0
            found = "guesses" if slot.distance else "novelties"
        if first and known:
            self.source = slot.signature
        return found

    @staticmethod
    def _place(slot: Slot) -> tuple[int, int]:
        mixed = slot.signature ^ SALTS[slot.phase - 1]
        return mixed % HISTORY, mixed // HISTORY
