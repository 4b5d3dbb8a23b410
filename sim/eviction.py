"""Makes room: takes a page of the tensor that the policy gives up first, the one of them that is used last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sim.rank import rank
from spec import timing
from spec.policy import GROUPS
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim.directory import Page
    from sim.slots import Slot
    from sim.steps import Steps
    from spec.config import Config


def group_of(tensor_class: int) -> int:
    """The group whose quota a tensor counts against; classes without a name count as maps."""
    return next((i for i, (classes, _) in enumerate(GROUPS) if tensor_class in classes), len(GROUPS) - 1)


class Victim(NamedTuple):
    """A slot's number and its page."""

    slot: int
    page: int


class Eviction:
    """The search for a victim.

    Tensors are read and written from their first page to their last, again and again. So the page that is used last is
    the one just behind the cursor, then those before it down to the lowest, then from the highest down to the cursor.
    ``none`` keeps nothing for later: it takes the lowest, which has been done with for longest.
    """

    def __init__(
        self, config: Config, policy: Policy, steps: Steps, slots: Sequence[Slot], directory: Sequence[Page]
    ) -> None:
        self.config, self.policy, self.steps, self.slots, self.directory = config, policy, steps, slots, directory
        #: Tensors of the last search that had only protected pages.
        self.barren = 0

    def find(self, protect: Callable[[], set[int]], now: int, *, group: int | None = None) -> Victim | None:
        """A page that is not protected, of a tensor of ``group`` if that is not None; its slot's summary changes."""
        protected = protect()
        barren: set[int] = set()
        self.barren = 0
        while True:
            candidates = [
                i for i, s in enumerate(self.slots)
                if s.bound and s.resident and i not in barren and group in (None, group_of(s.tensor_class))
            ]  # fmt: skip
            choice = timing.staged(self.config, timing.SCAN_CHOICE, 2 if candidates else 1)
            self.steps.spend(timing.staged(self.config, timing.SCAN_SLOT) * len(self.slots) + choice)
            if not candidates:
                return None
            slot = min(candidates, key=lambda i: rank(self.policy, self.slots[i], now))
            page = self._page(self.slots[slot], protected)
            if page is not None:
                return Victim(slot, page)
            barren.add(slot)
            self.barren += 1

    def _page(self, s: Slot, protected: set[int]) -> int | None:
        up = self.policy is Policy.NONE
        p = s.low if up else s.cursor - 1 if s.low < s.cursor <= s.high else s.high - 1
        for _ in range(s.high - s.low):
            self.steps.spend(timing.staged(self.config, timing.SCAN_PAGE, 2))
            page, at = self.directory[s.window + p], p
            p = p + 1 if up else p - 1 if p > s.low else s.high - 1
            goes = page.present and s.window + at not in protected
            if goes or not page.present:
                # Beyond what is absent, or goes, at either end there is nothing.
                if at == s.low:
                    s.low += 1
                elif at == s.high - 1 and not up:
                    s.high -= 1
            if goes:
                s.resident -= 1
                return at
        return None
