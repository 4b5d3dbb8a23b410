"""The factors of a node's requantizations: so bounded that no product of theirs leaves float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Addition, Concatenation, Constant, Gather, Node, Pool, Selection, SequentialAverage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from controller.source import Source, SourceNode

#: Sums are below 2^31, so their products with smaller factors are below 2^127.
MOST_FACTOR = 2.0**96


def check_factors(source: Source, where: SourceNode, node: Node) -> None:
    """Check that all factors are finite numbers below MOST_FACTOR.

    Raises
    ------
    ModelError
        If one is not: what the machine makes of infinite products is not defined.
    """
    for factors in _factors(node):
        if not np.all(factors < MOST_FACTOR):
            raise source.refuse(where, "must have scales whose ratio to the next quantization's is below 2^96")


def _factors(node: Node) -> Iterator[NDArray[np.float32]]:
    if isinstance(node, Addition):
        yield np.array([node.first_ratio, node.second_ratio], np.float32)
    elif isinstance(node, Pool):
        ratio = np.array([node.source.scale / node.result.scale], np.float32)
        yield from (ratio if isinstance(form, SequentialAverage) else form.scale for form in node.forms)
    elif isinstance(node, Concatenation | Gather):
        yield from (form.scale for form in node.requantizes if form is not None)
    elif not isinstance(node, Selection | Constant):
        yield node.requantize.scale
