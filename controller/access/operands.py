"""How each kind of operator reads its operands and writes its result, as far as words and lanes go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.access.generators import Port
from controller.plan.network import Kind

if TYPE_CHECKING:
    from controller.plan.network import Operator

#: Sums over features with constant weights: which lane a feature is read from or written to is the weights' matter.
FREE = frozenset({Kind.CONVOLUTION, Kind.DENSE})
#: Results whose features lie as they are numbered: products of two maps, and tables.
FIXED = frozenset({Kind.PRODUCT, Kind.LOOKUP})
#: What has heads, tokens and features.
_TOKENS = frozenset({Kind.PRODUCT, Kind.SOFTMAX})


@dataclass(frozen=True)
class Operand:
    """A feature map that an operator reads.

    Parameters
    ----------
    tensor
        Its name.
    port
        What addresses it.
    numbered
        Whether its features must lie as they are numbered.
    """

    tensor: str
    port: Port
    numbered: bool = False


def operands(operator: Operator) -> tuple[Operand, ...]:
    """What an operator reads, through which ports.

    The first map of a product of two is streamed as activations are, the second is loaded as weights are, word r of a
    tile for lane r, or turned, for column r. Everything else of one lane each has the port of a window for its first
    map, that of a residual for others.
    """
    window = Port("window")
    if operator.window is not None:
        one = operator.window
        # A maximum's padding is below all values, and layer graphs do not tell maxima from means.
        padded = operator.kind is Kind.POOL and any(one.before)
        window = Port("window", any(size > 1 for size in one.kernel), one.stride[-1], padded)
    if operator.kind is Kind.PRODUCT:
        first, second = operator.inputs[0], operator.inputs[-1]
        return Operand(first, window, numbered=True), Operand(second, Port("tiles"), numbered=True)
    first, *others = operator.inputs or ("",)
    return (Operand(first, window), *(Operand(name, Port("run")) for name in others)) if first else ()


def has_tokens(operator: Operator) -> bool:
    """Whether its maps of four axes have tokens, and not rows and columns."""
    return operator.kind in _TOKENS
