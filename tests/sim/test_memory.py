"""The profiles of DRAM against a memory that serves beat by beat, cycle by cycle."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from sim.memory import Flat, dram
from spec.memory import PROFILES, Memory
from tb.machines import memory
from tests.sim.stepper import Burst, SlowMemory

if TYPE_CHECKING:
    from collections.abc import Iterator


def traffic(rng: random.Random, bursts: int) -> list[tuple[int, str, int, int]]:
    """Stamps, directions, addresses and beats, in the order of service; a read and a write may share a stamp."""
    cycle = {"R": 1, "W": 1}
    made = []
    for _ in range(bursts):
        kind = rng.choice("RW")
        made.append((cycle[kind], kind, 64 * rng.randrange(4096), rng.choice((1, 2, 7, 16, 64))))
        cycle[kind] += rng.choice((1, 1, 2, 30, 200))
    return sorted(made, key=lambda burst: (burst[0], burst[1] == "R"))


def quick(made: list[tuple[int, str, int, int]], of: Memory) -> Iterator[int]:
    fast = dram(of)
    for stamp, kind, address, beats in made:
        yield (fast.read if kind == "R" else fast.write)(stamp, address, beats)


def slow(made: list[tuple[int, str, int, int]], of: Memory) -> list[int]:
    served = SlowMemory(of)
    done = [-1] * len(made)
    cycle = asked = 0
    while -1 in done:
        while asked < len(made) and made[asked][0] == cycle:
            stamp, kind, address, beats = made[asked]
            served.ask(Burst(kind == "W", stamp, address, beats, lambda now, i=asked: done.__setitem__(i, now)))
            asked += 1
        served.tick(cycle)
        cycle += 1
    return done


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(12))
def test_a_profile_serves_as_beats_do_one_after_the_other(profile: str, seed: int) -> None:
    made, of = traffic(random.Random(seed), 60), memory(seed, profile)
    assert list(quick(made, of)) == slow(made, of)


def test_flat_by_hand() -> None:
    """Reads and writes do not meet; beats of a direction do.

    Read asked for in 3: beats 23..26. The next, in 4, could begin in 24, but beats go on until 26: 27..30.
    Write asked for in 3: beats 4..7, response 10 cycles after the last: 17. One beat in 4: it waits for 8; response 18.
    """
    flat = Flat(Memory(read_latency=20, write_latency=10))
    assert [flat.read(3, 0, 4), flat.read(4, 0, 4), flat.write(3, 0, 4), flat.write(4, 0, 1)] == [26, 30, 17, 18]


def test_shared_by_hand() -> None:
    """Two beats in three cycles, one bus.

    Write in 3: service from 4, beats in 4, 5, 7, 8, until 4 + 6 = 10; response in 18. Read in 3: ready in 23, beats in
    23, 24, 26, 27, until 29. Write in 20: it comes after the read, beats in 29, 30, 32; response in 42.
    """
    shared = dram(Memory(profile="shared", read_latency=20, write_latency=10, rate_beats=2, rate_cycles=3))
    assert [shared.write(3, 0, 4), shared.read(3, 0, 4), shared.write(20, 0, 3)] == [18, 27, 42]


def test_ddr4_by_hand() -> None:
    """Rows of 4096 bytes in 2 banks; t_rcd 4, t_cl 4, t_cwl 3, t_rp 4, t_ras 9, t_wr 4, t_wtr 2, t_rtw 2, t_rfc 8.

    Read in 5: bank 0 is closed: activated in 5, column in 9, beats 13..16.
    Read in 6: the row is open: column in 6, data could come in 10, the bus is free in 17: beats 17..20.
    Write in 7 to bank 1: activated in 7, column in 11, data from 14; the bus turns around until 21 + 2: beats 23..26.
    Read in 30 of bank 0, another row: precharge from max(5 + 9, 20 + 1): 30; activated in 34, column 38, beats 42..45.
    Refresh is due in 100: until 108. Read in 101 of that row again: activated in 108, column 112, beats 116..119.
    """
    ddr = dram(Memory(profile="ddr4", banks=2, row_bytes=4096, write_latency=10, t_rcd=4, t_cl=4, t_cwl=3, t_rp=4,
                      t_ras=9, t_wr=4, t_wtr=2, t_rtw=2, t_refi=100, t_rfc=8))  # fmt: skip
    assert [ddr.read(5, 0, 4), ddr.read(6, 64, 4), ddr.write(7, 4096, 4), ddr.read(30, 8192, 4),
            ddr.read(101, 8192, 4)] == [16, 20, 36, 45, 119]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_more_latency_is_never_faster_under_flat(seed: int) -> None:
    made = traffic(random.Random(seed), 60)
    before = [0] * len(made)
    for latency in range(1, 40, 3):
        now = list(quick(made, Memory(read_latency=latency, write_latency=latency)))
        assert all(b <= n for b, n in zip(before, now, strict=True))
        before = now
