"""The machines of the papers: rates and a scratchpad; an operator takes the longer of its work and its transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.plan.network import Kind

if TYPE_CHECKING:
    from controller.plan.network import Network, Operator


@dataclass(frozen=True)
class Machine:
    """An accelerator without detail.

    Parameters
    ----------
    name
        What it is called.
    capacity
        Bytes of the scratchpad that hold maps.
    macs, operations, transfer
        Products of the matrix unit, operations of the vector unit, and bytes of DRAM in a unit of time.
    streams
        Whether an operator can read from DRAM and write to it as it runs; else all its maps must be resident.
    """

    name: str
    capacity: int
    macs: float
    operations: float
    transfer: float
    streams: bool = True

    def time(self, work: Work) -> float:
        """How long a step takes: compute and transfer overlap, steps do not."""
        compute = work.macs / self.macs + work.operations / self.operations
        return max(compute, work.bytes / self.transfer)


@dataclass(frozen=True)
class Work:
    """What a step computes and moves.

    Parameters
    ----------
    macs, operations
        Of the matrix and the vector unit.
    weights, read, written
        Bytes of DRAM: weights, maps in, maps out.
    """

    macs: int
    operations: int
    weights: int
    read: int
    written: int

    @property
    def bytes(self) -> int:
        """All traffic."""
        return self.weights + self.read + self.written


def weights_read(network: Network, operator: Operator) -> int:
    """Bytes of weights that an operator reads: all, but of a table only the rows that are looked up."""
    if operator.kind is Kind.LOOKUP:
        return sum(network.tensor[name].bytes for name in operator.outputs)
    return network.weight_bytes(operator)


#: OnSRAM (Pal et al., ISPASS 2021): 3 TFLOP of matrix unit, 375 GFLOP of vector unit, 2 MiB, 32 GB/s; in seconds.
ONSRAM = Machine("onsram", 2 << 20, 1.5e12, 375e9, 32e9)
