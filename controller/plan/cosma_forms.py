"""One network as several graphs: which steps are operators of their own, and how often a map is rectified.

COSMA's searched networks begin with a map that three branches rectify before they convolve it. Who counts rectifying
as an operator, and as one for each branch, has a map four times beside the scratchpad that it fills half of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.plan.builder import ACTIVATIONS, FOLDED, SEPARATE, Granularity
from controller.plan.cosma_pads import with_pads
from controller.plan.network import Kind
from controller.plan.zoo import network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from controller.plan.network import Network


def once(graph: Network) -> Network:
    """The network with the same activation of the same map computed once, for all that read it."""
    first: dict[tuple[str, ...], str] = {}
    same: dict[str, str] = {}
    operators = []
    for operator in graph.operators:
        one = replace(operator, inputs=tuple(dict.fromkeys(same.get(name, name) for name in operator.inputs)))
        if one.kind is Kind.ACTIVATION:
            (result,) = one.outputs
            if one.inputs in first:
                same[result] = first[one.inputs]
                continue
            first[one.inputs] = result
        operators.append(one)
    tensors = tuple(tensor for tensor in graph.tensors if tensor.name not in same)
    return replace(graph, tensors=tensors, operators=tuple(operators))


#: The form that all but one of COSMA's tables are of: its budgets are the printed ones.
STANDARD = "all separate"
#: A network by the name of its form.
FORMS: Mapping[str, Callable[[str], Network]] = {
    STANDARD: lambda name: with_pads(network(name, granularity=SEPARATE)),
    "no padding": lambda name: network(name, granularity=SEPARATE),
    "normalizations folded": lambda name: with_pads(network(name, granularity=ACTIVATIONS)),
    "a map rectified once": lambda name: with_pads(once(network(name, granularity=SEPARATE))),
    "activations folded": lambda name: with_pads(network(name, granularity=Granularity(bias=True, normalization=True))),
    "all folded": lambda name: with_pads(network(name, granularity=FOLDED)),
}
