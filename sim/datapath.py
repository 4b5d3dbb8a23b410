"""What every command does to the data: DRAM, frames, sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.array import array_sums
from sim.average import average_windows
from sim.depthwise import reduce_windows
from sim.errors import MachineError
from sim.linebuffer import line_windows
from sim.lookup import replace
from sim.multiply import multiply
from sim.normalize import normalize
from sim.requantize import add_residual, requantize
from sim.scratchpad import Scratchpad
from sim.statistics import blank, measure, numbers
from sim.stream import window_addresses
from sim.weights import tile_addresses, tiles
from spec.errors import Error
from spec.isa import SCALE, Mode, Queue, Statistic
from spec.timing import CONSTANTS_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from sim.commands import Command
    from spec.config import Config

Window = tuple[int, int]


class State:
    """What stays in the machine from one run to the next: bytes of the scratchpad, sums, statistics; zero at first.

    Attributes
    ----------
    scratchpad
        See Scratchpad.
    sums
        int32, halves x half_rows x cols.
    places
        What is known of the channels of each pixel: half_rows of sim.statistics.PLACE.
    """

    def __init__(self, config: Config) -> None:
        self.scratchpad = Scratchpad(config)
        self.sums: NDArray[np.int32] = np.zeros((2, config.half_rows, config.cols), dtype=np.int32)
        self.places = blank(config)


class Datapath:
    """Executes commands one after the other, in program order.

    Parameters
    ----------
    config, state
        The machine and what it holds.
    dram
        uint8; changed in place.
    base
        Byte address of ``dram[0]``.
    read_window, write_window
        Base and limit of the pages that may be read and written.
    compute_outputs
        Whether data are moved at all; otherwise only the windows are checked.
    """

    def __init__(
        self, config: Config, state: State, dram: NDArray[np.uint8], *, base: int, read_window: Window,
        write_window: Window, compute_outputs: bool,
    ) -> None:  # fmt: skip
        self._config, self._scratchpad, self._sums = config, state.scratchpad, state.sums
        self._known = state.places
        self._dram, self._base, self._compute = dram, base, compute_outputs
        self._read_window, self._write_window = read_window, write_window
        self._address_width = (config.virtual_pages * config.page_words).bit_length() - 1
        #: Page between READ and PLACE, between TAKE and WRITE; tiles between WEIGHTS and ARRAY.
        self._filled = self._taken = np.zeros((0, config.rows), dtype=np.int8)
        self._tiles = np.zeros((0, config.rows, config.cols), dtype=np.int16)
        self._engines: dict[Queue, Callable[[Mapping[str, int]], None]] = {
            Queue.READ: self._read,
            Queue.PLACE: self._place,
            Queue.WEIGHTS: self._weights,
            Queue.ARRAY: self._array,
            Queue.POST: self._post,
            Queue.TAKE: self._take,
            Queue.WRITE: self._write,
        }

    def execute(self, command: Command) -> None:
        """Execute ``command``.

        Raises
        ------
        MachineError
            If a READ or a WRITE lies outside its window.
        """
        if command.queue == Queue.READ:
            self._inside(command.work["address"], self._read_window, Error.READ_OUT_OF_WINDOW)
        elif command.queue == Queue.WRITE:
            self._inside(command.work["address"], self._write_window, Error.WRITE_OUT_OF_WINDOW)
        if self._compute:
            self._engines[command.queue](command.work)

    def _inside(self, address: int, window: Window, error: Error) -> None:
        low, high = window
        if address < low or address + self._config.page_bytes > high:
            raise MachineError(error, address)

    def _page(self, address: int) -> NDArray[np.uint8]:
        at = address - self._base
        page = self._dram[at : at + self._config.page_bytes] if at >= 0 else self._dram[:0]
        assert len(page) == self._config.page_bytes, f"the page at {address:#x} must lie in the DRAM that was given"
        return page

    def _read(self, work: Mapping[str, int]) -> None:
        self._filled = self._page(work["address"]).view(np.int8).reshape(-1, self._config.rows).copy()

    def _place(self, work: Mapping[str, int]) -> None:
        self._scratchpad.frame(work["frame"])[:] = self._filled

    def _take(self, work: Mapping[str, int]) -> None:
        self._taken = self._scratchpad.frame(work["frame"]).copy()

    def _write(self, work: Mapping[str, int]) -> None:
        self._page(work["address"])[:] = self._taken.reshape(-1).view(np.uint8)

    def _weights(self, work: Mapping[str, int]) -> None:
        words = self._scratchpad.read(tile_addresses(work))
        self._tiles = tiles(words, zero=work["other_zero"], turned=bool(work["turned"]))

    def _words(self, work: Mapping[str, int], *, taps_innermost: bool, passes: int) -> NDArray[np.int8]:
        """The window's words, padding in place: passes x pixels x rows, or pixels x taps x rows.

        Passes beyond the end of the walk start over.
        """
        addresses, padding = window_addresses(work, address_width=self._address_width, taps_innermost=taps_innermost)
        if not taps_innermost and passes != len(addresses):
            walk = np.arange(passes) % len(addresses)
            addresses, padding = addresses[walk], padding[walk]
        padded = bool(padding.any())
        if padded:
            addresses = np.where(padding, work["base"], addresses)
        words = self._scratchpad.read(addresses)
        if padded:
            words[padding] = work["pad"]
        return words

    def _array(self, work: Mapping[str, int]) -> None:
        words = self._words(work, taps_innermost=False, passes=work["tiles"])
        sums = array_sums(np.subtract(words, work["zero"], dtype=np.int16), self._tiles)
        half = self._sums[work["half"], : work["pixels"]]
        if work["first"]:
            half[:] = sums
        else:
            half += sums

    def _post(self, work: Mapping[str, int]) -> None:
        if work["mode"] == Mode.MEASURE:
            self._measure(work)
            return
        table = self._scratchpad.run(work["constants"], CONSTANTS_WORDS).reshape(-1).view("<i4").reshape(-1, 2)
        totals = self._totals(work)
        out = requantize(
            totals, table[:, 0], np.ascontiguousarray(table[:, 1]).view("<f4"),
            zero=work["zero_a"], low=work["low_a"], high=work["high_a"],
        )  # fmt: skip
        if work["residual"] and work["mode"] != Mode.MULTIPLY:
            first, second, fixed = np.array([work[f.name] for f in SCALE.fields[1:]], "<u4").view("<f4")
            out = add_residual(
                out, self._scratchpad.read(self._places(work, "addend")),
                first_ratio=first, second_ratio=second, fixed=fixed,
                zero=work["zero_b"], low=work["low_b"], high=work["high_b"],
                unsigned_a=bool(work["unsigned_a"]), unsigned_b=bool(work["unsigned_b"]), swap=bool(work["swap"]),
            )  # fmt: skip
        if work["table_words"]:
            out = replace(out, self._scratchpad.run(work["table"], work["table_words"]))
        self._scratchpad.write(self._places(work, "output"), out)

    def _totals(self, work: Mapping[str, int]) -> NDArray[np.int32]:
        """What a POST command requantizes: rows x lanes."""
        mode, pixels = Mode(work["mode"]), work["rows"]
        if mode is Mode.ARRAY:
            return self._sums[work["half"], :pixels]
        words = self._line_words(work) if work["lines"] else self._words(work, taps_innermost=True, passes=0)
        weights = self._scratchpad.run(work["weights"], work["tap_words"])
        if mode is Mode.MULTIPLY:
            others = self._scratchpad.read(self._places(work, "addend"))
            return multiply(words[:, 0], others, zero=work["zero"], other_zero=work["other_zero"])
        if mode is Mode.NORMALIZE:
            known = self._known[:pixels]
            of_lanes = numbers(known, words[:, 0], Statistic(work["statistic"]), weights)
            return normalize(of_lanes, known["mantissa"], known["shift"])
        if mode is Mode.AVERAGE:
            return average_windows(words, work["pad"], weights.reshape(-1).view("<i4"))
        return reduce_windows(words, mode, weights if mode is Mode.DEPTHWISE else None)

    def _measure(self, work: Mapping[str, int]) -> None:
        words = self._words(work, taps_innermost=True, passes=0)[:, 0]
        measure(
            self._known[: work["rows"]], words, Statistic(work["statistic"]),
            self._scratchpad.run(work["weights"], work["tap_words"]), first=bool(work["first"]),
            closing=bool(work["closing"]), lanes=work["lanes"],
        )  # fmt: skip

    def _line_words(self, work: Mapping[str, int]) -> NDArray[np.int8]:
        """The window's words by way of the line buffer: pixels x taps x rows."""
        rows, columns = work["region_height"], work["region_width"]
        raster = {
            **work, **dict.fromkeys(("kernel_h", "kernel_w", "stride_h", "stride_w"), 1),
            "out_height": rows, "out_width": columns,
        }  # fmt: skip
        words = self._words(raster, taps_innermost=True, passes=0).reshape(rows, columns, -1)
        kernel, strides = (work["kernel_h"], work["kernel_w"]), (work["stride_h"], work["stride_w"])
        return line_windows(words, kernel=kernel, strides=strides)

    @staticmethod
    def _places(work: Mapping[str, int], operand: str) -> NDArray[np.int64]:
        """Word addresses of the rows of an operand, run after run."""
        run = np.arange(work["out_width"], dtype=np.int64)
        runs = np.arange(work["out_height"], dtype=np.int64) * work[f"{operand}_stride"]
        return (work[operand] + runs[:, None] + run).reshape(-1)
