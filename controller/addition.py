"""The residual of an operator that adds: the constants of the network's kernel, and which operand comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.operators import Residual

if TYPE_CHECKING:
    from controller.graph import Addition
    from controller.layout import View


def residual_of(node: Addition, view: View, *, first: bool) -> Residual:
    """The residual of an operator whose own result is one operand of `node` and whose addend, `view`, the other.

    `first` tells that the addend is the node's first operand, which the kernel, and so the machine, adds last.
    """
    addend, own = (node.first, node.second) if first else (node.second, node.first)
    return Residual(
        view, node.fixed, node.first_ratio, node.second_ratio, node.zero, node.low, node.high, own.unsigned,
        addend.unsigned, first,
    )  # fmt: skip
