"""Slots and virtual windows: which buffer, or slice of one, is bound where while the commands go by."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.place import streamed_banks
from controller.refusal import ModelError
from spec.isa import Opcode, TensorClass
from spec.program import Instruction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from controller.commands import Command
    from controller.layout import Buffer
    from controller.place import Placement
    from spec.config import Config

#: The next use of what is needed no more.
NEVER = 1 << 60
_NOTHING = -1


def widest_window(config: Config) -> int:
    """Pages of the largest buffer that is bound as a whole."""
    return 5 * config.virtual_pages // 16


@dataclass
class Bound:
    """A slot's buffer: its pages `first` .. `first + pages - 1` lie in the window."""

    buffer: Buffer
    window: int
    first: int
    pages: int


class Binder:
    """Binds ahead of use. The slot whose buffer is needed last makes room.

    Of weights that are larger than some banks slices are bound one after the other, unless they are among `whole`.

    Windows of slots are disjoint, also where a buffer is dead: its pages may still be resident. They are handed out in
    turn, because a virtual page cannot be mapped anew while a command uses its older mapping.

    Where commands come in portions, of which nobody knows the next, `later` tells what is thought of a buffer that this
    one names no more: its next use, NEVER if there is none. Without it the one portion is all.
    """

    def __init__(
        self, config: Config, commands: Sequence[Command], placement: Placement, whole: Collection[Buffer] = (),
        later: Callable[[Buffer], int] = lambda _: NEVER,
    ) -> None:  # fmt: skip
        self.config, self.placement, self.whole, self.later = config, placement, whole, later
        self.slots: list[Bound | None] = [None] * config.slots
        self.written: dict[Buffer, set[int]] = {}
        self.stream = streamed_banks(config) * config.bank_frames
        self._turned: dict[Buffer, int] = {}
        self._forgotten: set[Buffer] = set()
        self._turn = 0
        self.take(commands)

    def take(self, commands: Sequence[Command]) -> None:
        """Go on with a portion of commands; what is bound stays bound."""
        self.commands = commands
        self.uses: dict[Buffer, list[int]] = {}
        for index, command in enumerate(commands):
            for buffer in command.spans:
                self.uses.setdefault(buffer, []).append(index)
        #: For each use of weights, the lowest page that it or a later one names: of those larger than the scratchpad a
        #: later one of the same operator, for what the next operator wants of them has gone by then.
        self.floors: dict[tuple[int, Buffer], int] = {}
        for buffer, uses in self.uses.items():
            floor, operator = buffer.pages(self.config.page_words), commands[uses[-1]].operator
            large = floor > self.config.frames
            for use in reversed(uses) if buffer.kind is TensorClass.WEIGHTS else ():
                if large and commands[use].operator != operator:
                    floor, operator = buffer.pages(self.config.page_words), commands[use].operator
                floor = min(floor, commands[use].spans[buffer][0] // self.config.page_words)
                self.floors[use, buffer] = floor
        self._next: dict[Buffer, int] = dict.fromkeys(self.uses, 0)

    def find(self, buffer: Buffer) -> int | None:
        """The slot that a buffer is bound to, if it is."""
        return next((slot for slot, bound in enumerate(self.slots) if bound and bound.buffer is buffer), None)

    def slot_of(self, buffer: Buffer) -> int:
        """The slot that a buffer is bound to, which it must be."""
        slot = self.find(buffer)
        assert slot is not None
        return slot

    def bound(self, slot: int) -> Bound:
        """What a slot holds."""
        found = self.slots[slot]
        assert found is not None
        return found

    def next_use(self, buffer: Buffer, index: int) -> int:
        """The first command from `index` on that names a buffer."""
        uses, at = self.uses.get(buffer, []), self._next.get(buffer, 0)
        while at < len(uses) and uses[at] < index:
            at += 1
        self._next[buffer] = at
        return uses[at] if at < len(uses) else self.later(buffer)

    def bind(self, index: int) -> list[Instruction]:
        """The BINDs that command `index` needs before it."""
        found: list[Instruction] = []
        for buffer, (low, high) in self.commands[index].spans.items():
            first, end = low // self.config.page_words, (high - 1) // self.config.page_words + 1
            found += self.cover(index, buffer, first, end)
        return found

    def cover(self, index: int, buffer: Buffer, first: int, end: int) -> list[Instruction]:
        """The BIND without which pages of a buffer are not bound at command `index`, if there is one."""
        slot = self.find(buffer)
        if slot is not None and buffer not in self._forgotten:
            bound = self.bound(slot)
            if bound.first <= first and end <= bound.first + bound.pages:
                return []
        whole, limit = buffer.pages(self.config.page_words), widest_window(self.config)
        slices = [] if whole > limit else [(0, whole)]
        if buffer.kind is TensorClass.WEIGHTS and whole > self.stream and buffer not in self.whole:
            slices = [*self._streamed(index, buffer, first), *slices]
        slices += [(first, min(max(limit, end - first), whole - first)), (first, end - first)]
        return self._take(index, buffer, slices, slot)

    def collect(self, buffer: Buffer) -> list[Instruction]:
        """The BIND that has DRAM hold all that is bound of a buffer: its slot's window is bound anew, as an output."""
        slot = self.find(buffer)
        if slot is None:
            return []
        one = self._set(slot, self.bound(slot))
        return [Instruction(one.opcode, {**one.fields, "tensor_class": int(TensorClass.OUTPUT)})]

    def forget(self, buffer: Buffer) -> None:
        """Have a buffer bound anew before it is named again: its pages have been given back."""
        self._forgotten.add(buffer)

    def wrote(self, buffer: Buffer, intervals: Sequence[tuple[int, int]]) -> None:
        """Note that pages of a buffer have been written: from now on DRAM has bytes of them."""
        pages = self.written.setdefault(buffer, set())
        for first, end in intervals:
            pages.update(range(first, end))

    def _streamed(self, index: int, buffer: Buffer, first: int) -> list[tuple[int, int]]:
        """The slice of weights that commands use before they go on for good; none if they come back.

        Pages that are done with are given back by the next BIND, so that those to come find frames in other banks than
        the maps'.
        """
        words, end = self.config.page_words, first
        uses, operator = self.uses[buffer], self.commands[index].operator
        large = buffer.pages(words) > self.config.frames
        for use in uses[bisect_left(uses, index) :]:
            if large and self.commands[use].operator != operator:
                break
            low, high = self.commands[use].spans[buffer]
            if low // words < first:
                return []
            if end > first and -(-high // words) > first + self.stream:
                return [(first, end - first)] if self.floors[use, buffer] >= low // words else []
            end = max(end, -(-high // words))
        return [(first, end - first)]

    def _take(
        self, index: int, buffer: Buffer, slices: Sequence[tuple[int, int]], own: int | None
    ) -> list[Instruction]:
        """Bind one of some slices, (first page, pages), the first for which there is a window.

        A slot's own window is the last choice: what is fetched to it waits for the commands that use it.
        """
        found: list[Instruction] = []
        slots = self._candidates(index, own)
        for first, pages in slices[:-1]:
            window = self._window(pages, without=_NOTHING)
            if window is None:
                found += self._bury(index, without=slots[0])
                window = self._window(pages, without=_NOTHING)
            if window is not None:
                return [*found, self._set(slots[0], Bound(buffer, window, first, pages))]
            for slot in slots:
                window = self._window(pages, without=slot)
                if window is not None:
                    return [*found, self._set(slot, Bound(buffer, window, first, pages))]
        return found + self._make_room(index, buffer, *slices[-1], slots[0])

    def _candidates(self, index: int, own: int | None) -> list[int]:
        """Slots that may be bound anew, the one that is needed last first."""
        if own is not None:
            return [own]
        needed = self.commands[index].spans
        found = [slot for slot, bound in enumerate(self.slots) if bound is None or bound.buffer not in needed]
        return sorted(found, key=lambda slot: self._staleness(slot, index), reverse=True)

    def _bury(self, index: int, *, without: int) -> list[Instruction]:
        """Give back the windows of buffers that are needed no more: all of them shrink to a page at the bottom."""
        return [
            self._set(slot, Bound(bound.buffer, bottom, bound.first, 1))
            for slot, bound in enumerate(self.slots)
            if bound and slot != without and bound.pages > 1 and self.next_use(bound.buffer, index) == NEVER
            for bottom in [self._lowest(1, 0, without=slot)]
            if bottom is not None
        ]

    def _make_room(self, index: int, buffer: Buffer, first: int, pages: int, slot: int) -> list[Instruction]:
        """Bind a slice while others shrink to a page each at the bottom, those first that are needed last."""
        found: list[Instruction] = []
        # In a second round those move that found everything below them taken in the first.
        for victim in [slot, *self._candidates(index, None) * 2]:
            bound = self.slots[victim]
            if victim != slot and bound is not None:
                bottom = self._lowest(1, 0, without=victim)
                if bottom is not None and (bound.pages > 1 or bottom < bound.window):
                    found.append(self._set(victim, Bound(bound.buffer, bottom, bound.first, 1)))
            window = self._window(pages, without=slot)
            if window is not None:
                return [*found, self._set(slot, Bound(buffer, window, first, pages))]
        raise ModelError(
            f"{buffer.name} does not fit: it needs {pages} virtual pages beside the other operands in "
            f"{self.config.virtual_pages}; more virtual pages fit it (--set virtual_pages)"
        )

    def _staleness(self, slot: int, index: int) -> tuple[int, int]:
        bound = self.slots[slot]
        if bound is None:
            return NEVER + 1, -slot
        return self.next_use(bound.buffer, index), -slot

    def _window(self, pages: int, *, without: int) -> int | None:
        """A free window, the next one in turn."""
        window = self._lowest(pages, self._turn, without=without)
        return self._lowest(pages, 0, without=without) if window is None else window

    def _lowest(self, pages: int, start: int, *, without: int) -> int | None:
        """The lowest free window from a virtual page on."""
        at = start
        for low, high in sorted(
            (bound.window, bound.window + bound.pages)
            for slot, bound in enumerate(self.slots)
            if bound is not None and slot != without
        ):
            if high <= at:
                continue
            if low >= at + pages:
                break
            at = high
        return at if at + pages <= self.config.virtual_pages else None

    def _set(self, slot: int, bound: Bound) -> Instruction:
        self.slots[slot] = bound
        self._forgotten.discard(bound.buffer)
        self._turn = bound.window + bound.pages
        buffer = bound.buffer
        filled = buffer.kind in {TensorClass.WEIGHTS, TensorClass.CONSTANTS, TensorClass.INPUT}
        written = self.written.get(buffer, set())
        # Slices of weights take turns in two groups of banks: one is filled while the other is read.
        turn = self._turned[buffer] = self._turned.get(buffer, -1) + 1
        colour = self.placement.colours[buffer]
        if buffer.kind is TensorClass.WEIGHTS:
            colour = (colour + turn % 2 * streamed_banks(self.config)) % self.config.banks
        home = filled or any(page in written for page in range(bound.first, bound.first + bound.pages))
        return Instruction(Opcode.BIND, {
            "slot": slot, "tensor_class": int(buffer.kind), "colour": colour,
            "window": bound.window, "pages": bound.pages, "page": self.placement.pages[buffer] + bound.first,
            "home": int(home),
        })  # fmt: skip
