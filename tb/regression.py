"""Random programs on model and RTL: what they reach, and the first that differs, with the line that repeats it.

``python -m tb.regression MACHINE COMPUTES SEED...`` runs the programs of these seeds one after the other, with a reset
before the first only, and says whether they agree; the last has about so many COMPUTEs, those before it their usual
length. ``--stall`` before it holds every channel back at random.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sim.machine import Machine
from spec.config import CONFIGS
from spec.memory import PROFILES
from spec.registers import Policy
from tb import agreement
from tb.machines import configuration, memory
from tb.programs import coverage, sample
from tb.simulation import BenchError
from tb.system import observe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.machine import Run
    from spec.config import Config
    from tb.system import Job

__all__ = ["Draw", "Report", "draws", "expected", "find", "main", "mismatch", "predict", "regress"]

COMPUTES = 12
#: Enough for any program, and little enough to give up soon.
LIMIT = 4_000_000
#: DRAM of small machines, and of named ones, whose simulators networks use too.
SMALL, LARGE = 1 << 20, 1 << 22


@dataclass(frozen=True)
class Draw:
    """A random program in a random memory.

    Parameters
    ----------
    seed
        Draws program and memory; profiles and policies take turns.
    computes
        About so many COMPUTEs. A smaller number gives a prefix of the same program; 0 the usual length.
    reset
        Whether a reset comes before it.
    stall
        Whether every channel is held back at random.
    """

    seed: int
    computes: int = 0
    reset: bool = True
    stall: bool = False

    @property
    def policy(self) -> Policy:
        """Who gives up a page; each policy meets each profile."""
        return Policy((self.seed + self.seed // len(Policy)) % len(Policy))

    @property
    def length(self) -> int:
        """COMPUTEs, about; usually twice as many under ``eager``, where operators must come back to a tensor."""
        return self.computes or COMPUTES * (1 + (self.policy is Policy.EAGER))


@dataclass(kw_only=True)
class Report:
    """What the programs of a machine did.

    Attributes
    ----------
    machine
        Its name or seed.
    programs, cycles
        How many agreed, and their cycles.
    events
        What they reached; see `tb.programs.coverage`.
    failure
        The first difference with the line that repeats it; empty if there is none.
    seconds
        Wall time of the simulation.
    """

    machine: str
    programs: int = 0
    cycles: int = 0
    events: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    seconds: float = 0.0

    def count(self, run: Run) -> None:
        """Add a run of the model that the RTL agrees with."""
        self.programs += 1
        self.cycles += run.cycles or 0
        self.events.update(coverage(run))

    def __str__(self) -> str:
        """One line."""
        reached = ", ".join(f"{name} {count}" for name, count in self.events.items())
        done = f"{self.programs} programs, {self.cycles} cycles, {self.seconds:.1f} s"
        return f"machine {self.machine}: {done}; {reached}"


def find(machine: str) -> Config:
    """The named configuration, or the random one of a seed."""
    return CONFIGS[machine] if machine in CONFIGS else configuration(int(machine))


def draws(first: int, count: int, *, stall: bool = False) -> list[Draw]:
    """Programs of consecutive seeds; every second and fourth of four runs on what the one before left.

    Under ``eager`` each runs once more, with what it has learned.
    """
    drawn = [Draw(first + i, reset=i % 4 in {0, 2}, stall=stall) for i in range(count)]
    again = [replace(one, reset=False) for one in drawn]
    pairs = zip(drawn, again, strict=True)
    return [draw for one, more in pairs for draw in ((one, more) if one.policy is Policy.EAGER else (one,))]


def regress(machine: str, drawn: Sequence[Draw]) -> Report:
    """Run programs in one simulation of ``machine``; if one fails, find out what is the least that fails."""
    report = Report(machine=machine)
    failed = _together(machine, drawn, report)
    if failed is None:
        return report
    groups: list[list[Draw]] = []
    for draw in drawn[: failed + 1]:
        if draw.reset or not groups:
            groups.append([])
        groups[-1].append(draw)
    # An assertion of the hardware ends a simulation, and does not say in which program.
    group = next((g for g in groups[-1:] + groups if mismatch(machine, g)), list(drawn[: failed + 1]))
    least = _reduced(machine, group)
    first = least[0]
    line = " ".join(str(draw.seed) for draw in least)
    report.failure = (
        f"machine {machine}: {mismatch(machine, least) or 'not repeatable'}\n"
        f"repeat: .venv/bin/python -m tb.regression {'--stall ' * first.stall}{machine} {least[-1].length} {line}"
    )
    return report


def mismatch(machine: str, drawn: Sequence[Draw]) -> str:
    """What is wrong with programs run one after the other; empty if nothing is."""
    try:
        return _first(machine, drawn, Report(machine=machine))[1]
    except BenchError as error:
        return str(error)


def _together(machine: str, drawn: Sequence[Draw], report: Report) -> int | None:
    """Run all; the number of the first that differs, or of the last if the simulation ended."""
    try:
        return _first(machine, drawn, report)[0]
    except BenchError:
        return len(drawn) - 1


def predict(machine: str, drawn: Sequence[Draw]) -> Report:
    """What the model alone says."""
    report = Report(machine=machine)
    for _, run, _ in expected(find(machine), drawn):
        report.count(run)
    return report


def expected(config: Config, drawn: Sequence[Draw]) -> list[tuple[Job, Run, bytes]]:
    """For each program its job, the model's run and DRAM."""
    # Scratchpad and sums keep their bytes from program to program, through resets too.
    model, out = Machine(config), []
    for draw in drawn:
        made = sample(config, draw.seed, computes=draw.length)
        job = agreement.job(
            made, memory(draw.seed, PROFILES[draw.seed % len(PROFILES)]), policy=draw.policy, reset=draw.reset,
            limit=LIMIT, stall_seed=draw.seed + 1 if draw.stall else None,
        )  # fmt: skip
        run, dram = agreement.expected(config, job, machine=model)
        assert not run.error, f"program {draw.seed} on machine {config.name} must run on the model"
        out.append((job, run, dram))
    return out


