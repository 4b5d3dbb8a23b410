"""Demands that the RTL does under a policy what the golden model says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.inference import SHORT, Inference
from controller.inputs import random_inputs
from controller.refusal import CheckError
from controller.run import Agreement, run_golden, run_rtl
from sim.machine import Machine
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from controller.compiler import Compiled
    from controller.display import Display
    from controller.rtl import Runner

_SEED = 1


def verify(compiled: Compiled, policies: Sequence[Policy], runner: Runner | None, display: Display) -> None:
    """Run a program with random inputs on both engines under each policy, twice if it learns; nothing without a runner.

    Raises
    ------
    CheckError
        With the first difference in outputs, cycles, commands or bursts.
    """
    for policy in policies:
        if runner is None:
            return
        inputs = [random_inputs(compiled.graph, _SEED)] * (1 + (policy is Policy.EAGER))
        machine = Machine(compiled.config)
        golden = [run_golden(compiled, one, policy=policy, machine=machine) for one in inputs]
        short = sum(trace.cycles for trace in golden) < SHORT
        with display.watch([trace.cycles for trace in golden]) as progress:
            rtl = run_rtl(compiled, inputs, runner, policy=policy, progress=progress, short=short)
        for one, other in zip(golden, rtl, strict=True):
            for found in Inference(one, other, Agreement(0, 0, 0), None, ()).differences:
                where = f"{compiled.graph.name} on {compiled.config.name} under {policy.name.lower()}"
                raise CheckError(f"{where}: {found}")


def verify_plans(plans: Iterable[tuple[Compiled, Policy]], runner: Runner | None, display: Display) -> None:
    """The same of programs that each have a policy."""
    for compiled, policy in plans:
        verify(compiled, [policy], runner, display)
