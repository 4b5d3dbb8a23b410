"""Pages between DRAM and the scratchpad: the commands of a fill and of a write-back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sim.commands import Command, Waits
from spec import timing
from spec.isa import Queue

if TYPE_CHECKING:
    from sim.directory import Page
    from sim.hazards import Hazards
    from sim.slots import Slot
    from sim.steps import Steps
    from spec.config import Config


class Transfers:
    """Pushes READ and PLACE for a fill, TAKE and WRITE for a write-back, and tells hazards and directory.

    ``filled`` and ``written`` count the pages of each tensor class by its number.
    """

    def __init__(self, config: Config, steps: Steps, hazards: Hazards, data_base: int) -> None:
        self.config, self.steps, self.hazards, self.data_base = config, steps, hazards, data_base
        self.filled, self.written = Counter[int](), Counter[int]()

    def write_back(self, slot: Slot, p: int, page: Page) -> None:
        """Store ``page``, which is page ``p`` of ``slot`` and dirty, to DRAM: TAKE, then WRITE."""
        self.steps.spend(timing.WRITE_BACK)
        take = Command(Queue.TAKE, self.steps.pushed[Queue.TAKE], {"frame": page.frame})
        take.half = max(0, take.index + 1 - self.config.store_buffers)
        bank = page.frame // self.config.bank_frames
        self.hazards.before_reading(page.frame, take.data)
        self.hazards.before_port("read", bank, take.port)
        self.steps.push(take)
        self.hazards.reads(page.frame, Queue.TAKE, take.index + 1)
        self.hazards.takes_port("read", bank, Queue.TAKE, take.index + 1)
        work = {"address": self._address(slot, p), "frame": page.frame}
        write = Command(Queue.WRITE, self.steps.pushed[Queue.WRITE], work)
        write.data = {Queue.TAKE: write.index + 1}
        self.steps.push(write)
        self.steps.spend(timing.staged(self.config, 0))
        page.dirty, page.home, page.store = False, True, write.index + 1
        self.written[slot.tensor_class] += 1

    def fill(self, slot: Slot, p: int, page: Page) -> None:
        """Fetch ``page``, which is page ``p`` of ``slot``, into its frame: READ, then PLACE."""
        steps, hazards, frame = self.steps, self.hazards, page.frame
        work = {"address": self._address(slot, p), "frame": frame}
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
        self.filled[slot.tensor_class] += 1
        steps.spent += timing.FILLED

    def _address(self, slot: Slot, p: int) -> int:
        """Byte address in DRAM."""
        return (self.data_base + (slot.page + p) * self.config.page_bytes) & 0xFFFFFFFF
