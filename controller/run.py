"""Runs a compiled network on the golden model and the RTL, and compares everything with everything."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.quantized import as_onnx, evaluate, quantize_inputs
from controller.refusal import ModelError
from sim.machine import Machine
from spec.trace import Command, Transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from controller.compiler import Compiled
    from controller.graph import Graph
    from controller.reference import Reference
    from controller.rtl import Runner

Floats = dict[str, "NDArray[np.float32]"]


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


def random_inputs(graph: Graph, seed: int) -> Floats:
    """Floats that quantize to every integer, ends included."""
    rng = np.random.default_rng(seed)
    inputs: Floats = {}
    for port in graph.inputs:
        integers = rng.integers(-128, 128, port.shape) - port.tensor.zero
        inputs[port.name] = integers.astype(np.float32) * np.float32(port.tensor.scale)
    return inputs


def load_inputs(path: Path) -> Floats:
    """The arrays of a .npz file.

    Raises
    ------
    ModelError
        If it is missing, broken, or holds anything but numbers.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name]) for name in arrays.files}
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file") from None
    except Exception as error:  # noqa: BLE001 (numpy raises whatever its parsers of zip, header and dtype do)
        raise ModelError(f"{path}: this is not a .npz file of numbers: {error}") from None
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise ModelError(f"{path}: array '{name}' must hold numbers, not {array.dtype}")
    return {name: array.astype(np.float32) for name, array in found.items()}


def run_golden(compiled: Compiled, inputs: Floats) -> Trace:
    """One inference on the golden model.

    Raises
    ------
    ModelError
        If the machine refuses the program.
    """
    started = perf_counter()
    dram = compiled.load(quantize_inputs(compiled.graph, inputs))
    run = Machine(compiled.config).run(compiled.program, dram, address=compiled.program_address)
    if run.cycles is None:
        raise ModelError(f"{compiled.graph.name}: the machine stops with {run.error.name} at {run.error_address:#x}")
    return Trace(run.cycles, run.commands, run.transactions, _outputs(compiled, dram), perf_counter() - started)


def run_rtl(compiled: Compiled, inputs: Floats, runner: Runner) -> Trace:
    """One inference on the RTL."""
    dram = compiled.load(quantize_inputs(compiled.graph, inputs))
    run = runner(compiled.config, compiled.program, dram.tobytes(), program_address=compiled.program_address)
    after = np.frombuffer(bytes(run.dram[: len(dram)]), np.uint8)
    return Trace(
        run.cycles, list(run.commands), list(run.transactions), _outputs(compiled, after), run.run_seconds,
        run.build_seconds,
    )  # fmt: skip


def expected_outputs(graph: Graph, inputs: Floats) -> dict[str, NDArray[Any]]:
    """What the integers of the graph say, by ONNX output name, as ONNX has them."""
    maps = evaluate(graph, quantize_inputs(graph, inputs))
    return {port.name: as_onnx(port, maps[port.tensor.name]) for port in graph.outputs}


def agreement(graph: Graph, outputs: Mapping[str, NDArray[Any]], reference: Reference, inputs: Floats) -> Agreement:
    """Outputs against onnxruntime's quantized tensors."""
    total = Agreement(0, 0, 0)
    for port, wanted in zip(graph.outputs, reference.run(inputs).values(), strict=True):
        gap = np.abs(outputs[port.name].astype(np.int64).reshape(-1) - wanted.astype(np.int64).reshape(-1))
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
