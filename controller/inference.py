"""One inference on the engines asked for, and every check of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.reference import saturates
from controller.report import Result
from controller.run import agreement, expected_outputs, first_output_difference, run_golden, run_rtl

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.reference import Reference
    from controller.rtl import Runner
    from controller.run import Difference, Floats


def infer(
    result: Result, inputs: Floats, reference: Reference, *, golden: bool, runner: Runner | None,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Run one inference and note in `result` what it shows and what differs.

    The golden model runs first, if asked for, then the RTL, if there is a runner. The outputs are compared with the
    integers of the graph and with onnxruntime; that is a check only where every operator is exact, and where
    onnxruntime is on this processor.
    """
    compiled, graph = result.compiled, result.compiled.graph
    if golden:
        say("golden model")
    first = run_golden(compiled, inputs) if golden else None
    if runner:
        say("RTL")
    second = run_rtl(compiled, inputs, runner) if runner else None
    ran = first or second
    assert ran is not None
    here = Result(result.model, compiled, result.policy, result.engine, result.seed, 1, first, second)
    here.compare()
    found = agreement(graph, ran.outputs, reference, inputs)
    wrong: list[Difference | None] = []
    if not result.inexact():
        expected = expected_outputs(graph, inputs)
        wrong.append(first_output_difference(expected, ran.outputs, "outputs of the graph's integers and the machine"))
        if found.differing and not saturates():
            wanted = reference.run(inputs).values()
            theirs = {port.name: array.reshape(port.shape) for port, array in zip(graph.outputs, wanted, strict=True)}
            wrong.append(first_output_difference(theirs, ran.outputs, "outputs of onnxruntime and the machine"))
    result.differences += here.differences + [one for one in wrong if one]
    result.reference = found if result.reference is None else result.reference + found
    if result.golden is None and result.rtl is None:
        result.golden, result.rtl = first, second
