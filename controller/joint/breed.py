"""Breeding a chain: the fastest few are varied again and again, and what is faster takes its place among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.joint.chains import Chain
    from controller.joint.program import Programs
    from controller.joint.vary import Variations
    from controller.plan.deadline import Deadline

#: How many are varied, and how much more often each than the next.
_KEPT, _STEEPNESS = 8, 0.5
#: Variations in a row that are for nothing, after which the fastest is taken.
_PATIENCE = 150


def bred(seeds: Sequence[Chain], programs: Programs, variations: Variations, deadline: Deadline) -> Chain:
    """The fastest chain that is found by the deadline, alone.

    A variation that takes longer than the fastest already as the small model of the engines has it is not run.
    """
    found: list[tuple[int, int, Chain]] = []
    tried: set[Chain] = set()
    waiting, failed = list(dict.fromkeys(seeds)), 0
    while (waiting or failed < _PATIENCE) and not deadline.passed:
        if waiting:
            chain = waiting.pop(0)
        else:
            place = int(variations.random.expovariate(_STEEPNESS))
            chain = variations.of(found[min(place, len(found) - 1)][2])
        failed += 1
        if chain in tried:
            continue
        tried.add(chain)
        if found and programs.arranged(chain).cycles > found[0][0]:
            continue
        cycles = programs.cycles((chain,))
        failed = 0 if not found or cycles < found[0][0] else failed
        found = sorted([*found, (cycles, len(tried), chain)], key=lambda one: one[:2])[:_KEPT]
    return found[0][2] if found else seeds[0]
