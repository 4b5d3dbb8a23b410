"""How much is moved: load-store pairs, bytes on chip and off chip, intermediates that need to exist."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.access.outcome import Outcome
    from controller.plan.network import Network


@dataclass(frozen=True)
class Moved:
    """What copies do in one run of a network.

    Parameters
    ----------
    pairs
        Loop nests that load and store: one for each map that a layout operator reads, or for each copy that is left.
    on_chip, off_chip
        Bytes that they load and store. A pair is on chip if both its maps together fit into the scratchpad.
    intermediates
        Bytes of the results of layout operators that exist, but for those that leave the network.
    """

    pairs: int
    on_chip: int
    off_chip: int
    intermediates: int


def as_written(network: Network, capacity: int) -> Moved:
    """Every layout operator is a copy of each of its inputs into its result."""
    layouts = [one for one in network.operators if one.layout is not None]
    pairs = []
    for one in layouts:
        result = network.tensor[one.outputs[0]]
        # What a pad adds has no source; it is filled in by the pair that copies.
        sizes = [network.tensor[name].elements for name in one.inputs]
        sizes = sizes if len(sizes) > 1 else [result.elements]
        pairs += [(name, result.name, size) for name, size in zip(one.inputs, sizes, strict=True)]
    return _moved(network, capacity, pairs, {one.outputs[0] for one in layouts})


def as_left(outcome: Outcome, capacity: int) -> Moved:
    """What is left of them after the pass."""
    network = outcome.network
    made = {one.outputs[0] for one in network.operators if one.layout is not None}
    pairs = [(one.source, one.result, one.elements) for one in outcome.copies]
    return _moved(network, capacity, pairs, made & set(outcome.stored))


def _moved(network: Network, capacity: int, pairs: Iterable[tuple[str, str, int]], made: set[str]) -> Moved:
    count, inside, outside, width = 0, 0, 0, network.tensors[0].width
    for source, result, elements in pairs:
        count += 1
        both = sum(network.tensor[name].bytes for name in {source, result} & set(network.tensor))
        if both <= capacity:
            inside += 2 * elements * width
        else:
            outside += 2 * elements * width
    intermediates = sum(width * prod(network.tensor[name].shape) for name in made - set(network.outputs))
    return Moved(count, inside, outside, intermediates)
