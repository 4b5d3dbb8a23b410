"""The way of one activation through a run of the golden model: where each command finds it and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from controller.layout import positions
from sim.array import array_sums
from sim.datapath import Datapath, State
from sim.frontend import FrontEnd
from sim.machine import EVERYWHERE
from sim.stream import window_addresses
from sim.weights import tile_addresses, tiles
from spec.isa import Queue
from spec.timing import CONSTANTS_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.compiler import Compiled
    from sim.commands import Command


@dataclass(frozen=True)
class Place:
    """Where a byte is kept in DRAM and, by way of its page, in the scratchpad."""

    word: int
    lane: int
    page: int
    address: int


@dataclass(frozen=True)
class Multiplication:
    """What the array does with an activation for one output.

    Parameters
    ----------
    tap
        The pass in which it enters.
    activation, weight
        What one processing element multiplies.
    before, after
        The sum without this pass, and with it; both have the passes before it.
    total
        The sum of all passes.
    """

    tap: int
    activation: int
    weight: int
    before: int
    after: int
    total: int


@dataclass(frozen=True)
class Requantization:
    """The numbers of one lane of a POST command, in order of use."""

    bias: int
    scale: np.float32
    scaled: np.float32
    rounded: int
    zero: int
    byte: int


@dataclass(frozen=True)
class Moment:
    """A command as it was pushed, and the page table of that time: a frame for each virtual page."""

    command: Command
    table: NDArray[np.int32]


def place_of(compiled: Compiled, tensor: str, row: int, column: int, channel: int) -> Place:
    """Where image 0's (row, column, channel) of a feature map lies, as controller.layout says."""
    view, config = compiled.views[tensor], compiled.config
    block, lane = divmod(int(positions(view.lanes, config.rows)[channel]), config.rows)
    word = view.word(0, row, block, column)
    page = compiled.placement.pages[view.blocks[block].buffer] + word // config.page_words
    return Place(word, lane, page, page * config.page_bytes + word % config.page_words * config.rows + lane)


class Journey:
    """A run, command by command, in program order.

    Parameters
    ----------
    compiled
        The network.
    dram
        Its DRAM with inputs in place; as after the run when this is made.
    """

    def __init__(self, compiled: Compiled, dram: NDArray[np.uint8]) -> None:
        self.config = compiled.config
        self.moments: list[Moment] = []
        self._multiplied: dict[int, tuple[NDArray[np.int16], NDArray[np.int16]]] = {}
        self._tables: dict[int, NDArray[np.int32]] = {}
        self._written: dict[int, NDArray[np.int8]] = {}
        self._state = State(self.config)
        datapath = Datapath(
            self.config, self._state, dram, base=0, read_window=EVERYWHERE, write_window=EVERYWHERE,
            compute_outputs=True,
        )  # fmt: skip
        weights: Command | None = None

        def execute(command: Command) -> None:
            nonlocal weights
            self.moments.append(Moment(command, self._state.scratchpad.table.copy()))
            work = command.work
            if command.queue is Queue.WEIGHTS:
                weights = command
            elif command.queue is Queue.ARRAY:
                assert weights is not None
                self._multiplied[command.index] = self._operands(command, weights)
            elif command.queue is Queue.POST:
                table = self._state.scratchpad.run(work["constants"], CONSTANTS_WORDS)
                self._tables[command.index] = table.reshape(-1).view("<i4").reshape(-1, 2)
            datapath.execute(command)
            if command.queue is Queue.POST:
                self._written[command.index] = self._state.scratchpad.read(_rows(command))

        front = FrontEnd(self.config, data_base=0, execute=execute)
        self._state.scratchpad.table = front.allocator.table
        front.run(compiled.program, compiled.program_address, int.from_bytes(compiled.program[12:16], "little"))

    def first(self, queue: Queue, after: Moment | None = None, **work: int) -> Moment:
        """The first command of a queue, after another one, whose work has these values."""
        start = 0 if after is None else self.moments.index(after) + 1
        return next(
            moment
            for moment in self.moments[start:]
            if moment.command.queue is queue and work.items() <= moment.command.work.items()
        )

    def last(self, queue: Queue, before: Moment, **work: int) -> Moment:
        """The last command of a queue before another one, whose work has these values."""
        return next(
            moment
            for moment in self.moments[self.moments.index(before) :: -1]
            if moment.command.queue is queue and work.items() <= moment.command.work.items()
        )

    def multiplication(self, moment: Moment, address: int, pixel: int, lane: int, column: int) -> Multiplication:
        """What an ARRAY command does with the word at a virtual address for an output pixel of its tile."""
        command = moment.command
        assert command.work["first"]
        addresses, padding = self._window(command)
        [tap] = np.flatnonzero((addresses[:, pixel] == address) & ~padding[:, pixel]).tolist()
        words, weights = self._multiplied[command.index]
        before, after, total = (
            int(array_sums(words[:end, pixel : pixel + 1], weights[:end])[0, column]) if end else 0
            for end in (tap, tap + 1, len(weights))
        )
        activation, weight = int(words[tap, pixel, lane]), int(weights[tap, lane, column])
        return Multiplication(tap, activation, weight, before, after, total)

    def requantization(self, moment: Moment, pixel: int, lane: int, total: int) -> Requantization:
        """What a POST command makes of a sum."""
        command = moment.command
        bias, bits = self._tables[command.index][lane].tolist()
        scale = np.float32(np.array(bits, np.int32).view(np.float32))
        scaled = np.float32(np.float32(total + bias) * scale)
        byte = int(self._written[command.index][pixel, lane])
        return Requantization(bias, scale, scaled, int(np.rint(scaled)), command.work["zero_a"], byte)

    def _window(self, command: Command) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        width = (self.config.virtual_pages * self.config.page_words).bit_length() - 1
        return window_addresses(command.work, address_width=width)

    def _operands(self, command: Command, weights: Command) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        addresses, padding = self._window(command)
        words = self._state.scratchpad.read(np.where(padding, command.work["base"], addresses))
        words[padding] = command.work["pad"]
        other = weights.work
        held = tiles(
            self._state.scratchpad.read(tile_addresses(other)), zero=other["other_zero"], turned=bool(other["turned"])
        )
        return np.subtract(words, command.work["zero"], dtype=np.int16), held


def _rows(command: Command) -> NDArray[np.int64]:
    """The virtual word addresses that a POST command writes, pixel after pixel."""
    work = command.work
    runs = work["output"] + np.arange(work["out_height"]) * work["output_stride"]
    return (runs[:, None] + np.arange(work["out_width"])).reshape(-1)


def pixel_of(command: Command, address: int) -> int | None:
    """Which pixel of its tile a POST command writes to a virtual word address; None if none."""
    found = np.flatnonzero(_rows(command) == address).tolist()
    return found[0] if found else None
