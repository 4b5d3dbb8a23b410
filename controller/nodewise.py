"""Each node of a graph from onnxruntime's own operands: what is not onnxruntime's shows where it arises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Multiplication, Normalization, Softmax
from controller.quantized import evaluate_node, quantize_inputs, stored_inputs
from controller.reference import Reference
from controller.run import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from controller.graph import Graph, Node
    from controller.inputs import Floats

__all__ = ["first_node_difference", "node_gaps"]

#: Nodes whose integers are not all onnxruntime's, but no further from them than a step: docs/numerics.md.
_NEAR = (Softmax, Normalization, Multiplication)


def node_gaps(graph: Graph, path: Path | str, inputs: Floats) -> Iterator[tuple[Node, NDArray[np.int64]]]:
    """The distance of every element of every node's result from onnxruntime's, none of it handed on.

    Where onnxruntime has no such tensor, or lays it out otherwise, the node is passed over, and its result is ours.
    """
    theirs = {
        name: one.astype(np.int64) - (128 if one.dtype == np.uint8 else 0)
        for name, one in Reference(path, every=True).run(inputs).items()
    }
    maps = stored_inputs(graph, quantize_inputs(graph, inputs))
    for node in graph.nodes:
        made = evaluate_node(node, maps)
        wanted = _theirs(theirs, node.result.name, made.shape)
        if wanted is not None:
            yield node, np.abs(wanted - made)
            made = wanted.astype(np.int8)
        maps[node.result.name] = made


def first_node_difference(graph: Graph, path: Path | str, inputs: Floats) -> Difference | None:
    """The first node that is not as near to onnxruntime as its kind must be: a step, or equal."""
    for node, apart in node_gaps(graph, path, inputs):
        most = int(isinstance(node, _NEAR))
        if apart.size and apart.max() > most:
            place = f"node '{node.name}', steps from onnxruntime's"
            return Difference("nodes, each from onnxruntime's operands", place, most, int(apart.max()))
    return None


def _theirs(theirs: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
    """What onnxruntime has for a map, as it is stored; None if it has no such tensor, or lays it out otherwise."""
    whole, _, part = name.rpartition(", ")
    one = theirs.get(name)
    if one is None and part.isdigit() and whole in theirs:
        matrices = theirs[whole]
        one = matrices.reshape(-1, *matrices.shape[-2:])[int(part)][None]
    if one is None or one.size != np.prod(shape):
        return None
    batch, channels, height, width = shape
    if height == 1 and one.shape in {(batch, width, channels), (width, channels)}:
        return one.reshape(batch, width, channels).transpose(0, 2, 1)[:, :, None]
    return one.reshape(shape) if one.ndim in {2, 4} else None
