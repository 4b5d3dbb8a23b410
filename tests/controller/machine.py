"""A model compiled, checked, and run on the golden machine against the integers of its graph and onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.check import check
from controller.compiler import Compiled, compile_graph
from controller.quantized import as_onnx, evaluate, integers_of, quantize_inputs
from controller.read import read
from controller.reference import Reference, saturates
from sim.machine import Machine
from tests.controller.models import random_inputs

if TYPE_CHECKING:
    from pathlib import Path

    from spec.config import Config


def compiled_and_checked(path: Path, config: Config, batch: int | None = None) -> Compiled:
    """A sound program."""
    compiled = compile_graph(read(path, batch), config)
    check(compiled)
    return compiled


def largest_difference(compiled: Compiled, path: Path, rng: np.random.Generator, *, equal: bool = True) -> int:
    """Run random inputs; the largest difference of any output from the graph's, which must be `equal` onnxruntime's."""
    graph = compiled.graph
    inputs = random_inputs(graph, rng)
    stored = quantize_inputs(graph, inputs)
    dram = compiled.load(stored)
    run = Machine(compiled.config).run(compiled.program, dram, address=compiled.program_address, careful=True)
    assert run.cycles, (run.error, run.error_address)
    outputs, maps = compiled.outputs(dram), evaluate(graph, stored)
    wanted = {port.name: as_onnx(port, maps) for port in graph.outputs}
    if equal and not saturates():
        for port, theirs in zip(graph.outputs, Reference(path).run(inputs).values(), strict=True):
            assert np.array_equal(wanted[port.name], integers_of(port, theirs)), port.name
    gaps = [
        np.abs(as_onnx(port, outputs).astype(int) - wanted[port.name].astype(int)).max()
        for port in graph.outputs
    ]
    return int(max(gaps))
