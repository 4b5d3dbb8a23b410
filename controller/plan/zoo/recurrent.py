"""A recurrent language model on the Penn Treebank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.plan.network import Kind

if TYPE_CHECKING:
    from controller.plan.builder import Builder

_WORDS, _LAYERS = 10_000, 2


def lstm(net: Builder, size: int = 1500) -> tuple[str, ...]:
    """Zaremba et al., "Recurrent neural network regularization" (2014), large (medium has 650 units): one step."""
    x = net.operator(Kind.LOOKUP, (net.input(1, 1),), (1, size), operations=0, parameters=_WORDS * size)
    state = []
    for _ in range(_LAYERS):
        hidden, cell = net.input(1, size), net.input(1, size)
        gates = net.dense(net.concat(x, hidden), 4 * size)
        enter, forget, change, leave = (net.activation(net.copy(gates, (1, size))) for _ in range(4))
        cell = net.add(net.multiply(forget, cell), net.multiply(enter, change))
        x = net.multiply(leave, net.activation(cell))
        state += [x, cell]
    return net.softmax(net.dense(x, _WORDS)), *state
