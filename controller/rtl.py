"""The door to the RTL: what a runner must offer, found only where one is installed."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from controller.refusal import CheckError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from spec.config import Config
    from spec.registers import Policy
    from spec.trace import Command, Transaction

_MODULE, _FUNCTION = "tb.engine", "run_rtl"


@dataclass(frozen=True)
class RtlRun:
    """What the RTL showed: as the golden model's run, with DRAM afterwards, and the seconds and memory it took."""

    cycles: int
    commands: list[Command]
    transactions: list[Transaction]
    dram: NDArray[np.uint8]
    build_seconds: float
    run_seconds: float
    build_peak_bytes: int
    run_peak_bytes: int


class Runner(Protocol):
    """Runs a program on the RTL, once for each image of DRAM, all in one simulation."""

    def __call__(
        self, config: Config, program: bytes, images: Sequence[bytes], *, policy: Policy, program_address: int,
        progress: Path | None = None, short: bool = False,
    ) -> list[RtlRun]:  # fmt: skip
        """Run `program`, which lies at `program_address`, under the configuration's memory profile.

        Each image holds page 0 at byte 0 and ends at or below the program; before the first run comes a reset. The
        file `progress` is rewritten now and then with "RUN CYCLES": which run it is, and the cycles of all so far.
        `short`: it pays to build sooner and run slower.
        Results may be of any type with the members of `RtlRun`; what building took is in the first.
        """


def runner() -> Runner:
    """The installed runner; what fails in it is a sentence.

    A run raises ModelError if the RTL cannot be built here, and CheckError if it was built and does not work.

    Raises
    ------
    ModelError
        If there is none.
    """
    try:
        module = importlib.import_module(_MODULE)
    except ImportError as error:
        raise ModelError(f"engine rtl needs the RTL and its benches, which cannot be imported: {error}") from None
    found = getattr(module, _FUNCTION, None)
    if found is None:
        raise ModelError(f"engine rtl needs a function {_FUNCTION} in {_MODULE}, and there is none")
    run = cast("Runner", found)
    cannot_build, fails = module.BuildError, module.BenchError

    def guarded(
        config: Config, program: bytes, images: Sequence[bytes], *, policy: Policy, program_address: int,
        progress: Path | None = None, short: bool = False,
    ) -> list[RtlRun]:  # fmt: skip
        try:
            return run(
                config, program, images, policy=policy, program_address=program_address, progress=progress, short=short
            )
        except cannot_build as error:
            raise ModelError(f"the RTL cannot be built: {_cause(str(error))}") from None
        except fails as error:
            raise CheckError(f"the RTL fails: {_cause(str(error))}") from None

    return guarded


def _cause(text: str) -> str:
    """The line of a failure that says why: the simulator's or the compiler's error, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in lines if re.search(r"%Error|\berror:|Error\b.*:", line)]
    return (errors or lines[-1:])[0]
