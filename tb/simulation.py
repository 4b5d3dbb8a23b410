"""Cocotb benches run on a Verilated binary."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import find_libpython
from cocotb_tools import config

from tb.build import ROOT, last_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tb.build import Simulator

__all__ = ["BenchError", "Results", "run"]


class BenchError(AssertionError):
    """A bench failed, or not the expected number of them ran."""


@dataclass(frozen=True)
class Results:
    """What a run did.

    Parameters
    ----------
    benches
        The names of the benches that ran, all of which passed.
    seconds
        Wall time of the run, start of Python included.
    log
        Everything that was printed.
    """

    benches: tuple[str, ...]
    seconds: float
    log: str


def run(
    simulator: Simulator,
    modules: str | Sequence[str],
    *,
    seed: int = 1,
    benches: Iterable[str] = (),
    expected: int | None = None,
    plusargs: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    waves: bool = False,
) -> Results:
    """Run the cocotb benches of Python modules.

    Parameters
    ----------
    simulator
        From `build`.
    modules
        Names of importable modules, such as ``tb.test_array``.
    seed
        Seed of ``cocotb.RANDOM_SEED`` and of Python's ``random``.
    benches
        Names of the benches to run, parameters not included; empty for all.
    expected
        How many benches must run, each value of a parameter counted; at least one must in any case.
    plusargs
        Arguments for ``$value$plusargs``, each with its plus.
    environment
        Variables for the benches to read.
    folder
        Where to run, and where ``log`` and ``results.xml`` go.
    waves
        Write ``dump.vcd`` there; the simulator must have been built for it.

    Raises
    ------
    BenchError
        If a bench failed, if none or not the expected number ran, or if the simulation ended early.
    """
    names = [modules] if isinstance(modules, str) else list(modules)
    folder = folder or simulator.folder / f"{'-'.join(names)}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "results.xml"
    results.unlink(missing_ok=True)

    variables = {
        "COCOTB_TOPLEVEL": simulator.top,
        "COCOTB_TEST_MODULES": ",".join(names),
        "COCOTB_RESULTS_FILE": str(results),
        "COCOTB_RANDOM_SEED": str(seed),
        # Lets cocotb drive the clock natively: five times the speed while nothing in Python wakes.
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{find_libpython.find_libpython()};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        **(environment or {}),
    }
    if wanted := "|".join(map(re.escape, benches)):
        variables["COCOTB_TEST_FILTER"] = rf"\.({wanted})(/|$)"
    command = [str(simulator.folder / simulator.top), *["--trace"] * waves, *plusargs]
    began = time.monotonic()
    # Standard error is merged, so that a failed assertion of the hardware stands beside what the bench printed.
    ended = subprocess.run(  # noqa: S603
        command, cwd=folder, env={**os.environ, **variables}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    seconds = time.monotonic() - began
    (folder / "log").write_text(ended.stdout)
    repeat = f"repeat: seed {seed}, {folder / 'log'}\n{last_words(ended.stdout)}"

    if not results.exists():
        raise BenchError(f"{', '.join(names)} ended early, with status {ended.returncode}; {repeat}")
    cases = ET.parse(results).getroot().findall("testsuite/testcase")  # noqa: S314
    ran = tuple(case.get("name", "") for case in cases if case.find("skipped") is None)
    if failed := [(case, part) for case in cases for part in case if part.tag in {"failure", "error"}]:
        head = f"{len(failed)} of {len(ran)} benches failed, seed {seed}, {folder / 'log'}"
        # What a failed assertion says stands before it on its line.
        why = [line for line in ended.stdout.splitlines() if "%Error" in line]
        said = ((case.get("name"), part.text or part.get("message", "")) for case, part in failed[:3])
        why += [f"{name}: {last_words(text, 25)}" for name, text in said]
        raise BenchError("\n".join([head, *why]))
    if not ran or expected not in (None, len(ran)):
        raise BenchError(f"{expected or 'some'} benches must run, not {len(ran)}: {', '.join(ran)}; {repeat}")
    if ended.returncode:
        raise BenchError(f"{', '.join(names)} passed, but the simulation ended with {ended.returncode}; {repeat}")
    return Results(ran, seconds, ended.stdout)
