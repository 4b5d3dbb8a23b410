"""What a machine leaves out: the modes that it does not have, and the sentence for a node that needs one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.graph import Multiplication, Normalization, Softmax
from controller.refusal import ModelError
from spec.isa import PIXELWISE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.graph import Node
    from spec.config import Config
    from spec.isa import Mode

__all__ = ["left_out", "refuse_what_is_left_out"]

_NEEDING = {Softmax: "a softmax", Normalization: "a layer normalization", Multiplication: "a product lane by lane"}


def left_out(config: Config) -> frozenset[Mode]:
    """Modes that a machine does not have."""
    return frozenset(PIXELWISE) if config.omit_tokens else frozenset()


def refuse_what_is_left_out(nodes: Iterable[Node], config: Config) -> None:
    """Refuse the first node that needs a mode which the machine does not have.

    Raises
    ------
    ModelError
        One sentence with the node, what it is, and what would help.
    """
    for node in nodes:
        if config.omit_tokens and type(node) in _NEEDING:
            raise ModelError(
                f"{node.name} does not fit: it is {_NEEDING[type(node)]}, and {config.name} leaves out the units for "
                "operators on tokens; a machine with them fits it (--set omit_tokens=0)"
            )
