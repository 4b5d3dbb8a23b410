"""Energy is events times a table: nothing is lost, nothing is counted twice, and the table is the user's."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from sim.energy import TABLE, Memories, energy, load_table
from sim.events import Events
from spec.config import CONFIGS

EDGE = CONFIGS["edge"]
#: The parts that an event is charged to.
PARTS = {
    "array_products": "array",
    "window_products": "window",
    "window_sums": "window",
    "window_maxima": "window",
    "window_averages": "window",
    "lane_products": "statistics",
    "exponentials": "statistics",
    "moments": "statistics",
    "normalized": "statistics",
    "factors": "statistics",
    "exponential_words": "statistics",
    "place_reads": "statistics",
    "place_writes": "statistics",
    "line_words": "window",
    "requantized": "post",
    "added": "post",
    "looked_up": "post",
    "table_words": "post",
    "scratchpad_reads": "scratchpad",
    "scratchpad_writes": "scratchpad",
    "translations": "page_tables",
    "sum_reads": "accumulator",
    "sum_writes": "accumulator",
    "buffer_words": "page_buffers",
    "dram_bytes": "dram",
    "program_bytes": "dram",
    "front_end_cycles": "front_end",
    "instructions": "front_end",
}


def test_every_event_costs_something_in_one_part() -> None:
    assert set(PARTS) == {field.name for field in fields(Events)}
    table = load_table()
    for name, part in PARTS.items():
        cost = energy(EDGE, Events(**{name: 1}), table)
        assert cost[part] > 0
        assert sum(cost.values()) == cost[part]
        assert energy(EDGE, Events(**{name: 1000}), table)[part] == pytest.approx(1000 * cost[part])


def test_nothing_costs_nothing() -> None:
    assert set(energy(EDGE, Events(), load_table()).values()) == {0}


def test_figures_are_those_of_the_table() -> None:
    """By hand: a byte of DRAM, a product with its sum, and a bank of 64 KiB in words of 128 bits."""
    default, table = CONFIGS["default"], load_table()
    assert energy(default, Events(dram_bytes=3, program_bytes=2), table)["dram"] == 5 * 64
    assert energy(default, Events(array_products=10), table)["array"] == pytest.approx(10 * (0.2 + 0.1))
    banks = energy(default, Events(scratchpad_reads=1, scratchpad_writes=1), table)["scratchpad"]
    assert banks == pytest.approx(8.43 + 9.31)


def test_memories_lie_on_lines_between_logarithms() -> None:
    """Sizes of the table are met; sizes between and outside follow a power law; width counts in proportion."""
    memories = Memories(64, (80.0, 8000.0, 16000.0), (1.0, 10.0, 40.0), (2.0, 20.0, 40.0))
    found = [memories.read(size // 8, 64) for size in (80, 800, 8000, 16000, 32000, 8)]
    assert found == pytest.approx([1, 10**0.5, 10, 40, 160, 10**-0.5])
    assert memories.write(100, 64) == pytest.approx(2 * 10**0.5)
    assert memories.read(10, 16) == pytest.approx(0.25)


def test_a_larger_bank_costs_more_and_leaves_the_rest() -> None:
    events = Events(**dict.fromkeys(PARTS, 1))
    small, large = (energy(CONFIGS[name], events, load_table()) for name in ("edge", "default"))
    assert small["scratchpad"] < large["scratchpad"]
    assert {name for name in small if small[name] == large[name]} >= {"array", "window", "post", "accumulator", "dram"}


@pytest.mark.parametrize(("old", "new", "sentence"), [
    ("pj = 0.2\n", "", "there is no event.int8_multiply.pj"),
    ("pj = 0.2\n", "pj = -1\n", "event.int8_multiply.pj must be a number above 0, not -1"),
    ("pj = 0.2\n", "pj = \n", "this is not TOML"),
    ("read_pj = [2.17, ", "read_pj = [", "memory must have at least two sizes, ascending, and a figure of each kind"),
    ("bytes = [8192, 65536", "bytes = [65536, 8192", "memory must have at least two sizes, ascending"),
    ("width_bits = 128", "width_bits = true", "memory.width_bits must be a number above 0, not True"),
])  # fmt: skip
def test_a_table_of_no_use_is_refused(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = TABLE.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=sentence) as refused:
        load_table(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_table_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^none.toml: there is no such file$"):
        load_table(Path("none.toml"))
