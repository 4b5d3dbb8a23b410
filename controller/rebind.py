"""The same commands as a program of another machine: tensors get other banks and windows, the cuts stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.emit import emit
from controller.place import place
from spec.program import assemble

if TYPE_CHECKING:
    from controller.compiler import Compiled
    from spec.config import Config


def rebound(compiled: Compiled, config: Config) -> bytes:
    """The program for a machine that differs in its scratchpad or bus; its DRAM image is that of `compiled`.

    Raises
    ------
    ModelError
        If a command's operands find no windows there.
    """
    if compiled.again is not None:
        return assemble(config, compiled.again(config))
    commands = [command for one in compiled.tiled for command in one.commands]
    placement = place(list(compiled.placement.pages), commands, config)
    assert placement.pages == compiled.placement.pages, "pages must be as large on both machines"
    return assemble(config, emit(commands, placement, config))
