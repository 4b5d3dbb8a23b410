"""Bursts for tb/memory.sv: drawn at random, and what its numbered rules say of their cycles and data."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from spec.memory import Memory

__all__ = ["BUS_BYTES", "BYTES", "Burst", "check_cycles", "check_data", "traffic"]

BYTES, BUS_BYTES = 1 << 18, 4


@dataclass
class Burst:
    """A burst to ask for, and what became of it."""

    stamp: int
    kind: str
    address: int
    data: list[int]
    beats: list[int] = field(default_factory=list)
    answer: int = -1
    responses: set[int] = field(default_factory=set)

    @property
    def order(self) -> tuple[int, bool]:
        """Writes before reads in one cycle."""
        return self.stamp, self.kind != "W"


def traffic(rng: random.Random, bursts: int, gap: int, span: int = BYTES) -> list[Burst]:
    """Random bursts, at most one of a kind in a cycle, each inside 4 KiB."""
    made, cycle = [], {"R": 1, "W": 1, "P": 1}
    for _ in range(bursts):
        kind = rng.choice("RRWWP")
        beats = rng.choice([1, 2, 3, 16, rng.randrange(1, 257)])
        page, inside = rng.randrange(span // 4096), rng.randrange(1024 - beats + 1)
        data = [rng.getrandbits(32) for _ in range(beats)]
        made.append(Burst(cycle[kind], kind, page * 4096 + inside * BUS_BYTES, data))
        cycle[kind] += 1 + (rng.randrange(gap) if rng.random() < 0.7 else 0)
    # The same cycle for a read and a write is the tie worth trying.
    made += [Burst(max(cycle.values()) + 5, kind, 4096, [1, 2, 3]) for kind in "RW"]
    return sorted(made, key=lambda burst: burst.order)


def predict(memory: Memory, bursts: list[Burst]) -> Iterator[tuple[Burst, list[int], int]]:
    """Each burst with the cycles of its beats and of its response, from the rules in memory.sv."""
    end = dict.fromkeys("RWP", 0)
    answered = refreshes = refreshed = 0
    rows: dict[int, int] = {}
    precharge: dict[int, int] = {}
    before = ""
    for burst in bursts:
        n, kind = len(burst.data), burst.kind
        queue = kind if memory.profile == "flat" or kind == "P" else "R"
        num, den = (memory.rate_cycles, memory.rate_beats) if memory.profile == "shared" and kind != "P" else (1, 1)
        if memory.profile == "ddr4" and kind != "P":
            while (refreshes + 1) * memory.t_refi <= burst.stamp:
                refreshes += 1
                refreshed = end[queue] = max(end[queue], refreshes * memory.t_refi) + memory.t_rfc
                before = ""
                rows.clear()
            row, bank = divmod(burst.address // memory.row_bytes, memory.banks)
            column = burst.stamp
            if rows.get(bank) != row:
                if bank in rows:
                    activate = max(burst.stamp, precharge[bank]) + memory.t_rp
                else:
                    activate = max(burst.stamp, refreshed)
                precharge[bank] = activate + memory.t_ras
                column = activate + memory.t_rcd
            rows[bank] = row
            bus = end[queue] + {"WR": memory.t_wtr, "RW": memory.t_rtw}.get(before + kind, 0)
            start = max(bus, column + (memory.t_cwl if kind == "W" else memory.t_cl))
            before = kind
            last = start + n - 1
            precharge[bank] = max(precharge[bank], last + (memory.t_wr if kind == "W" else 1))
        else:
            start = max(end[queue], burst.stamp + (1 if kind == "W" else memory.read_latency))
        beats = [start + k * num // den for k in range(n)]
        end[queue] = start + -(-n * num // den)
        answer = -1
        if kind == "W":
            answer = answered = max(beats[-1] + memory.write_latency, answered + 1)
        yield burst, beats, answer


def check_cycles(memory: Memory, bursts: list[Burst]) -> None:
    """The first beat or response that is not where the rules put it."""
    seed = os.environ["COCOTB_RANDOM_SEED"]
    for index, (burst, beats, answer) in enumerate(predict(memory, sorted(bursts, key=lambda b: b.order))):
        told = f"burst {index}, {burst.kind} of {len(beats)} at {burst.stamp}, seed {seed}"
        assert burst.beats == beats, f"{told}: beats {burst.beats[:4]}, must be {beats[:4]}"
        assert burst.answer == answer, f"{told}: response {burst.answer}, must be {answer}"


def check_data(bursts: list[Burst], content: bytearray) -> None:
    """Every beat in order of cycle, a write before a read that shows later; then content is what memory must hold."""
    # A beat read in cycle c left the array at the edge before c, which also took the beats written in cycle c - 1.
    beats = [
        (cycle - (burst.kind != "W"), burst.kind != "W", burst.address + k * BUS_BYTES, burst.data[k], burst.kind)
        for burst in bursts for k, cycle in enumerate(burst.beats)
    ]  # fmt: skip
    for cycle, _, address, data, kind in sorted(beats):
        if kind == "W":
            content[address : address + BUS_BYTES] = data.to_bytes(BUS_BYTES, "little")
        else:
            held = int.from_bytes(content[address : address + BUS_BYTES], "little")
            assert data == held, f"cycle {cycle}: {kind} {address:#x} gave {data:#x}, must be {held:#x}"
