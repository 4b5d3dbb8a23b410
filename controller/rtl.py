"""The door to the RTL: what a runner must offer, found only where one is installed."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from controller.refusal import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spec.config import Config
    from spec.trace import Command, Transaction

_MODULE, _FUNCTION = "tb.system", "run_rtl"


@dataclass(frozen=True)
class RtlRun:
    """What the RTL showed: as the golden model's run, with DRAM afterwards and the seconds it took."""

    cycles: int
    commands: list[Command]
    transactions: list[Transaction]
    dram: NDArray[np.uint8]
    build_seconds: float
    run_seconds: float


class Runner(Protocol):
    """Runs a program on the RTL."""

    def __call__(self, config: Config, program: bytes, dram: bytes, *, program_address: int) -> RtlRun:
        """Run `program`, which lies at `program_address`, under the configuration's memory profile.

        `dram` holds page 0 at byte 0 and ends at or below the program. The result may be of any type with the
        members of `RtlRun`.
        """


def runner() -> Runner:
    """The installed runner.

    Raises
    ------
    ModelError
        If there is none.
    """
    try:
        found = getattr(importlib.import_module(_MODULE), _FUNCTION, None)
    except ImportError as error:
        raise ModelError(f"engine rtl needs the RTL and its benches, which cannot be imported: {error}") from None
    if found is None:
        raise ModelError(f"engine rtl needs a function {_FUNCTION} in {_MODULE}, and there is none")
    return cast("Runner", found)
