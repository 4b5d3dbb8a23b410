"""What became of a network's layout operators: copies that are left, with reasons, and the nests that run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.access.checks import AccessError, Nest, check_order
from controller.access.sets import Shape, box

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import islpy as isl

    from controller.access.compose import Origins
    from controller.access.demand import Home
    from controller.plan.network import Network


@dataclass(frozen=True)
class Remaining:
    """A load-store pair that is left: elements of a stored tensor copied to another.

    Parameters
    ----------
    source, result
        The tensors.
    elements
        How many are copied.
    reason
        Why what reads the result cannot read the source, or what writes the source cannot write the result.
    """

    source: str
    result: str
    elements: int
    reason: str


@dataclass
class Outcome:
    """A network after the pass.

    Parameters
    ----------
    network
        The network.
    copies
        What is left of its layout operators.
    stored
        Tensors that exist, with their shapes; results of layout operators among them are stored because of a copy, or
        because they leave.
    storage
        From the elements of what is stored to [word, lane].
    words_read, words_needed
        Words that operators with a window name for each pixel, summed over pixels, and those that maps of full blocks
        would have.
    """

    network: Network
    copies: list[Remaining] = field(default_factory=list)
    stored: dict[str, Shape] = field(default_factory=dict)
    storage: dict[str, isl.Map] = field(default_factory=dict)
    words_read: int = 0
    words_needed: int = 0
    nests: list[Nest] = field(default_factory=list)

    def check(self) -> None:
        """Check by sets that what is stored has a lane for each element, is written once, and before it is read.

        Raises
        ------
        AccessError
            If it is not.
        """
        for name, one in self.storage.items():
            if not (one.is_single_valued() and one.is_injective() and box(self.stored[name]).is_equal(one.domain())):
                raise AccessError(f"{name} has elements without a lane of their own")
        check_order(self.stored, self.network.inputs, self.nests)


def pieces(origins: Origins, homes: Mapping[str, Home]) -> Iterable[tuple[str, isl.Set]]:
    """The stored elements that a tensor's elements are, where they lie if they were written into another tensor."""
    for root, access in origins.maps.items():
        if root in homes:
            yield homes[root].tensor, access.range().apply(homes[root].place)
        else:
            yield root, access.range()