def _first(machine: str, drawn: Sequence[Draw], report: Report) -> tuple[int | None, str]:
    """The first program that differs, and how; what agrees goes into ``report``."""
    config, named = find(machine), machine in CONFIGS
    wanted = expected(config, drawn)
    seen, results = observe(
        config, [job for job, _, _ in wanted], memory_bytes=LARGE if named else SMALL, optimize=3 if named else 0
    )
    report.seconds += results.seconds
    for i, ((_, run, dram), observed) in enumerate(zip(wanted, seen, strict=True)):
        if found := agreement.difference(run, dram, observed, timed=not drawn[i].stall):
            return i, f"program {drawn[i].seed}: {found}"
        report.count(run)
    return None, ""


def _reduced(machine: str, group: list[Draw]) -> list[Draw]:
    """The fewest COMPUTEs of the last program alone that fail; else the shortest history before it."""
    last = group[-1]
    tries = [[replace(last, computes=n, reset=True)] for n in range(1, last.length + 1)]
    tries += [[replace(group[i], reset=True), *group[i + 1 :]] for i in range(len(group) - 2, -1, -1)]
    return next((drawn for drawn in tries if mismatch(machine, drawn)), group)


def main(arguments: list[str]) -> int:
    """Run the programs of a line; 1 if they differ."""
    stall = "--stall" in arguments
    machine, computes, *seeds = [word for word in arguments if word != "--stall"]
    drawn = [Draw(int(seed), reset=i == 0, stall=stall) for i, seed in enumerate(seeds)]
    drawn[-1] = replace(drawn[-1], computes=int(computes))
    found = mismatch(machine, drawn)
    print(found or "model and RTL agree")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
