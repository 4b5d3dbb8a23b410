"""What programs and benches reach of the emitted hardware: lines, branches and toggles of each unit.

``python -m docs.reached`` runs programs as the soak tests draw them, plans, and benches of what is refused, on
simulators that count, and writes docs/data/reached.json, from which ``make docs`` makes tables of docs/coverage.md.
Model and RTL are compared as everywhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from amaranth.hdl import Fragment

from hw.top import Top
from sim.machine import Machine
from spec.config import CONFIGS
from tb import agreement
from tb.build import generated
from tb.machines import memory
from tb.mutants import MACHINE
from tb.plans import PLANS, plan
from tb.points import KINDS, merged
from tb.regression import LARGE, draws, expected
from tb.system import COVERED, observe, simulator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spec.config import Config
    from tb.points import Point

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data" / "reached.json"
MACHINES = (CONFIGS["tiny"], MACHINE)
#: Random programs on each machine, every policy in turn; then as many while every channel is held back at random.
TIMED, STALLED = 120, 30
#: Benches of `tiny`: what is refused, and by whom; errors, resets, a host that meddles.
BENCHES = ("tb/test_core.py", "tb/test_faults.py", "tb/test_damage.py::test_a_host_that_meddles_changes_nothing")


def units(config: Config) -> dict[str, str]:
    """The module of hw that each module of the emitted Verilog is made from; without the number behind its name."""
    found: dict[str, str] = {}

    def walk(fragment: Fragment, name: str) -> None:
        found[name] = type(fragment.origins[0]).__module__ if fragment.origins else ""
        for part, inner, *_ in fragment.subfragments:
            walk(part, f"{name}.{inner}")

    walk(Fragment.get(Top(config=config), None), "pinfold")
    return found


def agree(config: Config) -> None:
    """Run plans and random programs on the RTL, and demand that it does what the model says."""
    model = Machine(config)
    jobs = [agreement.job(plan(one, config), memory(i), policy=one.policy) for i, one in enumerate(PLANS)]
    planned = [(job, *agreement.expected(config, job, machine=model)) for job in jobs]
    drawn = expected(config, [*draws(0, TIMED), *draws(TIMED, STALLED, stall=True)])
    for batch in (planned, drawn):
        seen, _ = observe(config, [job for job, _, _ in batch], memory_bytes=LARGE)
        for number, ((job, run, dram), one) in enumerate(zip(batch, seen, strict=True)):
            found = agreement.difference(run, dram, one, timed=job.stall_seed is None)
            assert found is None, f"program {number} on {config.name}: {found}"


def refuse() -> None:
    """Run the benches, which use the same simulator of `tiny`."""
    subprocess.run([sys.executable, "-m", "pytest", "-q", *BENCHES], cwd=ROOT, check=True)  # noqa: S603 (ours)


def counted(config: Config, points: Counter[Point], lines: list[str]) -> dict[str, dict[str, object]]:
    """For each unit how many of its points were reached, of how many, and which were not."""
    made = units(config)
    reached: dict[str, dict[str, list[int]]] = defaultdict(lambda: {kind: [0, 0] for kind in KINDS})
    missed: dict[str, list[Point]] = defaultdict(list)
    for point, count in points.items():
        unit = made[re.sub(r"\$\d+$", "", point.module)]
        reached[unit][point.kind][0] += count > 0
        reached[unit][point.kind][1] += 1
        if not count:
            missed[unit].append(point)
    return {unit: {**reached[unit], "missed": sentences(missed[unit], lines)} for unit in sorted(reached)}


def sentences(points: Iterable[Point], lines: list[str]) -> list[str]:
    """Points that were not reached: statements of Verilog, and ranges of bits of registers."""
    found: list[str] = []
    bits: dict[str, set[int]] = defaultdict(set)
    for point in sorted(points):
        module = point.module.removeprefix("pinfold.")
        if point.kind == "toggle":
            name, bit = re.fullmatch(r"(.*?)(?:\[(\d+)\])?:.*", point.what).groups()
            bits[f"{module} {name}"].add(int(bit or 0))
        else:
            found.append(f"{module} {point.kind} {point.what.split()[0]}: {lines[point.line - 1].strip()}")
    return found + [f"{name}[{ranges(some)}]" for name, some in bits.items()]


def ranges(bits: Iterable[int]) -> str:
    """Numbers, runs of them as 'last:first'."""
    runs = [[bit for _, bit in run] for _, run in groupby(enumerate(sorted(bits)), lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[-1]}:{run[0]}" if len(run) > 1 else str(run[0]) for run in runs)


def main() -> int:
    """Run everything and write what was reached."""
    folder = generated() / "reached"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[COVERED] = str(folder)
    made = {config.name: simulator(config, LARGE) for config in MACHINES}
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(refuse), *(pool.submit(agree, config) for config in MACHINES)]:
            future.result()
    found = {}
    for config in MACHINES:
        simulated = made[config.name].folder
        points = merged("system.v", folder.glob(f"{simulated.name}-*.dat"))
        found[config.name] = counted(config, points, (simulated / "system.v").read_text().splitlines())
    DATA.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
