"""Runs a compiled network on the golden model and the RTL; finds the first place where two runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.quantized import as_onnx, evaluate, quantize_inputs
from controller.refusal import CheckError
from sim.machine import Machine
from spec.trace import Command, Transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from controller.compiler import Compiled
    from controller.graph import Graph
    from controller.inputs import Floats
    from controller.rtl import Runner


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
class Trace:
    """What an engine showed, and the seconds it took; `build_seconds` is 0 where nothing is built."""

    cycles: int
    commands: list[Command]
    transactions: list[Transaction]
    outputs: dict[str, NDArray[Any]]
    seconds: float
    build_seconds: float = 0.0


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


def run_golden(compiled: Compiled, inputs: Floats) -> Trace:
    """One inference on the golden model.

    Raises
    ------
    CheckError
        If the machine refuses the program.
    """
    started = perf_counter()
    dram = compiled.load(quantize_inputs(compiled.graph, inputs))
    run = Machine(compiled.config).run(compiled.program, dram, address=compiled.program_address)
    if run.cycles is None:
        where = f"{run.error.name} at {run.error_address:#x}"
        raise CheckError(f"{compiled.graph.name}: the golden model stops with {where}")
    return Trace(run.cycles, run.commands, run.transactions, _outputs(compiled, dram), perf_counter() - started)


def run_rtl(
    compiled: Compiled, inputs: Sequence[Floats], runner: Runner, progress: Path | None = None
) -> list[Trace]:
    """Inferences on the RTL, all in one simulation; `progress` is rewritten with "RUN CYCLES" now and then."""
    images = [compiled.load(quantize_inputs(compiled.graph, one)).tobytes() for one in inputs]
    runs = runner(
        compiled.config, compiled.program, images, program_address=compiled.program_address, progress=progress
    )
    traces = []
    for image, run in zip(images, runs, strict=True):
        after = np.frombuffer(bytes(run.dram[: len(image)]), np.uint8)
        traces.append(Trace(
            run.cycles, list(run.commands), list(run.transactions), _outputs(compiled, after), run.run_seconds,
            run.build_seconds,
        ))  # fmt: skip
    return traces


def expected_outputs(graph: Graph, inputs: Floats) -> dict[str, NDArray[Any]]:
    """What the integers of the graph say, by ONNX output name, as ONNX has them."""
    maps = evaluate(graph, quantize_inputs(graph, inputs))
    return {port.name: as_onnx(port, maps[port.tensor.name]) for port in graph.outputs}


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
    return {port.name: as_onnx(port, stored[port.name]) for port in compiled.graph.outputs}
