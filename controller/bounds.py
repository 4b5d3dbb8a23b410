"""What no schedule can beat, and what the same program takes where memory is no matter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim.machine import Machine
from spec.isa import TensorClass
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from controller.compiler import Compiled
    from spec.memory import Memory

_LARGEST_BANK = 1 << 20
_MOST_VIRTUAL_PAGES = 1 << 16


def compute_cycles(compiled: Compiled) -> int:
    """Multiplications over processing elements, rounded up."""
    return -(-compiled.macs // (compiled.config.rows * compiled.config.cols))


def memory_cycles(compiled: Compiled) -> int:
    """Compulsory bytes over the memory's bandwidth: each parameter and input read once, each output written once.

    `flat` has a bus for each direction, so the longer of the two counts; the other profiles have one for both.
    """
    config = compiled.config
    beats = {"read": 0, "write": 0}
    for buffer in compiled.placement.pages:
        if buffer.kind is not TensorClass.ACTIVATION:
            direction = "write" if buffer.kind is TensorClass.OUTPUT else "read"
            beats[direction] += -(-buffer.words * config.rows // config.bus_bytes)
    return _cycles(config.memory, beats["read"], beats["write"])


def _cycles(memory: Memory, read: int, write: int) -> int:
    if memory.profile == "flat":
        return max(read, write)
    if memory.profile == "shared":
        return -(-(read + write) * memory.rate_cycles // memory.rate_beats)
    return read + write


def infinite_scratchpad_cycles(compiled: Compiled) -> int | None:
    """Golden cycles of the same program with as many frames as pages; None where no configuration has so many."""
    config = compiled.config
    bank = config.bank_bytes
    while config.banks * bank < compiled.placement.total * config.page_bytes:
        bank *= 2
    if bank > _LARGEST_BANK:
        return None
    frames = config.banks * bank // config.page_bytes
    if frames > _MOST_VIRTUAL_PAGES:
        return None
    larger = replace(config, bank_bytes=bank, virtual_pages=max(config.virtual_pages, frames))
    program = assemble(larger, list(compiled.instructions))
    # Nothing ever makes room, so that all policies but `none`, which forgets, are the same.
    run = Machine(larger).run(program, compiled.image.copy(), compute_outputs=False, policy=Policy.LRU)
    return run.cycles


def no_management_cycles(compiled: Compiled) -> int | None:
    """Golden cycles of the same program where every operator's tensors go through DRAM."""
    run = Machine(compiled.config).run(compiled.program, compiled.image.copy(), compute_outputs=False)
    return run.cycles
