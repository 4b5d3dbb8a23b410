"""Events are what the machine did: counted from the record of a run, they are those of the data that moved."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import sim.datapath
from sim.events import count_events
from sim.machine import Machine
from sim.scratchpad import Scratchpad
from sim.stream import window_addresses
from spec.isa import LEAST_ROWS, Mode, Queue, Statistic
from tb.machines import configuration, memory
from tb.programs import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from spec.config import Config


def taps_at_once(config: Config, kernel_h: int, kernel_w: int) -> int:
    """Taps that meet a window which no output needs: all of a small kernel, else those of the first pass."""
    if max(kernel_h, kernel_w) <= LEAST_ROWS:
        return kernel_h * kernel_w
    places = [divmod(number, max(kernel_h, LEAST_ROWS)) for number in range(config.depthwise_taps)]
    return sum(x < kernel_w and y < kernel_h for x, y in places)


def pixelwise(seen: Counter[str], listen: Callable[..., None]) -> None:
    """What is multiplied, measured and normalized."""

    def multiplied(products: NDArray[np.int32], *_: object, **__: object) -> None:
        seen["lane_products"] += products.size
        seen["undrained"] += len(products)

    def measured(_none: None, places: NDArray[np.void], words: NDArray[np.int8], kind: Statistic,
                 operand: NDArray[np.int8], *, closing: bool, **_: object) -> None:  # fmt: skip
        seen[kind.name] += words.size
        seen["exponential_words"] += len(operand) * (kind is Statistic.EXPONENTIALS)
        seen["place_reads"] += len(places)
        seen["place_writes"] += len(places) * (1 + closing)
        seen["factors"] += len(places) * closing

    def numbered(_numbers: NDArray[np.int64], places: NDArray[np.void], words: NDArray[np.int8], kind: Statistic,
                 operand: NDArray[np.int8]) -> None:  # fmt: skip
        seen[kind.name] += words.size
        seen["exponential_words"] += len(operand) * (kind is Statistic.EXPONENTIALS)
        seen["place_reads"] += len(places)
        seen["normalized"] += words.size
        seen["undrained"] += len(places)

    listen(sim.datapath, "multiply", multiplied)
    listen(sim.datapath, "measure", measured)
    listen(sim.datapath, "numbers", numbered)


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the model's data do while a run goes on: words in and out of the scratchpad, and what is computed."""
    seen: Counter[str] = Counter()

    def listen(kind: Any, name: str, note: Callable[..., None]) -> None:  # noqa: ANN401 (a module or a class)
        original = getattr(kind, name)

        def noting(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 (whatever it is called with)
            result = original(*arguments, **options)
            note(result, *arguments, **options)
            return result

        monkeypatch.setattr(kind, name, noting)

    def frame(_words: NDArray[np.int8], _pad: Scratchpad, _frame: int) -> None:
        seen["pages"] += 1
        seen["page_words"] = len(_words)

    def padding(_words: NDArray[np.int8], path: Any, work: Any, *, taps_innermost: bool, passes: int) -> None:  # noqa: ANN401
        _, padded = window_addresses(work, address_width=path._address_width, taps_innermost=taps_innermost)
        seen["padding"] += int((padded[np.arange(passes) % len(padded)] if passes else padded).sum())

    def product(_sums: NDArray[np.int32], words: NDArray[np.int8], weights: NDArray[np.int8]) -> None:
        seen["array_products"] += words.size * weights.shape[-1]
        seen["passes"] += words.shape[0] * words.shape[1]

    def window(sums: NDArray[np.int32], words: NDArray[np.int8], mode: Mode, _taps: object) -> None:
        seen[mode.name] += words.size
        seen["undrained"] += len(sums)

    def averages(bytes_: NDArray[np.int32], words: NDArray[np.int8], _pad: int, _table: object) -> None:
        seen["AVERAGE"] += words.size
        seen["undrained"] += len(bytes_)

    def unfinished(windows: NDArray[np.int8], path: Any, work: dict[str, int]) -> None:  # noqa: ANN401 (as above)
        # The lines that the kernel reaches above the newest row, in pairs.
        pairs = sum(number == 0 or work["kernel_h"] > 2 * number + 1 for number in range(3))
        seen["line_words"] += 2 * pairs * work["region_height"] * work["region_width"]
        rest = work["region_height"] * work["region_width"] - len(windows)
        once = taps_at_once(path._config, work["kernel_h"], work["kernel_w"])
        seen[Mode(work["mode"]).name] += rest * once * windows.shape[-1]

    def row(out: NDArray[np.int8], *_: object, **__: object) -> None:
        seen["requantized"] += out.size
        seen["rows"] += len(out)

    listen(Scratchpad, "read", lambda words, *_: seen.update(reads=len(words.reshape(-1, words.shape[-1]))))
    listen(Scratchpad, "write", lambda _none, _pad, addresses, _words: seen.update(writes=addresses.size))
    listen(Scratchpad, "frame", frame)
    listen(sim.datapath.Datapath, "_words", padding)
    listen(sim.datapath.Datapath, "_line_words", unfinished)
    listen(sim.datapath.Datapath, "_array", lambda _none, _path, work: seen.update(new=work["first"] * work["pixels"]))
    listen(sim.datapath, "array_sums", product)
    listen(sim.datapath, "reduce_windows", window)
    listen(sim.datapath, "average_windows", averages)
    pixelwise(seen, listen)
    listen(sim.datapath, "requantize", row)
    listen(sim.datapath, "add_residual", lambda out, *_, **__: seen.update(added=out.size))
    listen(sim.datapath, "replace", lambda out, _, table: seen.update(looked_up=out.size, table_words=len(table)))
    return seen


@pytest.mark.parametrize("seed", range(24))
def test_events_are_those_of_the_data(seed: int, moved: Counter[str]) -> None:
    """Words, products and bytes of random programs, also where a walk is cut short or starts over."""
    drawn = sample(configuration(seed), seed)
    run = Machine(drawn.config, memory(seed)).run(
        drawn.program, bytearray(drawn.image), address=drawn.program_address, length=drawn.length,
        data_base=drawn.data_base, read_window=drawn.read_window, write_window=drawn.write_window,
    )  # fmt: skip
    events = count_events(drawn.config, run)
    commands = Counter(command.queue for command in run.commands)
    pages = moved["page_words"]
    through = moved["reads"] - moved["padding"] + moved["writes"]
    assert moved["pages"] == commands[Queue.PLACE] + commands[Queue.TAKE]
    assert events.translations == through
    assert events.scratchpad_writes == moved["writes"] + commands[Queue.PLACE] * pages
    assert events.scratchpad_reads + events.scratchpad_writes == through + moved["pages"] * pages
    assert events.buffer_words == (commands[Queue.READ] + commands[Queue.TAKE]) * pages
    assert events.array_products == moved["array_products"]
    assert events.sum_writes == moved["passes"]
    assert events.sum_reads == moved["passes"] - moved["new"] + moved["rows"] - moved["undrained"]
    assert (events.window_products, events.window_sums, events.window_maxima, events.window_averages) == (
        moved["DEPTHWISE"], moved["SUM"], moved["MAX"] + moved["LARGEST"], moved["AVERAGE"],
    )  # fmt: skip
    assert (events.exponentials, events.moments) == (moved["EXPONENTIALS"], moved["MOMENTS"])
    for name in ("lane_products", "exponential_words", "place_reads", "place_writes", "normalized", "factors"):
        assert getattr(events, name) == moved[name], name
    assert events.line_words == moved["line_words"]
    assert (events.requantized, events.added) == (moved["requantized"], moved["added"])
    assert (events.looked_up, events.table_words) == (moved["looked_up"], moved["table_words"])
    bursts = sum(burst.beats for burst in run.transactions) * drawn.config.bus_bytes
    assert events.dram_bytes + events.program_bytes == bursts
    assert events.instructions == drawn.length


@pytest.mark.parametrize("seed", range(6))
def test_the_front_end_works_or_waits(seed: int) -> None:
    """Its steps take less than the run, and never less than a cycle for each instruction and each command."""
    drawn = sample(configuration(seed), seed)
    run = Machine(drawn.config, memory(seed)).run(
        drawn.program, bytearray(drawn.image), address=drawn.program_address, length=drawn.length,
        data_base=drawn.data_base, compute_outputs=False,
    )  # fmt: skip
    assert run.cycles is not None
    events = count_events(drawn.config, run)
    assert drawn.length + len(run.commands) <= events.front_end_cycles < run.cycles
