"""The engine `rtl` of `pinfold run`: a compiled program on the Verilated accelerator."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spec.errors import SENTENCES
from spec.registers import Policy
from tb.build import BuildError
from tb.simulation import BenchError
from tb.system import Job, observe, simulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from spec.config import Config
    from spec.trace import Command, Transaction

__all__ = ["MEMORY_BYTES", "BenchError", "BuildError", "RtlRun", "run_rtl"]

#: DRAM of every run at full speed: one simulator of a machine serves all networks.
MEMORY_BYTES = 1 << 28


@dataclass(frozen=True)
class RtlRun:
    """What the RTL showed of a program, with DRAM afterwards, and the seconds and memory it took."""

    cycles: int
    commands: list[Command]
    transactions: list[Transaction]
    dram: np.ndarray
    build_seconds: float
    run_seconds: float
    build_peak_bytes: int
    run_peak_bytes: int


def _patience(config: Config) -> int:
    """A watchdog's time in cycles, beyond the longest command: while that has all frames nothing else can move.

    On the array it makes a pass of a whole half for each tile of weights that there is room for; as a window it has 64
    taps for each word that there is room for. One of VGG-16's first dense layer takes 117,523 cycles. Only a window of
    more taps over a map as large as the scratchpad would take longer.
    """
    words = config.frames * config.page_words
    return max(100_000, words // config.rows * config.half_rows, 64 * words)


def run_rtl(
    config: Config, program: bytes, images: Sequence[bytes], *, policy: Policy = Policy.NONE, program_address: int,
    progress: Path | None = None, short: bool = False,
) -> list[RtlRun]:  # fmt: skip
    """Run a program under the configuration's memory profile, once for each image of DRAM, in one simulation.

    Parameters
    ----------
    images
        Bytes of DRAM from page 0 on, at byte 0; they end at or below the program. Before the first run comes a reset.
    policy
        Value of the POLICY register.
    progress
        A file that is rewritten with "RUN CYCLES" now and then.
    short
        Build in a third of the time, and run at a fifth of the speed.

    Returns
    -------
    list[RtlRun]
        A run for each image. The first has what building took: the seconds, and the memory of its largest process, both
        0 where it had been built before. The seconds of running are shared out evenly.

    Raises
    ------
    BuildError
        If the tools cannot make the machine.
    BenchError
        If the machine stops with an error, or does not stop.
    """
    length = int.from_bytes(program[12:16], "little")
    jobs = [
        Job(
            image=dram.ljust(program_address, b"\0") + program, program_address=program_address,
            program_length=length, read_window=(0, len(dram)), write_window=(0, len(dram)), dump_bytes=len(dram),
            memory=config.memory, policy=policy, reset=index == 0, watchdog=_patience(config),
        )
        for index, dram in enumerate(images)
    ]  # fmt: skip
    size = max(1 << 22 if short else MEMORY_BYTES, 1 << (max(len(job.image) for job in jobs) - 1).bit_length())
    began = time.monotonic()
    optimize = 0 if short else 3
    simulator(config, size, optimize)
    build_seconds = time.monotonic() - began
    build_peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    observed, results = observe(config, jobs, memory_bytes=size, progress=progress, optimize=optimize)
    runs = []
    for index, seen in enumerate(observed):
        if not seen.finished:
            raise BenchError(f"run {index + 1} must end within {jobs[index].limit:,} cycles")
        if seen.error:
            sentence = SENTENCES[seen.error].format(address=seen.registers["ERROR_ADDRESS"])
            raise BenchError(f"run {index + 1} must finish the program: {sentence}")
        runs.append(RtlRun(
            seen.cycles, seen.commands, seen.transactions, np.frombuffer(seen.dram, np.uint8), build_seconds,
            results.seconds / len(jobs), build_peak_bytes, seen.peak_bytes,
        ))  # fmt: skip
        build_seconds, build_peak_bytes = 0.0, 0
    return runs
