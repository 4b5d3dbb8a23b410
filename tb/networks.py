"""Compiled networks as jobs for the RTL: runs against the golden model in everything, outputs against onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from controller.inputs import random_inputs
from controller.quantized import as_onnx, integers_of, quantize_inputs
from controller.read import read
from controller.reference import Reference
from sim.machine import Machine
from spec.registers import Policy
from tb.agreement import difference, expected
from tb.system import Job, observe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from controller.compiler import Compiled
    from controller.graph import Graph
    from controller.inputs import Floats
    from spec.config import Config
    from spec.memory import Memory
    from tb.system import Observed

__all__ = ["MEMORY_BYTES", "Case", "check", "expected_of", "run", "under"]

#: The DRAM of all these benches and of pinfold run, so that each machine is built once.
MEMORY_BYTES = 1 << 22


@dataclass(frozen=True)
class Case:
    """An inference: its name, the program, float inputs and onnxruntime's outputs by ONNX name, the memory.

    Under a policy; after a reset, or else on what the case before left.
    """

    name: str
    compiled: Compiled
    inputs: dict[str, np.ndarray]
    reference: dict[str, np.ndarray]
    memory: Memory
    policy: Policy = Policy.NONE
    reset: bool = True

    @property
    def job(self) -> Job:
        """What the RTL is to do."""
        compiled = self.compiled
        dram = compiled.load(quantize_inputs(compiled.graph, self.inputs)).tobytes()
        program = compiled.program
        return Job(
            image=dram.ljust(compiled.program_address, b"\0") + program, program_address=compiled.program_address,
            program_length=int.from_bytes(program[12:16], "little"), read_window=(0, len(dram)),
            write_window=(0, len(dram)), dump_bytes=compiled.program_address + len(program), memory=self.memory,
            policy=self.policy, reset=self.reset,
        )  # fmt: skip


def expected_of(path: Path, seed: int) -> tuple[Graph, Floats, dict[str, np.ndarray]]:
    """The network of a file, random inputs, and what onnxruntime makes of them: integers by ONNX name."""
    graph = read(path)
    inputs = random_inputs(graph, seed)
    found = Reference(path).run(inputs).values()
    return graph, inputs, {port.name: integers_of(port, one) for port, one in zip(graph.outputs, found, strict=True)}


def run(config: Config, cases: Sequence[Case], seed: int) -> list[Observed]:
    """All cases in one simulation, each checked; what the RTL showed of each."""
    observed, _ = observe(config, [case.job for case in cases], memory_bytes=MEMORY_BYTES, seed=seed)
    # One model for all: like the hardware it writes what an earlier run left behind a tensor in its last page.
    machine = Machine(config)
    for case, seen in zip(cases, observed, strict=True):
        check(case, seen, machine)
    return observed


def check(case: Case, seen: Observed, machine: Machine) -> None:
    """The run must be the golden model's, and its outputs onnxruntime's."""
    compiled = case.compiled
    golden, dram = expected(compiled.config, case.job, machine=machine)
    assert golden.cycles is not None, f"{case.name}: the model must finish, not stop with {golden.error.name}"
    found = difference(golden, dram, seen)
    assert found is None, f"{case.name}: {found}"
    stored = compiled.outputs(np.frombuffer(seen.dram, np.uint8))
    gaps = np.concatenate([
        (as_onnx(port, stored).astype(int) - case.reference[port.name].astype(int)).ravel()
        for port in compiled.graph.outputs
    ])  # fmt: skip
    assert not gaps.any(), f"{case.name}: {np.count_nonzero(gaps)} of {gaps.size} outputs differ"


def under(case: Case, memory: Memory) -> Case:
    """The same case with another memory."""
    return replace(case, name=f"{case.name}, {memory.profile}", memory=memory)
