"""The whole plan, changed chain by chain, as long as that makes it faster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.joint.chains import Chain, Chains
    from controller.joint.program import Programs
    from controller.joint.vary import Variations
    from controller.plan.deadline import Deadline

#: Changes in a row that are for nothing, for each chain, after which the search ends.
_PATIENCE = 25
#: A change for which the small model of the engines has so many times the cycles is not tried.
_HOPELESS = 1.03


def polished(
    chains: Chains, programs: Programs, variations: Variations, deadline: Deadline, say: Callable[[str], None]
) -> Chains:
    """A plan after changes of a chain, each of which makes it faster, around that chain and as a whole."""
    if deadline.passed:
        return chains
    least, failed = programs.cycles(chains), 0
    while failed < _PATIENCE * len(chains) and not deadline.passed:
        say(f"{least:,} cycles, {len(chains)} chains; {len(programs.known)} trials")
        at = variations.random.choices(range(len(chains)), [_lost(one, programs) for one in chains])[0]
        changes = _changed(chains, at, programs, variations)
        failed += 1
        if _promises(chains, changes, at, programs) and (cycles := programs.cycles(changes)) < least:
            chains, least, failed = changes, cycles, 0
    return chains


def _lost(chain: Chain, programs: Programs) -> int:
    """Cycles in which not even the busiest part of the machine works for a chain."""
    return max(1, programs.cycles((chain,)) - programs.least(chain))


def _promises(chains: Chains, changes: Chains, at: int, programs: Programs) -> bool:
    """Whether a plan with changes takes fewer cycles around a chain, first by the small model, then exactly."""
    before, after = (programs.arranged(some[at]).cycles for some in (chains, changes))
    if changes == chains or after > _HOPELESS * before:
        return False
    low, high = max(0, at - 1), at + 2
    return programs.cycles(changes[low:high]) < programs.cycles(chains[low:high])


def _changed(chains: Chains, at: int, programs: Programs, variations: Variations) -> Chains:
    """A plan with a change of one chain: as those of the same shapes are, or by chance.

    Maps that a chain wants anew must have left the one before.
    """
    chain, other = chains[at], variations.random.choice(chains)
    if other is not chain and programs.shapes(other.first, other.end) == programs.shapes(chain.first, chain.end):
        return _with(chains, at, replace(other, first=chain.first, end=chain.end))
    changed = variations.of(chain)
    if changed.anew != chain.anew and at:
        chains = _with(chains, at - 1, replace(chains[at - 1], leaves=changed.anew))
    return _with(chains, at, changed)


def _with(chains: Chains, at: int, chain: Chain) -> Chains:
    return (*chains[:at], chain, *chains[at + 1 :])
