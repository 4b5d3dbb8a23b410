"""The door to the hardware's Verilog, found only where Amaranth is installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from controller.refusal import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from spec.config import Config

_MODULE = "hw.delivery.files"


def delivery(config: Config) -> dict[str, str]:
    """The files that FPGA flows take, by name.

    Raises
    ------
    ModelError
        If the hardware's description cannot be imported.
    """
    try:
        module = importlib.import_module(_MODULE)
    except ImportError as error:
        raise ModelError(f"verilog needs the hardware's description, which cannot be imported: {error}") from None
    files = cast("Callable[[Config], dict[str, str]]", module.files)
    return files(config)
