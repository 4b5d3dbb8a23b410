"""What went over the ports to DRAM: bursts and bytes, by what they were for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.compiler import Compiled
    from spec.trace import Transaction

_READ_CLASSES = {
    TensorClass.WEIGHTS: "weights",
    TensorClass.CONSTANTS: "constants",
    TensorClass.INPUT: "input",
    TensorClass.ACTIVATION: "activation_fill",
    TensorClass.OUTPUT: "activation_fill",
}
_WRITE_CLASSES = {TensorClass.ACTIVATION: "activation_spill", TensorClass.OUTPUT: "output"}
#: All classes of bytes, in the order in which they are shown.
CLASSES = ("program", "weights", "constants", "input", "activation_fill", "activation_spill", "output")


def traffic(compiled: Compiled, transactions: Sequence[Transaction]) -> dict[str, Any]:
    """Bursts and bytes on the data port, and bytes by class; the program's, of its own port, are a class alone."""
    config = compiled.config
    starts = sorted((page * config.page_bytes, buffer) for buffer, page in compiled.placement.pages.items())
    by_class = dict.fromkeys(CLASSES, 0)
    totals = {"read_bytes": 0, "write_bytes": 0, "read_bursts": 0, "write_bursts": 0}
    kinds: dict[int, TensorClass] = {}
    for start, buffer in starts:
        for page in range(start // config.page_bytes, start // config.page_bytes + buffer.pages(config.page_words)):
            kinds[page] = compiled.kinds[buffer]
    for one in transactions:
        size = one.beats * config.bus_bytes
        if one.kind == "P":
            by_class["program"] += size
            continue
        direction, classes = ("read", _READ_CLASSES) if one.kind == "R" else ("write", _WRITE_CLASSES)
        totals[f"{direction}_bytes"] += size
        totals[f"{direction}_bursts"] += 1
        by_class[classes[kinds[one.address // config.page_bytes]]] += size
    return {**totals, "by_class": by_class}
