"""The whole plan, changed chain by chain, as long as that makes it faster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from controller.joint.chains import LONGEST, TALL, Chain, Chains

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.joint.program import Programs
    from controller.joint.vary import Variations
    from controller.plan.deadline import Deadline

#: Changes in a row that are for nothing, for each chain, after which the search ends.
_PATIENCE = 25
#: A change for which the small model of the engines has so many times the cycles is not tried.
_HOPELESS = 1.03
#: One in so many changes is of where chains begin and end.
_CUTS = 6


class _Change(NamedTuple):
    """Chains instead of those from one place to before another."""

    first: int
    end: int
    chains: Chains

    def applied(self, chains: Chains) -> Chains:
        return chains[: self.first] + self.chains + chains[self.end :]


def polished(
    chains: Chains, programs: Programs, variations: Variations, deadline: Deadline, say: Callable[[str], None]
) -> Chains:
    """A plan after changes of a chain or two, each of which makes it faster, around these and as a whole."""
    if deadline.passed:
        return chains
    least, failed = programs.cycles(chains), 0
    while failed < _PATIENCE * len(chains) and not deadline.passed:
        say(f"{least:,} cycles, {len(chains)} chains; {len(programs.known)} trials")
        at = variations.random.choices(range(len(chains)), [_lost(one, programs) for one in chains])[0]
        change = _changed(chains, at, programs, variations)
        failed += 1
        if _promises(chains, change, programs) and (cycles := programs.cycles(change.applied(chains))) < least:
            chains, least, failed = change.applied(chains), cycles, 0
    return chains


def _lost(chain: Chain, programs: Programs) -> int:
    """Cycles in which not even the busiest part of the machine works for a chain."""
    return max(1, programs.cycles((chain,)) - programs.least(chain))


def _promises(chains: Chains, change: _Change, programs: Programs) -> bool:
    """Whether a change saves cycles there and around, first by the small model, then exactly."""
    old = chains[change.first : change.end]
    before, after = (sum(programs.arranged(one).cycles for one in some) for some in (old, change.chains))
    if change.chains == old or (after > _HOPELESS * before and all(one.rule for one in old)):
        return False
    left, right = chains[max(0, change.first - 1) : change.first], chains[change.end : change.end + 1]
    return programs.cycles(left + change.chains + right) < programs.cycles(left + old + right)


def _changed(chains: Chains, at: int, programs: Programs, variations: Variations) -> _Change:
    """A change of one chain: as those of the same shapes are, or by chance; or of where it and the next one meet.

    Maps that a chain wants anew must have left the one before.
    """
    chain, random = chains[at], variations.random
    if not random.randrange(_CUTS):
        return cut_anew(chains, at, programs, variations)
    other = random.choice(chains)
    if other is not chain and programs.shapes(other.first, other.end) == programs.shapes(chain.first, chain.end):
        return _Change(at, at + 1, (replace(other, first=chain.first, end=chain.end),))
    changed = variations.of(chain)
    if changed.anew != chain.anew and at:
        return _Change(at - 1, at + 1, (replace(chains[at - 1], leaves=changed.anew), changed))
    return _Change(at, at + 1, (changed,))


def cut_anew(chains: Chains, at: int, programs: Programs, variations: Variations) -> _Change:
    """A chain and the next one as one, or cut elsewhere, or a chain cut in two."""
    several = chains[at : at + variations.random.choice((1, 2))]
    heights = tuple(height for chain in several for height in programs.heights(chain))
    first, end = several[0].first, several[-1].end
    cut = variations.random.randrange(first, end)
    whole = replace(
        variations.random.choice(several), first=first, end=end, heights=heights, leaves=several[-1].leaves,
        anew=several[0].anew,
    )  # fmt: skip
    parts: Chains = (whole,) if cut == first else (
        replace(several[0], end=cut, heights=heights[: cut - first], leaves=False),
        replace(several[-1], first=cut, heights=heights[cut - first :], anew=False),
    )  # fmt: skip
    if max(one.end - one.first for one in parts) > LONGEST:
        parts = several
    found = tuple(replace(one, rule=(one.rule or TALL) if one.end - one.first > 1 else None) for one in parts)
    return _Change(at, at + len(several), found)
