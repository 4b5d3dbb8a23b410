"""What a proof is: a design whose assertions are to hold, and a planted bug with which they must not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from amaranth.hdl import Elaboratable

    from tb.mutation import Edit

__all__ = ["Proof"]


@dataclass(frozen=True)
class Proof:
    """One claim about one unit, or about a few together.

    Parameters
    ----------
    name
        Of the proof, one word.
    claims
        What holds, as sentences that follow a semicolon.
    assumed
        What the design assumes of the unit's surroundings; empty if it is free.
    reached
        What the cover shows to be possible under these assumptions.
    design
        Makes the unit with its assertions, assumptions and cover; inputs that it leaves open are free in every cycle.
    depth
        Cycles from the initial state that are looked at, and with ``inductive`` from any state whatever: if all but the
        last keep to the assertions, so does the last.
    reach
        Cycles within which the cover is reached and the bug found.
    inductive
        The claim is proved for all time; otherwise for ``depth`` cycles after the initial state.
    bug
        An edit of the unit's source that breaks the claim.
    quick
        It is among those that ``make test`` runs.
    """

    name: str
    claims: str
    assumed: str
    reached: str
    design: Callable[[], Elaboratable]
    depth: int
    reach: int
    bug: Edit
    inductive: bool = True
    quick: bool = False
