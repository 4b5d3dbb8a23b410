"""Replays a program symbolically and proves it sound; knows the machine's words but no tiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from controller.check_statistics import Measured, roles_of
from controller.omitted import left_out
from spec.isa import INSTRUCTION_BYTES, WORDS, Mode, Opcode, Role, TensorClass

if TYPE_CHECKING:
    from controller.compiler import Compiled
    from controller.layout import Buffer

Fields = dict[str, int]
Words = NDArray[np.int64]


class UnsoundError(Exception):
    """A program breaks a rule; the message names the instruction and the rule."""


@dataclass
class _Slot:
    buffer: Buffer
    window: range
    #: The slot's page 0 as a page of its buffer.
    first: int


def check(compiled: Compiled) -> None:
    """Check a program against the rules that no program may break.

    Every output word of every map is written exactly once, and before it is read; every operand lies inside its
    buffer and its binding; engines touch no word outside the pages that their operands name; a command's pages fit
    the scratchpad, and its mode is one that the machine has; windows are disjoint; pages are stored before the program
    ends; what is dead, by a RELEASE or a hint, is named no more, and no output is.

    Raises
    ------
    UnsoundError
        For the first rule that is broken.
    """
    _Checker(compiled).run()


class _Checker:
    def __init__(self, compiled: Compiled) -> None:
        self.compiled, self.config = compiled, compiled.config
        self.slots: dict[int, _Slot] = {}
        self.registers: dict[Opcode, Fields] = {}
        self.operands: dict[int, Fields] = {}
        self.filled = {
            buffer: np.full(buffer.words, buffer.kind not in {TensorClass.ACTIVATION, TensorClass.OUTPUT})
            for buffer in compiled.placement.pages
        }
        #: Words between blocks, which hold no pixel.
        self.gaps = {
            buffer: np.arange(buffer.words) % buffer.pitch >= buffer.width
            if buffer.pitch
            else np.zeros(buffer.words, np.bool_)
            for buffer in compiled.placement.pages
        }
        self.by_page = {page: buffer for buffer, page in compiled.placement.pages.items()}
        #: Pages written since they were stored.
        self.dirty: dict[Buffer, set[int]] = {}
        self.dead: dict[Buffer, set[int]] = {}
        self.summing = False
        self.measured = Measured()
        self.at = 0

    def run(self) -> None:
        program = self.compiled.program
        for self.at in range(1, len(program) // INSTRUCTION_BYTES):
            raw = int.from_bytes(program[self.at * INSTRUCTION_BYTES : (self.at + 1) * INSTRUCTION_BYTES], "little")
            opcode = Opcode(raw & 0xF)
            fields = WORDS[opcode].decode(raw)
            if opcode is Opcode.END:
                break
            self._step(opcode, fields)
        self._demand(not self.summing, "sums are left unfinished")
        self._demand(not any(self.dirty.values()), "pages are not stored at the end")
        for port in self.compiled.graph.outputs:
            for view in (self.compiled.views[tensor.name] for tensor in port.tensors):
                for place, block in enumerate(view.blocks):
                    shape = (view.batch, view.height, block.count, view.pitch(place))
                    part = self.filled[block.buffer].reshape(shape)[:, :, block.index, : view.width]
                    self._demand(bool(part.all()), f"output '{port.name}' is not complete")

    def _demand(self, holds: bool, rule: str) -> None:
        if not holds:
            raise UnsoundError(f"instruction {self.at}: {rule}")

    def _step(self, opcode: Opcode, fields: Fields) -> None:
        if opcode is Opcode.BIND:
            self._bind(fields)
        elif opcode is Opcode.OPERAND:
            self.operands[fields["role"]] = fields
        elif opcode is Opcode.STORE:
            pages = self._pages(self._slot(fields), self._words(fields))
            self.dirty.get(self._slot(fields).buffer, set()).difference_update(pages)
        elif opcode is Opcode.RELEASE:
            slot, end = self._slot(fields), fields["first"] + fields["pages"]
            self._demand(end <= len(slot.window), f"a range exceeds the window of {slot.buffer.name}")
            self._bury(slot.buffer, range(slot.first + fields["first"], slot.first + end))
        elif opcode is Opcode.COMPUTE:
            self._compute(fields)
        else:
            self.registers[opcode] = fields

    def _slot(self, fields: Fields) -> _Slot:
        self._demand(fields["slot"] in self.slots, f"slot {fields['slot']} is not bound")
        return self.slots[fields["slot"]]

    def _bind(self, fields: Fields) -> None:
        slot = fields["slot"]
        self._demand(slot < self.config.slots, f"there is no slot {slot}")
        if old := self.slots.pop(slot, None):
            # The slot was live: its pages, complete or not, are written back.
            self.dirty.pop(old.buffer, None)
        base = max((page for page in self.by_page if page <= fields["page"]), default=-1)
        buffer = self.by_page[base]
        first = fields["page"] - base
        whole = buffer.pages(self.config.page_words)
        self._demand(first + fields["pages"] <= whole, f"the window exceeds {buffer.name}")
        self._demand(all(other.buffer is not buffer for other in self.slots.values()), f"{buffer.name} is bound twice")
        window = range(fields["window"], fields["window"] + fields["pages"])
        self._demand(window.stop <= self.config.virtual_pages, "the window reaches past the virtual pages")
        for other in self.slots.values():
            apart = other.window.stop <= window.start or window.stop <= other.window.start
            self._demand(apart, f"the windows of {buffer.name} and {other.buffer.name} overlap")
        written = self.filled[buffer][first * self.config.page_words : (first + len(window)) * self.config.page_words]
        self._demand(bool(fields["home"]) or not written.any(), f"{buffer.name} is bound as if DRAM held nothing of it")
        if buffer.kind not in {TensorClass.ACTIVATION, TensorClass.OUTPUT}:
            # Nothing was lost: DRAM holds it as it was.
            self.dead.get(buffer, set()).difference_update(range(first, first + fields["pages"]))
        self.slots[slot] = _Slot(buffer, window, first)

    def _bury(self, buffer: Buffer, pages: range) -> None:
        self._demand(buffer.kind is not TensorClass.OUTPUT, f"{buffer.name} is an output and must not die")
        self.dead.setdefault(buffer, set()).update(pages)

    def _words(self, fields: Fields) -> Words:
        """Words of a range, from its binding's first."""
        runs = fields["offset"] + np.arange(fields["count"]) * fields["stride"]
        return (runs[:, None] + np.arange(fields["run"])).reshape(-1)

    def _pages(self, slot: _Slot, words: Words) -> set[int]:
        pages = np.unique(words // self.config.page_words)
        self._demand(bool(pages[-1] < len(slot.window)), f"a range exceeds the window of {slot.buffer.name}")
        return {int(page) + slot.first for page in pages}

    def _compute(self, fields: Fields) -> None:
        roles = roles_of(fields)
        mode = Mode(fields["mode"])
        self._demand(mode not in left_out(self.config), f"the machine leaves out mode {mode.name}")
        self._demand(self.measured.follows(fields), "a statistic begins, goes on or is used wrongly")
        follows = self.summing != bool(fields["first"]) or fields["mode"] != Mode.ARRAY
        self._demand(follows, "sums begin or go on wrongly")
        self.summing = fields["mode"] == Mode.ARRAY and not fields["last"]
        named: dict[Buffer, set[int]] = {}
        for role in roles:
            slot, words = self._slot(self.operands[role]), self._words(self.operands[role])
            pages = self._pages(slot, words)
            self._demand(pages.isdisjoint(self.dead.get(slot.buffer, ())), f"{slot.buffer.name} is named when dead")
            named.setdefault(slot.buffer, set()).update(pages)
            words = words + slot.first * self.config.page_words
            self._demand(bool(words.max() < slot.buffer.words), f"a range exceeds {slot.buffer.name}")
            if role is Role.INPUT:
                words = self._touched(fields, slot)
                self._demand(
                    bool(np.isin(words // self.config.page_words, list(pages)).all()),
                    f"a window leaves the pages that are named of {slot.buffer.name}",
                )
            if role is Role.OUTPUT:
                fresh = not self.filled[slot.buffer][words].any()
                self._demand(fresh, f"a word of {slot.buffer.name} is written twice")
                self._demand(not self.gaps[slot.buffer][words].any(), f"{slot.buffer.name} is written between blocks")
                self.filled[slot.buffer][words] = True
                self.dirty.setdefault(slot.buffer, set()).update(pages)
            else:
                known = self.filled[slot.buffer][words]
                if role is Role.WEIGHTS:
                    # Where a tile ends behind a block, what is there meets lanes less their zero point that are 0.
                    known = known | self.gaps[slot.buffer][words]
                complete = bool(known.all())
                self._demand(complete, f"{slot.buffer.name} is read before it is written")
        total = sum(len(pages) for pages in named.values())
        self._demand(total <= self.config.frames, f"a command needs {total} pages in {self.config.frames}")
        for role in roles:
            if self.operands[role]["drop"]:
                buffer = self._slot(self.operands[role]).buffer
                self._bury(buffer, range(buffer.pages(self.config.page_words)))

    def _touched(self, fields: Fields, slot: _Slot) -> Words:
        """Words of the input's buffer that a command's window reads."""
        kernel, bounds = self.registers[Opcode.KERNEL], self.registers[Opcode.BOUNDS]
        rows, columns = (
            np.unique(
                fields[start]
                + np.arange(fields[size])[:, None] * kernel[f"stride_{axis}"]
                + np.arange(kernel[f"kernel_{axis}"])[None] * kernel[f"dilation_{axis}"]
            )
            for start, size, axis in (("y", "height", "h"), ("x", "width", "w"))
        )
        if fields["lines"]:
            # The line buffer takes what lies between the taps too.
            rows, columns = (np.arange(some[0], some[-1] + 1) for some in (rows, columns))
        rows = rows[(rows >= 0) & (rows < bounds["height"])] * bounds["row_stride"]
        columns = columns[(columns >= 0) & (columns < bounds["width"])]
        blocks = np.arange(kernel["blocks"]) * bounds["block_stride"]
        base = self.operands[Role.INPUT]["offset"] + slot.first * self.config.page_words
        words: Words = (base + rows[:, None, None] + blocks[None, :, None] + columns[None, None]).reshape(-1)
        self._demand(bool((words < slot.buffer.words).all()), f"a window exceeds {slot.buffer.name}")
        return words
