"""The allocation controller: which page lies where, what is fetched, evicted, written back, forgotten."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

import numpy as np

from sim.commands import Waits, meet
from sim.directory import Page
from sim.errors import MachineError
from sim.eviction import Eviction, group_of
from sim.slots import Slot
from sim.transfers import Transfers
from spec import timing
from spec.errors import Error
from spec.isa import Queue, TensorClass
from spec.policy import GROUPS, MOST_USES, quotas, reserve
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from sim.commands import Command
    from sim.hazards import Hazards
    from sim.history import History
    from sim.occupancy import Occupancy
    from sim.steps import Steps
    from spec.config import Config


#: Past the last page of any tensor.
EVERY_PAGE = 1 << 18


class Allocator:
    """Pages stay until they are dead, or until a tensor has to give one up: docs/policies.md.

    ``steps`` takes what the controller does and how long; ``hazards`` is asked whom a fill or a write-back waits for;
    ``history`` is what ``eager`` has learned in earlier runs. ``now`` is the number of the current COMPUTE.
    ``occupancy`` is told where pages come and go, if anybody wants to know.
    """

    def __init__(
        self, config: Config, policy: Policy, steps: Steps, hazards: Hazards, history: History, data_base: int
    ) -> None:
        self.config, self.policy, self.steps, self.history = config, policy, steps, history
        self.transfers = Transfers(config, steps, hazards, data_base)
        self.occupancy: Occupancy | None = None
        self.slots = [Slot() for _ in range(config.slots)]
        self.directory = [Page() for _ in range(config.virtual_pages)]
        self.eviction = Eviction(config, policy, steps, self.slots, self.directory)
        self.now = self.binds = 0
        #: Free frames to be kept, and the last COMPUTE in which nobody else could give one up.
        self.reserve, self._exhausted = 0 if policy is Policy.NONE else reserve(config), 0
        #: Resident pages of each group, for ``static``, and how many there may be.
        self.held, self.quotas = [0] * len(GROUPS), quotas(config)
        n = config.bank_frames
        self.free = [deque(range(b * n, (b + 1) * n)) for b in range(config.banks)]
        #: The engines' page tables; -1 where nothing is present. There engines may hold an old frame, not to be used.
        self.table = np.full(config.virtual_pages, -1, dtype=np.int32)
        self.evictions = self.yields = self.overdrafts = 0
        #: How often one of the rarer ways was taken, by its name; see Run.
        self.reached = Counter[str]()

    def bind(self, slot: int, fields: dict[str, int]) -> None:
        """Bind a tensor; a live slot's pages are released first."""
        s = self.slots[slot]
        self.release(slot, live=True)
        self.steps.spend(timing.BIND_SLOT)
        written = fields["tensor_class"] in (TensorClass.ACTIVATION, TensorClass.OUTPUT)
        store = self.steps.pushed[Queue.WRITE] if written else 0
        for v in range(fields["window"], fields["window"] + fields["pages"]):
            self.steps.spend(timing.BIND_PAGE)
            page = self.directory[v]
            page.present = page.dirty = False
            page.home, page.store = bool(fields["home"]), store
        s.bound, s.tensor_class, s.colour = True, fields["tensor_class"], fields["colour"] % self.config.banks
        s.window, s.pages, s.page = fields["window"], fields["pages"], fields["page"]
        s.low, s.high, s.resident, s.used, s.uses, s.cursor, s.distance = s.pages, 0, 0, self.now, 0, 0, 0
        s.pinned, s.phase = False, 0
        s.order = self.binds = self.binds + 1

    def release(self, slot: int, *, live: bool, first: int = 0, end: int = EVERY_PAGE) -> None:
        """Give back the frames of pages ``first`` .. ``end`` of ``slot``; dirty ones are written back if it is live."""
        s = self.slots[slot]
        self.steps.spend(timing.staged(self.config, timing.RELEASE_SLOT, 2))
        if not s.bound:
            return
        first, end = max(first, s.low), min(end, s.high)
        for p in range(first, end):
            self.steps.spend(timing.staged(self.config, timing.RELEASE_PAGE, 2))
            page = self.directory[s.window + p]
            if not page.present:
                continue
            if page.dirty and live:
                self._write_back(slot, p)
            self.reached["drops"] += page.dirty
            page.dirty = False
            self._give_back(slot, p)
        # What is left may lie on one side; otherwise the summary stays.
        if not s.resident:
            s.low, s.high = s.pages, 0
        elif first == s.low:
            s.low = max(first, end)
        elif end == s.high:
            s.high = min(first, end)

    def finish(self) -> None:
        """At the program's end: what it leaves behind, outputs, is written back; all else was for the program alone."""
        before = self.transfers.written.total()
        for slot, s in enumerate(self.slots):
            self.release(slot, live=s.tensor_class == TensorClass.OUTPUT)
        self.reached["flushes"] += self.transfers.written.total() - before

    def touch(self, slot: int, operand: dict[str, int], *, first: bool, shape: int, operator: int) -> None:
        """Note that the current COMPUTE uses ``slot`` as ``operand``; for what follows see History."""
        s = self.slots[slot]
        if self.policy is Policy.EAGER:
            self.steps.spend(timing.staged(self.config, timing.RECALL))
            self.reached[self.history.touch(s, first=first, shape=shape, operator=operator, now=self.now)] += 1
        else:
            s.distance = operand["next_use"]
        s.used, s.uses, s.pinned = self.now, min(s.uses + 1, MOST_USES), bool(operand["pin"])
        s.cursor = operand["offset"] // self.config.page_words

    def store(self, slot: int, p: int) -> None:
        """Write page ``p`` of ``slot`` through if it is dirty."""
        self.steps.spend(timing.staged(self.config, timing.STORE_PAGE, 2))
        page = self.directory[self.slots[slot].window + p]
        if page.present and page.dirty:
            self._write_back(slot, p)

    def prefetch(self, slot: int, p: int) -> None:
        """Fetch page ``p`` of ``slot`` if it is absent and a frame is free; nothing makes room for it."""
        self.steps.spend(timing.staged(self.config, timing.PREFETCH_PAGE, 2))
        page = self.directory[self.slots[slot].window + p]
        if not page.present:
            self.steps.spend(timing.staged(self.config, timing.ALLOCATE))
            frame = self._find(self.slots[slot].colour)
            self.reached["prefetches" if frame is not None else "refusals"] += 1
            if frame is not None:
                self._map(slot, p, page, frame)
                self._fill(slot, p, page)
                self.steps.spend(timing.FOLD_PAGE)

    def evict(self, slot: int, p: int) -> None:
        """Give back the frame of page ``p`` of ``slot``, which is written back if it is dirty."""
        self.steps.spend(timing.staged(self.config, timing.EVICT_PAGE, 2))
        page = self.directory[self.slots[slot].window + p]
        if page.present:
            if page.dirty:
                self._write_back(slot, p)
            self.reached["discards"] += 1
            self._give_back(slot, p)

    def settle(
        self, slot: int, pages: range, command: Command, *, writes: bool, protect: Callable[[], set[int]],
        avoid: AbstractSet[int],
    ) -> list[int]:  # fmt: skip
        """Make pages of ``slot`` resident for ``command``, which translates them, and return their frames.

        ``protect`` gives the virtual pages of the current command, which are never victims; it is asked when one is
        needed. Frames are taken from banks of ``avoid`` only if no other has one.
        """
        steps, window = self.steps, self.slots[slot].window
        post, count = command.queue is Queue.POST, command.index + 1
        frames: list[int] = []
        visit = timing.staged(self.config, timing.VISIT_PAGE, 2)
        for page in self.directory[window + pages.start : window + pages.stop]:
            steps.spent += visit
            if not page.present:
                frame = self._allocate(slot, protect, avoid)
                self._bring(slot, pages.start + len(frames), page, frame, writes=writes)
            if writes:
                page.dirty = True
            steps.spent += timing.FOLD_PAGE
            if post:
                page.post = count
            else:
                page.array = count
            frames.append(page.frame)
        return frames

    def _bring(self, slot: int, p: int, page: Page, frame: int, *, writes: bool) -> None:
        """Map page ``p`` of ``slot``, and fetch what it holds if that is wanted."""
        self._map(slot, p, page, frame)
        if not writes or page.home:
            self._fill(slot, p, page)
            self.reached["merges"] += writes

    def _map(self, slot: int, p: int, page: Page, frame: int) -> None:
        """Let page ``p`` of ``slot`` lie in ``frame`` as soon as nobody translates its older mapping."""
        s = self.slots[slot]
        users: Waits = {}
        meet(users, Queue.ARRAY, page.array)
        meet(users, Queue.POST, page.post)
        self.steps.stall(users)
        self.steps.spent += timing.staged(self.config, timing.CLAIM)
        page.present, page.frame = True, frame
        self.table[s.window + p] = frame
        s.low, s.high, s.resident = min(s.low, p), max(s.high, p + 1), s.resident + 1
        self.held[group_of(s.tensor_class)] += 1
        if self.occupancy:
            self.occupancy.mapped(frame, s.tensor_class)

    def _write_back(self, slot: int, p: int) -> None:
        s = self.slots[slot]
        self.transfers.write_back(s, p, self.directory[s.window + p])

    def _fill(self, slot: int, p: int, page: Page) -> None:
        self.transfers.fill(self.slots[slot], p, page)
        if self.occupancy:
            self.occupancy.filled(page.frame)

    def _give_back(self, slot: int, p: int) -> None:
        """Page ``p`` of ``slot`` loses its frame, which is free."""
        page = self.directory[self.slots[slot].window + p]
        self._lose(slot, p)
        self.slots[slot].resident -= 1
        self.free[page.frame // self.config.bank_frames].append(page.frame)

    def _lose(self, slot: int, p: int) -> None:
        s = self.slots[slot]
        page = self.directory[s.window + p]
        assert not page.dirty, f"page {p} of slot {slot} must be written back or dead before it goes"
        page.present = False
        self.table[s.window + p] = -1
        self.held[group_of(s.tensor_class)] -= 1
        if self.occupancy:
            self.occupancy.lost(page.frame)

    def _allocate(self, slot: int, protect: Callable[[], set[int]], avoid: AbstractSet[int]) -> int:
        """A frame for a page of ``slot``: a free one, else a victim's. A full group takes its own pages first.

        If the reserve is touched, a victim's frame first joins those that are free.
        """
        s = self.slots[slot]
        self.steps.spend(timing.staged(self.config, timing.ALLOCATE))
        group = group_of(s.tensor_class)
        if self.policy is Policy.STATIC and self.held[group] >= self.quotas[group]:
            frame = self._evict(protect, group)
            if frame is not None:
                return frame
            # All its pages are the current command's, which must have one more.
            self.overdrafts += 1
            self.steps.spend(timing.staged(self.config, timing.ALLOCATE, 2))
        elif sum(map(len, self.free)) < self.reserve and self._exhausted < self.now:
            frame = self._evict(protect)
            if frame is None:
                self._exhausted = self.now
            else:
                self.free[frame // self.config.bank_frames].append(frame)
            self.reached["exhausted" if frame is None else "reserved"] += 1
            self.steps.spend(timing.staged(self.config, timing.ALLOCATE, 2))
        frame = self._find(s.colour, avoid)
        if frame is None:
            frame = self._evict(protect)
        if frame is None:
            raise MachineError(Error.OPERANDS_DO_NOT_FIT)
        return frame

    def _find(self, colour: int, avoid: AbstractSet[int] = frozenset()) -> int | None:
        """A free frame, of the first bank at or after ``colour`` that has one; of ``avoid`` only if no other has."""
        banks = self.config.banks
        having = [b for i in range(banks) if self.free[b := (colour + i) % banks]]
        if not having:
            return None
        bank = next((b for b in having if b not in avoid), having[0])
        self.reached["sidesteps"] += bank != having[0]
        return self.free[bank].popleft()

    def _evict(self, protect: Callable[[], set[int]], group: int | None = None) -> int | None:
        """The frame of a victim, which is written back if it is dirty."""
        victim = self.eviction.find(protect, self.now, group=group)
        self.reached["barren"] += self.eviction.barren
        if victim is None:
            return None
        page = self.directory[self.slots[victim.slot].window + victim.page]
        self.evictions += 1
        self.yields += self.policy is Policy.DIRECTED and self.slots[victim.slot].pinned
        if page.dirty:
            self._write_back(victim.slot, victim.page)
        self._lose(victim.slot, victim.page)
        return page.frame
