"""A runner of the RTL that is the golden model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.rtl import RtlRun
from sim.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec.config import Config
    from spec.registers import Policy


def fake_runner(change: Callable[[RtlRun], RtlRun]) -> Callable[..., list[RtlRun]]:
    """A runner whose last run is changed."""

    def run(
        config: Config, program: bytes, images: list[bytes], *, policy: Policy, program_address: int, progress: object,
        short: bool,
    ) -> list[RtlRun]:  # fmt: skip
        assert progress is None
        assert short
        runs, machine = [], Machine(config)
        for dram in images:
            memory = bytearray(dram)
            found = machine.run(program, memory, policy=policy, address=program_address)
            assert found.cycles
            after = np.frombuffer(memory, np.uint8)
            runs.append(RtlRun(found.cycles, found.commands, found.transactions, after, 0.5, 0.25, 1 << 30, 1 << 20))
        return [*runs[:-1], change(runs[-1])]

    return run
