"""Breaks every rule of the hardware, and every term of the timing model, one at a time: programs must notice.

``python -m tb.mutants`` writes docs/data/mutants.json, from which ``make docs`` makes the tables of docs/mutants.md. A
rule that nothing notices must have a proof that nothing can, and one with a proof must not be noticed.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sim.errors import MachineError
from sim.machine import Machine
from spec import timing
from spec.config import CONFIGS
from spec.memory import PROFILES
from spec.registers import Policy
from tb import agreement, compare
from tb.machines import memory
from tb.mutation import mutated_simulator
from tb.plans import PLANS, plan
from tb.programs import sample
from tb.regression import draws
from tb.rules import RULES
from tb.simulation import BenchError
from tb.system import observe, simulator
from tb.terms import terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.machine import Run
    from spec.config import Config
    from tb.build import Simulator
    from tb.programs import Sample
    from tb.system import Job, Observed

__all__ = ["main"]

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "data" / "mutants.json"
#: The smallest machine, so scarce in frames, buffers and places in queues that everything is waited for.
MACHINE = replace(
    CONFIGS["tiny"], name="scarce", bank_bytes=256, load_buffers=2, store_buffers=2, queue_depth=2, page_queue_depth=2
)
#: The same with registers where a stage is asked for: terms of the model must be noticed on one or the other.
STAGED = replace(MACHINE, name="staged", data_stages=1, control_stages=1)
#: Random programs by seed, in three simulations; most mutants are noticed in the first. In the second every channel is
#: held back at random, so data and order are compared, not times. The last are under every policy in turn; in one of
#: the rare ones a page leaves while it is stored and comes back at once.
FIRST, STALLED, MORE, TURNS, RARE = range(6), range(18, 42), range(18, 66), range(66, 114), range(234, 238)
MEMORY_BYTES = 1 << 20
#: A program of a mutant that hangs is given up after so many cycles without progress.
PATIENCE = 5_000
WORKERS = 2
#: What a difference says beside its first line, and the sentence of a failed assertion.
_RECORD = re.compile(r" \((?:Command|Transaction)\(.*?\)\)(?=:)")
_ASSERTED = re.compile(
    r"^([^\n%]* must [^\n%]*?)(?:\[\d+\] )?%Error|Assertion failed in \S+ ([^\n:]* must [^\n:]*)", re.MULTILINE
)


class Program(NamedTuple):
    """A program, the policy it runs under, and whether a reset comes before it."""

    sample: Sample
    policy: Policy = Policy.NONE
    reset: bool = True


Expected = tuple["Job", "Run", bytes]
#: A machine, and what its RTL did in one simulation.
Recorded = tuple["Config", list[tuple["Job", "Observed"]]]


def expected(machine: Config, programs: Sequence[Program], *, stalled: bool = False) -> list[Expected]:
    """Programs, with what the model says of them; the memory's profiles take turns."""
    model, found = Machine(machine), []
    for number, one in enumerate(programs):
        job = agreement.job(
            one.sample, memory(number, PROFILES[number % len(PROFILES)]), policy=one.policy, reset=one.reset,
            limit=1_000_000, watchdog=PATIENCE, stall_seed=number + 1 if stalled else None,
        )  # fmt: skip
        found.append((job, *agreement.expected(machine, job, machine=model)))
    return found


def batches(machine: Config = MACHINE) -> list[list[Expected]]:
    """Plans and random programs, those that notice most first; the second batch is stalled."""
    planned = [Program(plan(one, machine), one.policy) for one in PLANS]
    first, stalled, more = ([Program(sample(machine, s)) for s in seeds] for seeds in (FIRST, STALLED, MORE))
    drawn = [draw for some in (TURNS, RARE) for draw in draws(some.start, len(some))]
    turns = [Program(sample(machine, draw.seed, computes=draw.length), draw.policy, draw.reset) for draw in drawn]
    return [
        expected(machine, [*planned, *first]), expected(machine, stalled, stalled=True),
        expected(machine, [*more, *turns]),
    ]  # fmt: skip


def observed(machine: Config, made: Simulator, number: int, batch: Sequence[Expected]) -> list[Observed]:
    """What the mutant of a number does; 0 is the machine as it is."""
    jobs = [job for job, _, _ in batch]
    return observe(machine, jobs, memory_bytes=MEMORY_BYTES, made=made, plusargs=[f"+mutant={number}"])[0]


def recorded(machine: Config, made: Simulator, programs: Sequence[Sequence[Expected]]) -> list[Recorded]:
    """What the RTL does, without a mutant, with programs that are not stalled."""
    return [
        (machine, [(job, seen) for (job, _, _), seen in zip(batch, observed(machine, made, 0, batch), strict=True)])
        for batch in (programs[0], programs[2])
    ]


