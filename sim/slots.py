"""The tensors that are bound: where they lie, which of their pages are resident, how they are used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Slot:
    """A bound tensor. All resident pages p have low <= p < high.

    ``order``: its BIND's number. ``used``: number of the last COMPUTE that named it. ``uses``: operands of COMPUTEs
    since BIND, up to MOST_USES. ``cursor``: the first page that the last of them named; those below were left behind.
    ``distance``: COMPUTEs from then on until these are expected again, a hint or a guess; NEVER; 0 if nobody knows.
    ``pinned``: so says the last hint. ``signature``, ``phase``, ``operator``, ``begun``: see History.
    """

    bound: bool = False
    tensor_class: int = 0
    colour: int = 0
    window: int = 0
    pages: int = 0
    page: int = 0
    low: int = 0
    high: int = 0
    resident: int = 0
    order: int = 0
    used: int = 0
    uses: int = 0
    cursor: int = 0
    distance: int = 0
    pinned: bool = False
    signature: int = 0
    phase: int = 0
    operator: int = 0
    begun: int = 0
