"""One inference again on the golden model, as the tables name it, and its steps timed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.machine import Machine
from sim.schedule import schedule
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.compiler import Compiled
    from sim.machine import Run
    from sim.steps import Step
    from spec.config import Config


def rerun(compiled: Compiled, name: str, config: Config, program: bytes) -> Run:
    """A run of a program of `compiled`'s tensors, without outputs.

    Parameters
    ----------
    compiled
        Whose DRAM image and address of the program these are.
    name
        A policy in small letters, perhaps with `cold` or `warm`: the first inference, or the second.
    config, program
        The machine, and a program for it.
    """
    policy, _, state = name.partition(" ")
    device = Machine(config)
    for _ in range(2 if state == "warm" else 1):
        run = device.run(
            program, compiled.image, policy=Policy[policy.upper()], address=compiled.program_address,
            compute_outputs=False,
        )  # fmt: skip
    assert run.cycles is not None, f"{name}: {run.error.name} at {run.error_address:#x}"
    return run


def retimed(compiled: Compiled, steps: Iterable[Step]) -> int:
    """Cycles of a front end's steps, all to the end of the program, on the machine of `compiled`."""
    config, length = compiled.config, 1 + len(compiled.instructions)
    return schedule(config, config.memory, list(steps), address=compiled.program_address, length=length).cycles
