"""Runs a compiled network on the golden model and the RTL; finds the first place where two runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.peak import peak_bytes
from controller.quantized import as_onnx, evaluate, quantize_inputs
from controller.refusal import CheckError
from sim.events import count_events
from sim.machine import Machine
from spec.registers import Policy
from spec.trace import Command, Transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from controller.compiler import Compiled
    from controller.graph import Graph
    from controller.inputs import Floats
    from controller.rtl import Runner
    from sim.events import Events
    from sim.occupancy import Life


@dataclass(frozen=True)
class Difference:
    """Where two runs part: what, the first place, expected and got."""

    what: str
    where: str
    expected: object
    got: object

    def __str__(self) -> str:
        """One line."""
        return f"{self.what} differ: {self.where}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Activity:
    """What the parts of the machine did in a run: its counters, and the events that cost energy."""

    counters: Mapping[str, int]
    events: Events


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What an engine showed, and what it took.

    Parameters
    ----------
    cycles, commands, transactions, outputs
        Of one run.
    seconds, peak_bytes
        What running took: time, and the most memory that a process of it had.
    build_seconds, build_peak_bytes
        What building took; 0 where nothing is built.
    activity
        What the golden model counted; None of the RTL.
    lives
        The life of every page in its frame, if the golden model was asked for them.
    """

    cycles: int
    commands: list[Command]
    transactions: list[Transaction]
    outputs: dict[str, NDArray[Any]]
    seconds: float
    peak_bytes: int
    build_seconds: float = 0.0
    build_peak_bytes: int = 0
    activity: Activity | None = None
    lives: Sequence[Life] = ()


@dataclass(frozen=True)
class Agreement:
    """Outputs against onnxruntime's: largest difference, elements that differ, elements."""

    max_abs_diff: int
    differing: int
    elements: int

    def __add__(self, other: Agreement) -> Agreement:
        """Both together."""
        return Agreement(
            max(self.max_abs_diff, other.max_abs_diff), self.differing + other.differing, self.elements + other.elements
        )


def run_golden(
    compiled: Compiled, inputs: Floats, *, policy: Policy = Policy.NONE, machine: Machine | None = None,
    lives: bool = False,
) -> Trace:  # fmt: skip
    """One inference on the golden model; on a `machine` that has run others before, if one is given.

    With ``lives`` the trace says when which page lay in which frame.

    Raises
    ------
    CheckError
        If the machine refuses the program.
    """
    started = perf_counter()
    dram = compiled.load(quantize_inputs(compiled.graph, inputs))
    machine = machine or Machine(compiled.config)
    run = machine.run(compiled.program, dram, policy=policy, address=compiled.program_address, lives=lives)
    if run.cycles is None:
        where = f"{run.error.name} at {run.error_address:#x}"
        raise CheckError(f"{compiled.graph.name}: the golden model stops with {where}")
    seconds = perf_counter() - started
    return Trace(
        cycles=run.cycles, commands=run.commands, transactions=run.transactions, outputs=_outputs(compiled, dram),
        seconds=seconds, peak_bytes=peak_bytes(), activity=Activity(run.counters, count_events(compiled.config, run)),
        lives=run.lives,
    )  # fmt: skip


def run_rtl(
    compiled: Compiled, inputs: Sequence[Floats], runner: Runner, *, policy: Policy = Policy.NONE,
    progress: Path | None = None, short: bool = False,
) -> list[Trace]:  # fmt: skip
    """Inferences on the RTL, all in one simulation; the parameters are those of the runner."""
    images = [compiled.load(quantize_inputs(compiled.graph, one)).tobytes() for one in inputs]
    runs = runner(
        compiled.config, compiled.program, images, policy=policy, program_address=compiled.program_address,
        progress=progress, short=short,
    )  # fmt: skip
    traces = []
    for image, run in zip(images, runs, strict=True):
        after = np.frombuffer(bytes(run.dram[: len(image)]), np.uint8)
        traces.append(Trace(
            cycles=run.cycles, commands=list(run.commands), transactions=list(run.transactions),
            outputs=_outputs(compiled, after), seconds=run.run_seconds, peak_bytes=run.run_peak_bytes,
            build_seconds=run.build_seconds, build_peak_bytes=run.build_peak_bytes,
        ))  # fmt: skip
    return traces


def expected_outputs(graph: Graph, inputs: Floats) -> dict[str, NDArray[Any]]:
    """What the integers of the graph say, by ONNX output name, as ONNX has them."""
    maps = evaluate(graph, quantize_inputs(graph, inputs))
    return {port.name: as_onnx(port, maps) for port in graph.outputs}


def agreement(expected: Mapping[str, NDArray[Any]], got: Mapping[str, NDArray[Any]]) -> Agreement:
    """Outputs against onnxruntime's quantized tensors of the same shapes."""
    total = Agreement(0, 0, 0)
    for name, wanted in expected.items():
        gap = np.abs(got[name].astype(np.int64) - wanted.astype(np.int64))
        total += Agreement(int(gap.max(initial=0)), int(np.count_nonzero(gap)), gap.size)
    return total


def first_output_difference(
    expected: Mapping[str, NDArray[Any]], got: Mapping[str, NDArray[Any]], what: str = "outputs"
) -> Difference | None:
    """The first element in which outputs differ."""
    for name, wanted in expected.items():
        places = np.argwhere(wanted != got[name])
        if places.size:
            place = tuple(places[0].tolist())
            return Difference(what, f"{name}{list(place)}", int(wanted[place]), int(got[name][place]))
    return None


def first_record_difference(
    what: str, expected: Sequence[Command] | Sequence[Transaction], got: Sequence[Command] | Sequence[Transaction]
) -> Difference | None:
    """The first field in which two lists of commands or of bursts differ."""
    for index, (one, other) in enumerate(zip(expected, got, strict=False)):
        names = (Command if isinstance(one, Command) else Transaction)._fields
        for field, wanted, found in zip(names, one, other, strict=True):
            if wanted != found:
                label = f"{one.queue.name} {one.index}" if isinstance(one, Command) else f"burst {index}"
                return Difference(what, f"{label} {field}", wanted, found)
    if len(expected) != len(got):
        return Difference(what, "count", len(expected), len(got))
    return None


def _outputs(compiled: Compiled, dram: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    stored = compiled.outputs(dram)
    return {port.name: as_onnx(port, stored) for port in compiled.graph.outputs}
