"""What a run costs: events times a table of picojoules, part by part."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec.isa import CHANNEL_BITS, FACTOR_BITS, NUMBER_BITS
from spec.timing import exponential_words, lookup_words

if TYPE_CHECKING:
    from sim.events import Events
    from spec.config import Config

#: The table that comes with the model, and the place of its sources.
TABLE = Path(__file__).with_suffix(".toml")

_EVENTS = ("int8_multiply", "int8_add", "int32_add", "float32_multiply", "float32_add", "dram_byte")
_COUNT_BITS = 32
_INSTRUCTION_BITS = 128
#: What is known of a pixel: the largest lane, the sum of lanes, that of their exponentials or squares, the factor.
_PLACE_BITS = 8 + NUMBER_BITS + 32 + FACTOR_BITS + 5


@dataclass(frozen=True)
class Memories:
    """Picojoules of an access to memories of some sizes, in bytes ascending, all ``width`` bits wide."""

    width: int
    sizes: tuple[float, ...]
    reads: tuple[float, ...]
    writes: tuple[float, ...]

    def read(self, words: int, width: int) -> float:
        """A read of a memory of ``words`` words of ``width`` bits.

        It is taken for as many memories of the table's width as its words are wide, a fraction of one if need be.
        """
        return self._access(self.reads, words, width)

    def write(self, words: int, width: int) -> float:
        """A write, likewise."""
        return self._access(self.writes, words, width)

    def _access(self, cost: tuple[float, ...], words: int, width: int) -> float:
        size = words * self.width / 8
        # The pair of sizes around this one, or the nearest pair; a power law through both.
        at = sum(size >= known for known in self.sizes[1:-1])
        low, high = self.sizes[at], self.sizes[at + 1]
        slope = log(cost[at + 1] / cost[at]) / log(high / low)
        return cost[at] * exp(slope * log(size / low)) * width / self.width


@dataclass(frozen=True)
class Table:
    """Picojoules of each event by name, and of memories."""

    events: dict[str, float]
    memories: Memories


def load_table(path: Path = TABLE) -> Table:
    """Read a table; the form is that of sim/energy.toml.

    Raises
    ------
    ValueError
        One sentence: what is missing or of no use.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError:
        raise ValueError(f"{path}: there is no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: this is not TOML: {error}") from None
    events = {name: _number(path, f"event.{name}.pj", content) for name in _EVENTS}
    sizes, reads, writes = (_numbers(path, f"memory.{name}", content) for name in ("bytes", "read_pj", "write_pj"))
    if not 2 <= len(sizes) == len(reads) == len(writes) or list(sizes) != sorted(set(sizes)):
        raise ValueError(f"{path}: memory must have at least two sizes, ascending, and a figure of each kind for each")
    return Table(events, Memories(int(_number(path, "memory.width_bits", content)), sizes, reads, writes))


def energy(config: Config, events: Events, table: Table) -> dict[str, float]:
    """Picojoules of each part of the machine.

    A lane's exponential costs a difference, a look at its table and a sum; a moment a product and two sums; its product
    with a factor a sum for every two bits. A factor is sums bit by bit, for a sum of squares and its root, and a
    division.
    The scratchpad's memories are its banks, the accumulator's its halves; each lane of post-processing has a copy of
    the table. A front end's cycle is charged a look at the controller's directory and a change of it, whatever it did;
    an instruction one write and one read of the fetch buffer. Wires, clocks, leakage, and registers outside memories
    are not charged.
    """
    one, memories = table.events, table.memories
    word, row = 8 * config.rows, 32 * config.cols
    bank = config.bank_bytes // config.rows
    entry = 3 + (config.frames - 1).bit_length() + 3 * _COUNT_BITS
    fetch = config.fetch_instructions
    lane = one["int8_multiply"] + one["int32_add"]
    return {
        "array": events.array_products * lane,
        "window": events.window_products * lane
        + events.window_sums * one["int32_add"]
        + events.window_maxima * one["int8_add"]
        + events.window_averages * (one["float32_multiply"] + one["float32_add"])
        + events.line_words * (memories.read(config.line_columns, word) + memories.write(config.line_columns, word)),
        "statistics": events.lane_products * one["int8_multiply"]
        + events.exponentials * (one["int8_add"] + one["int32_add"] + memories.read(exponential_words(config), word))
        + events.exponential_words * config.rows * memories.write(exponential_words(config), word)
        + events.moments * (one["int8_multiply"] + 2 * one["int32_add"])
        + events.normalized * FACTOR_BITS // 2 * one["int32_add"]
        + events.factors * (CHANNEL_BITS + 3 * FACTOR_BITS) * one["int32_add"]
        + events.place_reads * memories.read(config.half_rows, _PLACE_BITS)
        + events.place_writes * memories.write(config.half_rows, _PLACE_BITS),
        "post": events.requantized * (one["int32_add"] + one["float32_multiply"])
        + events.added * 2 * (one["float32_multiply"] + one["float32_add"])
        + events.looked_up * memories.read(lookup_words(config), word)
        + events.table_words * config.rows * memories.write(lookup_words(config), word),
        "accumulator": events.sum_reads * memories.read(config.half_rows, row)
        + events.sum_writes * memories.write(config.half_rows, row),
        "scratchpad": events.scratchpad_reads * memories.read(bank, word)
        + events.scratchpad_writes * memories.write(bank, word),
        "page_buffers": events.buffer_words
        * (memories.read(config.page_words, word) + memories.write(config.page_words, word)),
        "page_tables": events.translations * memories.read(config.virtual_pages, (config.frames - 1).bit_length()),
        "front_end": events.front_end_cycles
        * (memories.read(config.virtual_pages, entry) + memories.write(config.virtual_pages, entry))
        + events.instructions * (memories.read(fetch, _INSTRUCTION_BITS) + memories.write(fetch, _INSTRUCTION_BITS)),
        "dram": (events.dram_bytes + events.program_bytes) * one["dram_byte"],
    }


def _found(path: Path, name: str, content: Any) -> Any:  # noqa: ANN401 (TOML holds anything)
    for key in name.split("."):
        if not isinstance(content, dict) or key not in content:
            raise ValueError(f"{path}: there is no {name}")
        content = content[key]
    return content


def _number(path: Path, name: str, content: Any) -> float:  # noqa: ANN401 (same)
    return _positive(path, name, _found(path, name, content))


def _numbers(path: Path, name: str, content: Any) -> tuple[float, ...]:  # noqa: ANN401 (same)
    found = _found(path, name, content)
    return tuple(_positive(path, name, one) for one in (found if isinstance(found, list) else [found]))


def _positive(path: Path, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{path}: {name} must be a number above 0, not {value}")
    return float(value)
