"""What of a layer graph the hardware does not run yet, so that it is planned and costed and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.network import Kind

if TYPE_CHECKING:
    from controller.plan.network import Network

#: Kinds that no command of the machine computes.
_NONE = {Kind.PRODUCT, Kind.NORMALIZATION, Kind.SOFTMAX, Kind.GATE, Kind.RESIZE, Kind.LOOKUP, Kind.COPY}


def unsupported(network: Network) -> list[str]:
    """The kinds of operators that the machine lacks, and a word on maps that have neither two dimensions nor four."""
    kinds = {f"{one.kind}" for one in network.operators if one.kind in _NONE}
    deep = any(len(tensor.shape) not in {2, 4} for tensor in network.tensors)
    return sorted(kinds) + ["maps that are no images"] * deep
