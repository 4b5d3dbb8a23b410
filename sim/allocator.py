"""The allocation controller: which page lies where, what is fetched, evicted, written back, forgotten."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.commands import Command, Waits, meet
from sim.errors import MachineError
from spec import timing
from spec.errors import Error
from spec.isa import Queue, TensorClass

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.hazards import Hazards
    from sim.steps import Steps
    from spec.config import Config


@dataclass(slots=True)
class Page:
    """Directory entry of a virtual page.

    ``present``: in ``frame``. ``dirty``: written since it was last in DRAM. ``home``: DRAM holds its earlier bytes.
    ``store``: count of WRITE that a fill waits for. ``array``, ``post``: counts of the last commands that translate it:
    the engines' page tables keep a page that is not present, and must not change under such a command. (A WEIGHTS
    command is over when its ARRAY command is.)
    """

    present: bool = False
    dirty: bool = False
    home: bool = False
    frame: int = 0
    store: int = 0
    array: int = 0
    post: int = 0


@dataclass(slots=True)
class Slot:
    """A bound tensor. All resident pages p have low <= p < high; ``used``: number of the last COMPUTE that named it."""

    bound: bool = False
    tensor_class: int = 0
    colour: int = 0
    window: int = 0
    pages: int = 0
    page: int = 0
    low: int = 0
    high: int = 0
    resident: int = 0
    used: int = 0


class Allocator:
    """Policy ``none``: pages stay while their operator runs; the least recently used tensor makes room, page by page.

    ``steps`` takes what the controller does and how long; ``hazards`` is asked whom a fill or a write-back waits for.
    """

    def __init__(self, config: Config, steps: Steps, hazards: Hazards, data_base: int) -> None:
        self.config, self.steps, self.hazards, self.data_base = config, steps, hazards, data_base
        self.slots = [Slot() for _ in range(config.slots)]
        self.directory = [Page() for _ in range(config.virtual_pages)]
        n = config.bank_frames
        self.free = [deque(range(b * n, (b + 1) * n)) for b in range(config.banks)]
        #: The engines' page tables; -1 where nothing is present. There engines may hold an old frame, not to be used.
        self.table = np.full(config.virtual_pages, -1, dtype=np.int32)
        self.evictions = self.write_backs = self.fills = 0
        #: Fills of pages that are written: earlier bytes of a partly written page come back.
        self.merges = 0

    def bind(self, slot: int, fields: dict[str, int]) -> None:
        """Bind a tensor; a live slot's pages are released first."""
        s = self.slots[slot]
        if fields["window"] + fields["pages"] > self.config.virtual_pages:
            raise MachineError(Error.WINDOW_OUT_OF_RANGE)
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
        s.low, s.high, s.resident, s.used = s.pages, 0, 0, 0

    def release(self, slot: int, *, live: bool) -> None:
        """Give back all frames of ``slot``; dirty pages of a live tensor are written back."""
        s = self.slots[slot]
        self.steps.spend(timing.RELEASE_SLOT)
        if not s.bound:
            return
        for p in range(s.low, s.high):
            self.steps.spend(timing.RELEASE_PAGE)
            page = self.directory[s.window + p]
            if not page.present:
                continue
            if page.dirty and live:
                self.write_back(slot, p)
            page.present = page.dirty = False
            self.table[s.window + p] = -1
            self.free[page.frame // self.config.bank_frames].append(page.frame)
        s.low, s.high, s.resident = s.pages, 0, 0

    def store(self, slot: int, p: int) -> None:
        """Write page ``p`` of ``slot`` through if it is dirty."""
        self.steps.spend(timing.STORE_PAGE)
        page = self.directory[self.slots[slot].window + p]
        if page.present and page.dirty:
            self.write_back(slot, p)

    def settle(
        self, slot: int, pages: range, command: Command, *, writes: bool, protect: Callable[[], set[int]]
    ) -> list[int]:
        """Make pages of ``slot`` resident for ``command``, which translates them, and return their frames.

        ``protect`` gives the virtual pages of the current command, which are never victims; it is asked when one is
        needed.
        """
        steps, window = self.steps, self.slots[slot].window
        post, count = command.queue is Queue.POST, command.index + 1
        frames: list[int] = []
        for page in self.directory[window + pages.start : window + pages.stop]:
            steps.spent += timing.VISIT_PAGE
            if not page.present:
                self._bring(slot, pages.start + len(frames), page, writes=writes, protect=protect)
            if writes:
                page.dirty = True
            steps.spent += timing.FOLD_PAGE
            if post:
                page.post = count
            else:
                page.array = count
            frames.append(page.frame)
        return frames

    def _bring(self, slot: int, p: int, page: Page, *, writes: bool, protect: Callable[[], set[int]]) -> None:
        """Map page ``p`` of ``slot``, and fetch what it holds if that is wanted."""
        s = self.slots[slot]
        frame = self._allocate(s.colour, protect)
        users: Waits = {}
        meet(users, Queue.ARRAY, page.array)
        meet(users, Queue.POST, page.post)
        self.steps.stall(users)
        self.steps.spent += timing.CLAIM
        page.present, page.frame = True, frame
        self.table[s.window + p] = frame
        s.low, s.high, s.resident = min(s.low, p), max(s.high, p + 1), s.resident + 1
        if not writes or page.home:
            self._fill(self.address(slot, p), page)
            self.merges += writes

    def address(self, slot: int, p: int) -> int:
        """Byte address in DRAM of page ``p`` of ``slot``."""
        return (self.data_base + (self.slots[slot].page + p) * self.config.page_bytes) & 0xFFFFFFFF

    def write_back(self, slot: int, p: int) -> None:
        """Store a dirty page to DRAM: TAKE, then WRITE."""
        page = self.directory[self.slots[slot].window + p]
        self.steps.spend(timing.WRITE_BACK)
        take = Command(Queue.TAKE, self.steps.pushed[Queue.TAKE], {"frame": page.frame})
        take.half = max(0, take.index + 1 - self.config.store_buffers)
        bank = page.frame // self.config.bank_frames
        self.hazards.before_reading(page.frame, take.data)
        self.hazards.before_port("read", bank, take.port)
        self.steps.push(take)
        self.hazards.reads(page.frame, Queue.TAKE, take.index + 1)
        self.hazards.takes_port("read", bank, Queue.TAKE, take.index + 1)
        work = {"address": self.address(slot, p), "frame": page.frame}
        write = Command(Queue.WRITE, self.steps.pushed[Queue.WRITE], work)
        write.data = {Queue.TAKE: write.index + 1}
        self.steps.push(write)
        page.dirty, page.home, page.store = False, True, write.index + 1
        self.write_backs += 1

    def _fill(self, address: int, page: Page) -> None:
        steps, hazards, frame = self.steps, self.hazards, page.frame
        work = {"address": address, "frame": frame}
        index = steps.pushed[Queue.READ]
        data: Waits = {Queue.WRITE: page.store} if page.store else {}
        steps.push(Command(Queue.READ, index, work, data, {}, max(0, index + 1 - self.config.load_buffers)))
        count = steps.pushed[Queue.PLACE] + 1
        place = Command(Queue.PLACE, count - 1, work, {Queue.READ: count}, {})
        bank = frame // self.config.bank_frames
        hazards.before_writing(frame, place.data)
        hazards.before_port("write", bank, place.port)
        steps.push(place)
        hazards.writes(frame, Queue.PLACE, count)
        hazards.takes_port("write", bank, Queue.PLACE, count)
        self.fills += 1
        steps.spent += timing.FILLED

    def _allocate(self, colour: int, protect: Callable[[], set[int]]) -> int:
        self.steps.spend(timing.ALLOCATE)
        banks = self.config.banks
        for i in range(banks):
            if free := self.free[(colour + i) % banks]:
                return free.popleft()
        return self._evict(protect())

    def _evict(self, protected: set[int]) -> int:
        """Take the frame of the first unprotected page of the least recently used tensor."""
        barren: set[int] = set()
        while True:
            self.steps.spend(timing.SCAN_SLOT * self.config.slots + timing.SCAN_CHOICE)
            candidates = [i for i, s in enumerate(self.slots) if s.bound and s.resident and i not in barren]
            if not candidates:
                raise MachineError(Error.OPERANDS_DO_NOT_FIT)
            slot = min(candidates, key=lambda i: self.slots[i].used)
            s = self.slots[slot]
            for p in range(s.low, s.high):
                self.steps.spend(timing.SCAN_PAGE)
                page = self.directory[s.window + p]
                if not page.present:
                    if p == s.low:
                        s.low += 1
                    continue
                if s.window + p in protected:
                    continue
                if p == s.low:
                    s.low += 1
                s.resident -= 1
                self.evictions += 1
                if page.dirty:
                    self.write_back(slot, p)
                page.present = False
                self.table[s.window + p] = -1
                return page.frame
            barren.add(slot)