def noticed(machine: Config, made: Simulator, number: int, programs: Sequence[Sequence[Expected]]) -> str:
    """The first difference that a mutant makes; empty if it makes none."""
    first = 0
    for batch in programs:
        try:
            seen = observed(machine, made, number, batch)
        except BenchError as error:
            asserted = _ASSERTED.search(str(error))
            return f"an assertion: {asserted[1] or asserted[2]}" if asserted else "the simulation ends early"
        for index, ((job, run, dram), one) in enumerate(zip(batch, seen, strict=True)):
            if found := agreement.difference(run, dram, one, timed=job.stall_seed is None):
                return f"program {first + index}: {_RECORD.sub('', str(found))}"
        first += len(batch)
    return ""


def mistimed(source: str, records: Sequence[Recorded]) -> str:
    """The first difference between the RTL's record and the model under another text of spec.timing."""
    exec(source, vars(timing))  # noqa: S102 (our own source, with one term larger)
    for name, module in sys.modules.items():
        if name.startswith("sim."):
            known = {word for word in vars(timing).keys() & vars(module).keys() if not word.startswith("_")}
            vars(module).update({word: vars(timing)[word] for word in known})
    models = ((Machine(config), batch) for config, batch in records)
    runs = ((model, *one) for model, batch in models for one in batch)
    for index, (model, job, seen) in enumerate(runs):
        where = f"program {index} on {model.config.name}"
        try:
            # What `eager` has learned in the simulation is known to the model too.
            run, _ = agreement.expected(model.config, job, machine=model)
        except (AssertionError, MachineError, ValueError) as error:
            return f"{where}: {error}"
        found = compare.commands(run.commands, seen.commands)
        found = found or compare.transactions(run.transactions, seen.transactions)
        if run.error or found or run.cycles != seen.cycles:
            said = run.error.name if run.error else found or f"cycles must be {seen.cycles}, not {run.cycles}"
            return f"{where}: {_RECORD.sub('', str(said))}"
    return ""


def model_mutants(records: Sequence[Recorded]) -> dict[str, str]:
    """For each term what notices it."""
    made = terms(Path(timing.__file__).read_text())
    sources = [(term.source, records) for term in made]
    with multiprocessing.get_context("fork").Pool(WORKERS, maxtasksperchild=1) as pool:
        return dict(zip([term.name for term in made], pool.starmap(mistimed, sources, chunksize=1), strict=True))


def hardware_mutants(made: Simulator, programs: Sequence[Sequence[Expected]]) -> list[str]:
    """For each rule what notices that it is broken."""
    done = 0

    def one(number: int) -> str:
        nonlocal done
        found = noticed(MACHINE, made, number, programs)
        done += 1
        print(f"{done} of {len(RULES)}: {RULES[number - 1].rule}: {found or 'nothing'}", flush=True)
        return found

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, range(1, len(RULES) + 1)))


def main() -> int:
    """Run all; 1 if one goes unnoticed without a proof, or one that has a proof is noticed."""
    made = mutated_simulator(MACHINE, RULES, MEMORY_BYTES)
    programs = batches()
    staged, staged_programs = simulator(STAGED, MEMORY_BYTES), batches(STAGED)
    if found := noticed(MACHINE, made, 0, programs) or noticed(STAGED, staged, 0, staged_programs):
        print(f"without a mutant model and RTL must agree: {found}")
        return 1
    records = [*recorded(MACHINE, made, programs), *recorded(STAGED, staged, staged_programs)]
    if found := mistimed(Path(timing.__file__).read_text(), records):
        print(f"without a mutant the model must have the cycles of the record: {found}")
        return 1
    model = model_mutants(records)
    hardware = hardware_mutants(made, programs)
    rows = {
        "model": [{"term": term, "noticed": found} for term, found in model.items()],
        "hardware": [
            {"rule": edit.rule, "file": edit.file, "noticed": found, "proof": edit.proof}
            for edit, found in zip(RULES, hardware, strict=True)
        ],
    }  # fmt: skip
    DATA.write_text(json.dumps(rows, indent=1) + "\n")
    wrong = [name for name, found in model.items() if not found]
    wrong += [row["rule"] for row in rows["hardware"] if bool(row["noticed"]) == bool(row["proof"])]
    for name in wrong:
        print(f"unnoticed without a proof, or noticed in spite of one: {name}")
    print(f"{len(model)} of the model, {len(RULES)} of the hardware; {len(wrong)} to be looked at")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
