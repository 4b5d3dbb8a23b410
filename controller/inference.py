"""Inferences on the engines asked for, and every check of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.nodewise import first_node_difference
from controller.quantized import integers_of
from controller.reference import saturates
from controller.run import (
    Difference,
    agreement,
    expected_outputs,
    first_output_difference,
    first_record_difference,
    run_golden,
    run_rtl,
)
from sim.machine import Machine
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from controller.compiler import Compiled
    from controller.display import Display
    from controller.graph import Graph
    from controller.inputs import Floats
    from controller.reference import Reference
    from controller.rtl import Runner
    from controller.run import Agreement, Trace

#: Cycles below which building the simulator sooner pays for running it slower.
SHORT = 1_000_000


@dataclass(frozen=True)
class Inference:
    """What one inference showed.

    Parameters
    ----------
    golden, rtl
        None where the engine did not run.
    reference
        The outputs against onnxruntime's.
    classes
        For a classifier, by engine: the class of each image of the batch; None for other networks.
    wrong
        How the outputs differ from what they must be.
    checked
        What had to be onnxruntime's: "outputs", every element of them, or "nodes", each from onnxruntime's own
        operands; None where onnxruntime is not exact on this processor.
    """

    golden: Trace | None
    rtl: Trace | None
    reference: Agreement
    classes: Mapping[str, list[int]] | None
    wrong: tuple[Difference, ...]
    checked: str | None = None

    @property
    def ran(self) -> Trace:
        """The RTL's trace if there is one, else the golden model's."""
        trace = self.rtl or self.golden
        assert trace is not None
        return trace

    @property
    def differences(self) -> list[Difference]:
        """Every check that failed, the first first."""
        return [*filter(None, self.between().values()), *self.wrong]

    def between(self) -> dict[str, Difference | None]:
        """The first difference of golden model and RTL in each respect; nothing if one of them did not run."""
        one, other = self.golden, self.rtl
        if one is None or other is None:
            return {}
        late = one.cycles != other.cycles
        return {
            "outputs": first_output_difference(one.outputs, other.outputs),
            "cycles": Difference("cycles", "the whole run", one.cycles, other.cycles) if late else None,
            "commands": first_record_difference("commands", one.commands, other.commands),
            "transactions": first_record_difference("transactions", one.transactions, other.transactions),
        }


def infer(
    compiled: Compiled, inputs: Sequence[Floats], reference: Reference, *, golden: bool, runner: Runner | None,
    display: Display, policy: Policy = Policy.NONE, lives: bool = False,
) -> list[Inference]:  # fmt: skip
    """Run inferences: on the golden model, if asked for, then on the RTL, if there is a runner.

    Each engine runs them one after the other without a reset, so that a policy that learns is cold in the first only.
    The outputs are compared with the integers of the graph and with onnxruntime; that is a check only where onnxruntime
    is exact on this processor. Where not all integers of the graph are onnxruntime's, and outputs differ, each node is
    compared by itself. With ``lives`` the golden model's first trace has them.
    """
    first: list[Trace | None] = [None] * len(inputs)
    second: list[Trace | None] = [None] * len(inputs)
    if golden:
        machine = Machine(compiled.config)
        for index, one in enumerate(inputs):
            display.say(f"golden model, inference {index + 1} of {len(inputs)}")
            first[index] = run_golden(compiled, one, policy=policy, machine=machine, lives=lives and index == 0)
    if runner:
        cycles = [None if trace is None else trace.cycles for trace in first]
        short = golden and sum(one or 0 for one in cycles) < SHORT
        with display.watch(cycles) as progress:
            second = [*run_rtl(compiled, inputs, runner, policy=policy, progress=progress, short=short)]
    display.say("onnxruntime")
    return [
        _checked(compiled.graph, one, reference, golden, rtl)
        for one, golden, rtl in zip(inputs, first, second, strict=True)
    ]


def _checked(
    graph: Graph, inputs: Floats, reference: Reference, golden: Trace | None, rtl: Trace | None
) -> Inference:
    ran = golden or rtl
    assert ran is not None
    found = reference.run(inputs).values()
    theirs = {port.name: integers_of(port, array) for port, array in zip(graph.outputs, found, strict=True)}
    agreed = agreement(theirs, ran.outputs)
    expected = expected_outputs(graph, inputs)
    wrong = [first_output_difference(expected, ran.outputs, "outputs of the graph's integers and the machine")]
    checked = None if saturates() else "outputs" if graph.equal or not agreed.differing else "nodes"
    if agreed.differing and not saturates():
        wrong.append(
            first_output_difference(theirs, ran.outputs, "outputs of onnxruntime and the machine")
            if graph.equal else first_node_difference(graph, reference.path, inputs)
        )  # fmt: skip
    engines = {"onnxruntime": theirs}
    engines |= {name: trace.outputs for name, trace in (("golden", golden), ("rtl", rtl)) if trace}
    classes = {name: _classes(graph, outputs) for name, outputs in engines.items()} if _classifies(graph) else None
    return Inference(golden, rtl, agreed, classes, tuple(one for one in wrong if one), checked)


def _classifies(graph: Graph) -> bool:
    """Whether there is one output, and it is a vector for each image."""
    if len(graph.outputs) != 1:
        return False
    [port] = graph.outputs
    _, channels, height, width = port.tensor.shape
    return channels > 1 and height == width == 1 and (port.elements is None or len(port.shape) == 2)


def _classes(graph: Graph, outputs: Mapping[str, NDArray[Any]]) -> list[int]:
    scores = outputs[graph.outputs[0].name].reshape(graph.outputs[0].shape[0], -1)
    return [int(one) for one in np.argmax(scores, axis=1)]
