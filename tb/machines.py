"""Random small configurations and memories, for random programs."""

from __future__ import annotations

import random
from dataclasses import replace

from spec.config import Config
from spec.memory import PROFILES, Memory

__all__ = ["configuration", "memory"]


def configuration(seed: int) -> Config:
    """A machine so small that everything is scarce; the same for the same seed.

    Of every eight one after the other, one has pages of several bursts, one leaves out the units for tokens, and the
    others hold the smallest and the largest array and number of banks, and every width of the bus.
    """
    rng = random.Random(f"configuration {seed}")
    turn = seed % 8
    rows = {0: 2, 5: 16, 7: 8}.get(turn) or rng.choice((2, 4, 4, 8))
    bus = {2: 16, 3: 8, 7: 4}.get(turn) or rng.choice((4, 4, 8, 16))
    page = 2048 if turn == 7 else max(64, 4 * max(rows, bus)) * rng.choice((1, 1, 2))
    banks = {1: 2, 6: 16}.get(turn) or rng.choice((2, 4, 4, 8))
    frames = max(banks * 2, rows * 2, rng.choice((8, 16, 16, 32)))
    fetch = rng.choice((8, 16, 32, 64))
    return Config(
        name=f"random{seed}",
        rows=rows,
        cols=rows,
        banks=banks,
        bank_bytes=page * (frames // banks),
        page_bytes=page,
        accumulator_rows=rng.choice((16, 32, 64)),
        bus_bytes=bus,
        slots=rng.choice((8, 8, 16)),
        virtual_pages=max(256, frames * 16),
        load_buffers=rng.choice((2, 2, 4)),
        store_buffers=rng.choice((2, 2, 4)),
        queue_depth=rng.choice((2, 2, 4)),
        page_queue_depth=rng.choice((2, 2, 4, 16)),
        fetch_instructions=fetch,
        fetch_burst=rng.choice([b for b in (2, 4, 8) if 2 * b <= fetch]),
        window_taps=rng.choice((9, 25, 49)),
        line_columns=rng.choice((4, 8, 16)),
        depthwise_taps=rng.choice((3, 9)),
        line_kernel=rng.choice((3, 5, 5, 7)),
        data_stages=rng.choice((0, 1)) if rows >= 4 else 0,
        control_stages=rng.choice((0, 1)),
        omit_tokens=int(turn == 3),
    )


def memory(seed: int, profile: str | None = None) -> Memory:
    """A memory with random timing, of the given or a random profile."""
    rng = random.Random(f"memory {seed}")
    profile = profile or rng.choice(PROFILES)
    cycles = rng.randint(1, 4)
    refresh = rng.choice((16, 64))
    base = Memory(profile=profile, read_latency=rng.randint(1, 40), write_latency=rng.randint(1, 30))
    if profile == "shared":
        return replace(base, rate_beats=rng.randint(1, cycles), rate_cycles=cycles)
    if profile == "ddr4":
        return replace(
            base, banks=rng.choice((1, 2, 4)), row_bytes=4096, t_cl=rng.randint(1, 9), t_cwl=rng.randint(1, 9),
            t_rcd=rng.randint(1, 9), t_rp=rng.randint(1, 9), t_ras=rng.randint(1, 20), t_wr=rng.randint(1, 9),
            t_wtr=rng.randint(1, 9), t_rtw=rng.randint(1, 9), t_rfc=refresh, t_refi=rng.choice((2, 7, 30)) * refresh,
        )  # fmt: skip
    return base
