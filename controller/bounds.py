"""What no schedule can beat, and what the same program takes where memory is no matter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.rebind import rebound
from sim.machine import Machine
from spec.isa import TensorClass
from spec.registers import Policy

if TYPE_CHECKING:
    from controller.compiler import Compiled
    from sim.machine import Run
    from spec.memory import Memory

#: The largest machine that the rules of `Config` allow.
_LARGEST_BANK, _MOST_VIRTUAL_PAGES = 1 << 20, 1 << 16


def compute_cycles(compiled: Compiled) -> int:
    """Multiplications over processing elements, rounded up."""
    return -(-compiled.macs // (compiled.config.rows * compiled.config.cols))


def memory_cycles(compiled: Compiled) -> int:
    """Compulsory bytes over the memory's bandwidth: each parameter and input read once, each output written once.

    `flat` has a bus for each direction, so the longer of the two counts; the other profiles have one for both.
    """
    config = compiled.config
    beats = {"read": 0, "write": 0}
    for buffer, kind in compiled.kinds.items():
        if kind is not TensorClass.ACTIVATION:
            direction = "write" if kind is TensorClass.OUTPUT else "read"
            beats[direction] += -(-buffer.words * config.rows // config.bus_bytes)
    return _cycles(config.memory, beats["read"], beats["write"])


def _cycles(memory: Memory, read: int, write: int) -> int:
    if memory.profile == "flat":
        return max(read, write)
    if memory.profile == "shared":
        return -(-(read + write) * memory.rate_cycles // memory.rate_beats)
    return read + write


def infinite_scratchpad(compiled: Compiled) -> Run | None:
    """A golden run of the same commands where nothing is ever evicted, so that every byte moves once at most.

    The banks are as large as they may be, so is the space of virtual pages, where tensors are bound whole, and data
    stay until they are dead. None if pages are evicted even so: then there is no machine that shows the bound.

    Pages lie in other banks there, and a port may be busier for it. So the run bounds those of the machine itself only
    together with them: a larger scratchpad can always be used as the smaller one is.
    """
    larger = replace(compiled.config, bank_bytes=_LARGEST_BANK, virtual_pages=_MOST_VIRTUAL_PAGES)
    # Nothing makes room, so that all policies but `none`, which forgets, are the same.
    run = Machine(larger).run(
        rebound(compiled, larger), compiled.image, policy=Policy.LRU, address=compiled.program_address,
        compute_outputs=False,
    )  # fmt: skip
    return None if run.cycles is None or run.counters["EVICTIONS"] else run


def no_management_cycles(compiled: Compiled) -> int | None:
    """Golden cycles of the same program where every operator's tensors go through DRAM."""
    run = Machine(compiled.config).run(compiled.program, compiled.image.copy(), compute_outputs=False)
    return run.cycles
