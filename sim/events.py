"""How often each part of the machine did what: the events that cost energy, counted from a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sim.steps import Push, Spend, Take
from spec.isa import LEAST_ROWS, Mode, Queue, Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.machine import Run
    from spec.config import Config


@dataclass(frozen=True, kw_only=True)
class Events:
    """Counts of a run that ended. A word is ``rows`` lanes, a row is ``cols`` sums.

    Attributes
    ----------
    array_products
        Products of the array: every processing element in every slot of a pass, padding and empty lanes too.
    window_products, window_sums, window_maxima, window_averages
        Lanes that the window engine multiplied and added, added, compared, scaled and added in float32; padding too.
        Through the line buffer every word brings a window; of large kernels only the first pass if no output needs it.
    lane_products, exponentials, moments, normalized, factors
        Lanes multiplied with lanes; lanes whose exponential was looked up; lanes that were squared and added, or less
        the mean; lanes multiplied by their pixel's factor, two bits of it at a time; factors that were found.
    exponential_words, place_reads, place_writes
        Words of exponentials that every lane wrote into its copy; accesses to what is known of pixels.
    line_words
        Words read from the line buffer's memory; as many are written.
    requantized, added
        Lanes that became an activation, and of those the ones with a residual added.
    looked_up, table_words
        Activations replaced by a table's entries, and words of tables that every lane wrote into its copy.
    scratchpad_reads, scratchpad_writes
        Words. Padding reads none.
    translations
        Accesses that went through a page table: those of the array, its weights, and post-processing.
    sum_reads, sum_writes
        Rows of the accumulator.
    buffer_words
        Words of pages on their way between DRAM and banks: each is written to a page buffer once, and read once.
    dram_bytes, program_bytes
        Bytes of the data port and of the program port.
    front_end_cycles
        Cycles in which the front end did something: its steps, without what it waited for.
    instructions
        Instructions taken.
    """

    array_products: int = 0
    window_products: int = 0
    window_sums: int = 0
    window_maxima: int = 0
    window_averages: int = 0
    lane_products: int = 0
    exponentials: int = 0
    moments: int = 0
    normalized: int = 0
    factors: int = 0
    exponential_words: int = 0
    place_reads: int = 0
    place_writes: int = 0
    line_words: int = 0
    requantized: int = 0
    added: int = 0
    looked_up: int = 0
    table_words: int = 0
    scratchpad_reads: int = 0
    scratchpad_writes: int = 0
    translations: int = 0
    sum_reads: int = 0
    sum_writes: int = 0
    buffer_words: int = 0
    dram_bytes: int = 0
    program_bytes: int = 0
    front_end_cycles: int = 0
    instructions: int = 0


def count_events(config: Config, run: Run) -> Events:
    """Count what a run did, from its steps and its bursts."""
    found: Counter[str] = Counter()
    for step in run.steps:
        if isinstance(step, Push):
            _COUNTS[step.command.queue](config, step.command.work, found)
        found["front_end_cycles"] += step.cycles if isinstance(step, Spend) else 1
        found["instructions"] += isinstance(step, Take)
    for burst in run.transactions:
        found["program_bytes" if burst.kind == "P" else "dram_bytes"] += burst.beats * config.bus_bytes
    return Events(**found)


def _read(config: Config, work: Mapping[str, int], found: Counter[str]) -> None:  # noqa: ARG001 (as the others)
    found["buffer_words"] += config.page_words


def _place(config: Config, work: Mapping[str, int], found: Counter[str]) -> None:  # noqa: ARG001 (same)
    found["scratchpad_writes"] += config.page_words


def _take(config: Config, work: Mapping[str, int], found: Counter[str]) -> None:  # noqa: ARG001 (same)
    found["scratchpad_reads"] += config.page_words
    found["buffer_words"] += config.page_words


def _write(config: Config, work: Mapping[str, int], found: Counter[str]) -> None:
    """Counted with the bursts and with TAKE."""


def _weights(config: Config, work: Mapping[str, int], found: Counter[str]) -> None:
    _access(found, reads=work["tiles"] * config.rows)


def _array(config: Config, work: Mapping[str, int], found: Counter[str]) -> None:
    passes, pixels = work["tiles"], work["pixels"]
    _access(found, reads=_words_read(_shape(work), work["blocks"], passes))
    found["array_products"] += passes * pixels * config.rows * config.cols
    # The first pass of new sums writes them without a look at what was there.
    found["sum_reads"] += (passes - work["first"]) * pixels
    found["sum_writes"] += passes * pixels


def _post(config: Config, work: Mapping[str, int], found: Counter[str]) -> None:
    rows, lanes = work["rows"], work["rows"] * config.cols
    mode, taps = Mode(work["mode"]), work["kernel_h"] * work["kernel_w"]
    measuring = mode is Mode.MEASURE
    reads = work["constants_words"] + work["table_words"] + work["tap_words"] + rows * work["residual"]
    if mode is Mode.ARRAY:
        found["sum_reads"] += rows
    else:
        windows, once = rows, taps
        if work["lines"]:
            windows = work["slots"]
            if max(work["kernel_h"], work["kernel_w"]) > LEAST_ROWS:
                once = _first_pass(config, work["kernel_h"], work["kernel_w"])
            reads += _words_read(_raster(work), 1, 1)
            # Lines lie in pairs, of which those above the kernel's rows rest.
            found["line_words"] += windows * 2 * (max(work["kernel_h"], LEAST_ROWS) // 2)
        else:
            reads += _words_read(_shape(work), 1, taps)
        if mode in (Mode.MEASURE, Mode.NORMALIZE):
            _statistic(work, lanes, found)
        else:
            found[_LANES[mode]] += (rows * taps + (windows - rows) * once) * config.cols
    _access(found, reads=reads, writes=rows * (not measuring))
    found["requantized"] += lanes * (not measuring)
    found["added"] += lanes * (work["residual"] and mode is not Mode.MULTIPLY)
    found["looked_up"] += lanes * (work["table_words"] > 0)
    found["table_words"] += work["table_words"]


def _first_pass(config: Config, kernel_h: int, kernel_w: int) -> int:
    """Taps of a large kernel that a lane takes at once: the newest columns, whole ones and a part of one."""
    whole, part = divmod(config.depthwise_taps, max(kernel_h, LEAST_ROWS))
    return min(whole, kernel_w) * kernel_h + (whole < kernel_w) * min(part, kernel_h)


def _statistic(work: Mapping[str, int], lanes: int, found: Counter[str]) -> None:
    """Lanes of a MEASURE or NORMALIZE."""
    kind, measuring = Statistic(work["statistic"]), work["mode"] == Mode.MEASURE
    found[_KINDS[kind]] += lanes
    found["exponential_words"] += work["tap_words"] * (kind is Statistic.EXPONENTIALS)
    found["normalized"] += lanes * (not measuring)
    found["place_reads"] += work["rows"]
    found["place_writes"] += work["rows"] * (measuring + work["closing"] * measuring)
    found["factors"] += work["rows"] * work["closing"] * measuring


_KINDS = {
    Statistic.LARGEST: "window_maxima", Statistic.EXPONENTIALS: "exponentials", Statistic.MOMENTS: "moments",
}  # fmt: skip
_LANES = {
    Mode.DEPTHWISE: "window_products", Mode.SUM: "window_sums", Mode.MAX: "window_maxima",
    Mode.AVERAGE: "window_averages", Mode.MULTIPLY: "lane_products",
}  # fmt: skip
_COUNTS = {
    Queue.READ: _read, Queue.PLACE: _place, Queue.WEIGHTS: _weights, Queue.ARRAY: _array, Queue.POST: _post,
    Queue.TAKE: _take, Queue.WRITE: _write,
}  # fmt: skip


def _access(found: Counter[str], *, reads: int, writes: int = 0) -> None:
    """Words through a page table."""
    found["scratchpad_reads"] += reads
    found["scratchpad_writes"] += writes
    found["translations"] += reads + writes


#: For rows, then for columns: the first tap of the first output, outputs, their stride, taps, their dilation, inputs.
_Axis = tuple[int, int, int, int, int, int]


def _shape(work: Mapping[str, int]) -> tuple[_Axis, _Axis]:
    rows = (work["y"], work["out_height"], work["stride_h"], work["kernel_h"], work["dilation_h"], work["height"])
    columns = (work["x"], work["out_width"], work["stride_w"], work["kernel_w"], work["dilation_w"], work["width"])
    return rows, columns


def _raster(work: Mapping[str, int]) -> tuple[_Axis, _Axis]:
    """The shape of a region that goes through the line buffer: a kernel of one tap."""
    return (
        (work["y"], work["region_height"], 1, 1, 1, work["height"]),
        (work["x"], work["region_width"], 1, 1, 1, work["width"]),
    )


@lru_cache(maxsize=4096)
def _words_read(shape: tuple[_Axis, _Axis], blocks: int, passes: int) -> int:
    """Words that are not padding in so many passes of a window's walk; it starts over at its end."""
    rows, columns = (_inside(axis) for axis in shape)
    taps = [row * column * blocks for row in rows for column in columns]
    walks, left = divmod(passes, len(taps) * blocks)
    whole, part = divmod(left, blocks)
    return walks * sum(taps) + sum(taps[:whole]) + (taps[whole] // blocks * part if part else 0)


def _inside(axis: _Axis) -> list[int]:
    """For each tap, the outputs for which it meets an input."""
    first, outputs, stride, taps, dilation, inputs = axis
    return [
        sum(0 <= first + output * stride + tap * dilation < inputs for output in range(outputs)) for tap in range(taps)
    ]
