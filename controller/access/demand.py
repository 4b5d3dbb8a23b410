"""What is asked of stored tensors by those that read them: positions, and to be written into another tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from controller.access.operands import FIXED, FREE, operands
from controller.access.placement import at_first_pixel, same_words, to_first_pixel
from controller.access.sets import box

if TYPE_CHECKING:
    import islpy as isl

    from controller.access.compose import Origins
    from controller.plan.network import Network


class Walk(Protocol):
    """What a walk over the operators has found out so far."""

    origins: dict[str, Origins]
    storage: dict[str, isl.Map]
    pixels: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Home:
    """Where a stored tensor is written instead of a place of its own.

    Parameters
    ----------
    tensor
        Another tensor, which is stored.
    place
        From its elements to that tensor's.
    storage
        From its elements to [word, lane].
    """

    tensor: str
    place: isl.Map
    storage: isl.Map


class Demands:
    """Demands that grow until every walk meets them.

    Parameters
    ----------
    network
        Whose tensors they are about.

    Attributes
    ----------
    pinned
        From features, at pixel 0, to the [word, lane] that a tensor's features must have; how words are numbered is
        left open.
    homes
        Tensors that are written into another one.
    stored
        Results of layout operators that such tensors are written into, with the reason.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.pinned: dict[str, isl.Map] = {}
        self.homes: dict[str, Home] = {}
        self.stored: dict[str, str] = {}
        self._seen = 0

    def grown(self) -> bool:
        """Whether there are more than when it was last asked."""
        before, self._seen = self._seen, len(self.pinned) + len(self.homes)
        return self._seen > before

    def meet(self, walk: Walk, tensor: str, wanted: isl.Map) -> bool:
        """Have the features of a tensor lie as wanted, by what its stored tensors' producers can do about it."""
        trial = dict(self.pinned)
        if not self._reach(walk, tensor, wanted, trial):
            return False
        self.pinned = trial
        return True

    def pin(self, walk: Walk, root: str, wanted: isl.Map) -> bool:
        """The same for a stored tensor."""
        trial = dict(self.pinned)
        if not self._pin(walk, root, wanted, trial):
            return False
        self.pinned = trial
        return True

    def write_into(self, root: str, home: Home, reason: str) -> None:
        """Have a stored tensor written into another one."""
        self.homes[root] = home
        self.stored[home.tensor] = reason

    def _reach(self, walk: Walk, tensor: str, wanted: isl.Map, trial: dict[str, isl.Map]) -> bool:
        origins, pixels = walk.origins[tensor], walk.pixels[tensor]
        for root, access in origins.maps.items():
            shape = self.network.tensor[root].shape
            place = access.reverse().apply_range(to_first_pixel(origins.shape, pixels)).apply_range(wanted)
            if not box(shape).is_subset(place.domain()) or not place.is_single_valued():
                return False
            features = at_first_pixel(place, walk.pixels[root])
            if not to_first_pixel(shape, walk.pixels[root]).apply_range(features).is_equal(place):
                return False
            if not self._pin(walk, root, features, trial):
                return False
        return True

    def _pin(self, walk: Walk, root: str, wanted: isl.Map, trial: dict[str, isl.Map]) -> bool:
        if root in trial:
            return same_words(trial[root], wanted)
        if same_words(at_first_pixel(walk.storage[root], walk.pixels[root]), wanted):
            return True
        place = self.network.producer.get(root)
        producer = None if place is None else self.network.operators[place]
        if producer is None or producer.kind in FIXED or root in self.network.outputs or not wanted.is_injective():
            return False
        trial[root] = wanted
        return producer.kind in FREE or all(
            self._reach(walk, operand.tensor, wanted, trial) for operand in operands(producer)
        )


