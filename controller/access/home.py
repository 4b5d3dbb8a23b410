"""Whether what writes a tensor can write it where another one will lie: then no copy puts it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from controller.access.demand import Home
from controller.access.generators import Port, why_not
from controller.access.placement import at_first_pixel, canonical, same_words
from controller.access.sets import SET, bounded, box

if TYPE_CHECKING:
    import islpy as isl

    from controller.access.compose import Origins
    from controller.access.demand import Demands
    from controller.plan.network import Network


class Walk(Protocol):
    """What a walk over the operators has found out so far."""

    network: Network
    demands: Demands
    lanes: int
    everywhere: bool
    origins: dict[str, Origins]
    storage: dict[str, isl.Map]
    pixels: dict[str, tuple[int, ...]]


def home(walk: Walk, origins: Origins, tensor: str, root: str) -> Home | str:
    """Where a stored tensor's producer can write it in a tensor that copies it, or why it cannot."""
    network, access = walk.network, origins.maps[root]
    place = access.reverse()
    if root not in network.producer or network.operators[network.producer[root]].layout is not None:
        return f"{root} comes from outside, or is stored itself"
    if root in network.outputs or root in walk.demands.homes:
        return f"{root} must lie elsewhere, too"
    with bounded():
        once = place.is_single_valued() and place.domain().is_equal(box(network.tensor[root].shape))
    if not once:
        return f"{root} is not copied whole and once, so it must lie elsewhere, too"
    storage = canonical(origins.shape, walk.pixels[tensor], walk.lanes).storage
    address = place.apply_range(storage)
    reason = why_not(address, walk.pixels[root], Port("run"))
    if reason:
        return f"written there, {reason}"
    rest = box(origins.shape).subtract(access.domain())
    if not _words(rest.apply(storage)).is_disjoint(_words(address.range())):
        return f"{root} would share words with others, and what writes a word writes all its lanes"
    features = at_first_pixel(address, walk.pixels[root])
    if same_words(at_first_pixel(walk.storage[root], walk.pixels[root]), features):
        return Home(tensor, place, address)
    if walk.everywhere and walk.demands.pin(walk, root, features):
        return Home(tensor, place, address)
    return f"{root} has its features in other lanes"


def _words(places: isl.Set) -> isl.Set:
    return places.project_out(SET, 1, 1)
