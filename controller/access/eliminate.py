"""Eliminates data movement: composed accesses where ports can express them, copies where they cannot.

(a) of Zheng et al. (arXiv 2002.12798): every tensor that an operator reads is followed through layout operators to
the tensors that are stored, and read there. (b): which lane each feature has is chosen for all tensors together. What
one operator needs goes on through operators that do not mind, forwards and backwards, until nothing changes; where
two needs meet in one operator the smaller map is copied. With `everywhere` false it is chosen operator by operator:
every map that is read or written has its features as they are numbered.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from controller.access.checks import Nest
from controller.access.compose import MOST_DIVISIONS, Origins, stored, through
from controller.access.demand import Demands, Home
from controller.access.features import met, numbered
from controller.access.home import home
from controller.access.operands import FIXED, FREE, Operand, has_tokens, operands
from controller.access.outcome import Outcome, Remaining, pieces
from controller.access.placement import (
    Placement,
    at_first_pixel,
    canonical,
    pixel_axes,
    placed,
    same_words,
    word_numbers,
)
from controller.access.sets import UNDECIDED, Shape, UndecidedError, box

if TYPE_CHECKING:
    import islpy as isl

    from controller.plan.network import Network, Operator

_LIES_OTHERWISE = "its features lie in other lanes than they are read in"


def eliminate(network: Network, lanes: int, *, everywhere: bool = True) -> Outcome:
    """What is left of a network's layout operators on a machine with so many lanes in a word."""
    demands = Demands(network)
    while True:
        walk = _Pass(network, lanes, demands, everywhere=everywhere)
        for operator in network.operators:
            walk.step(operator)
        if not demands.grown():
            walk.outcome.check()
            return walk.outcome


class _Pass:
    """One walk over the operators in order, under the demands known so far."""

    def __init__(self, network: Network, lanes: int, demands: Demands, *, everywhere: bool) -> None:
        self.network, self.lanes, self.demands, self.everywhere = network, lanes, demands, everywhere
        self.outcome = Outcome(network)
        self.origins: dict[str, Origins] = {}
        self.storage: dict[str, isl.Map] = {}
        self.pixels: dict[str, tuple[int, ...]] = {}
        for name in network.inputs:
            self.pixels[name] = pixel_axes(len(self._shape(name)))
            self._keep(name, self._canonical(name))

    def step(self, operator: Operator) -> None:
        """The next operator: moved, or computed."""
        [result] = operator.outputs
        self.pixels[result] = pixel_axes(len(self._shape(result)), tokens=has_tokens(operator))
        if operator.layout is None:
            self._compute(operator, result)
            return
        self.origins[result] = through(operator.layout, [self.origins[name] for name in operator.inputs])
        divisions = self.origins[result].divisions
        if divisions > MOST_DIVISIONS:
            self._store(result, f"its access has {divisions} divisions, each a counter of its own")
        elif result in self.demands.stored or result in self.network.outputs:
            self._store(result, self.demands.stored.get(result, ""))

    def _compute(self, operator: Operator, result: str) -> None:
        for operand in operands(operator):
            # A product's operands have tokens, whatever wrote them.
            self.pixels[operand.tensor] = pixel_axes(
                len(self._shape(operand.tensor)), tokens=has_tokens(operator) or len(self.pixels[operand.tensor]) == 1
            )
        reads = [self._read(operator, operand) for operand in operands(operator)]
        lanewise = operator.kind not in FREE | FIXED and bool(reads)
        wanted = self.demands.pinned.get(result)
        if lanewise:
            wanted = self._reconcile(operator, reads, wanted)
        for operand, features in zip(operands(operator), reads, strict=True):
            self._count(operand, features)
        if result in self.demands.homes:
            there = self.demands.homes[result]
            self.origins[result], self.storage[result] = stored(result, self._shape(result)), there.storage
            written = there.tensor, there.place.range()
        else:
            shape, pixels = self._shape(result), self.pixels[result]
            self._keep(result, self._canonical(result) if wanted is None else placed(shape, pixels, wanted))
            written = result, box(self._shape(result))
        named = [part for operand in operands(operator) for part in self._pieces(operand.tensor)]
        self.outcome.nests.append(Nest(operator.name, tuple(named), (written,)))

    def _read(self, operator: Operator, operand: Operand) -> isl.Map:
        """The features of an operand, after it has been stored if that is needed."""
        tensor = operand.tensor
        try:
            found = self._met(operand, free=operator.kind in FREE)
        except UndecidedError:
            found = UNDECIDED
        if isinstance(found, str):
            self._store(tensor, f"{found} ({operator.name} reads it)")
            found = at_first_pixel(self.storage[tensor], self.pixels[tensor])
        return found

    def _met(self, operand: Operand, *, free: bool) -> isl.Map | str:
        """The features of an operand as it is, tiles also turned, or why it cannot be read so."""
        found = self._upright(operand, free=free)
        if operand.port.kind == "tiles" and isinstance(found, str):
            # Turned, what follows each other in the words of a tile are its columns.
            rows, columns = self.pixels[operand.tensor], (len(self._shape(operand.tensor)) - 1,)
            self.pixels[operand.tensor] = columns
            turned = self._upright(operand, free=free)
            if not isinstance(turned, str):
                return turned
            self.pixels[operand.tensor] = rows
        return found

    def _upright(self, operand: Operand, *, free: bool) -> isl.Map | str:
        """The features of an operand with its pixels as they are, or why it cannot be read so."""
        tensor = operand.tensor
        found = met(self.origins[tensor], self.storage, self.pixels[tensor], operand, free=free)
        if isinstance(found, str) or not (operand.numbered or not self.everywhere):
            return found
        own = at_first_pixel(self._canonical(tensor).storage, self.pixels[tensor])
        if numbered(found, own):
            return found
        if self.everywhere:
            self.demands.meet(self, tensor, own)
        return _LIES_OTHERWISE

    def _reconcile(self, operator: Operator, reads: list[isl.Map], wanted: isl.Map | None) -> isl.Map:
        """How the features of an operator's operands and result lie, all alike; operands that differ are copied."""
        named = [operand.tensor for operand in operands(operator)]
        target = reads[0] if wanted is None else wanted
        for place, name in enumerate(named):
            if same_words(target, reads[place]):
                continue
            if self.demands.meet(self, name, target):
                continue
            if wanted is None and self.demands.meet(self, named[0], reads[place]):
                continue
            smaller = place
            if wanted is None and place == 1 and prod(self._shape(named[0])) < prod(self._shape(name)):
                target, smaller = reads[1], 0
            self._store(named[smaller], f"{_LIES_OTHERWISE} ({operator.name} reads it)", target)
            reads[smaller] = at_first_pixel(self.storage[named[smaller]], self.pixels[named[smaller]])
        return target

    def _store(self, tensor: str, reason: str, features: isl.Map | None = None) -> None:
        """Have a tensor stored: by what writes its parts if that can be, else by copies."""
        origins, pixels, name = self.origins[tensor], self.pixels[tensor], tensor
        if tensor in self.storage:
            name = f"{tensor}, lying otherwise"
        there = self._canonical(tensor) if features is None else placed(origins.shape, pixels, features)
        self._keep(name, there)
        self.origins[tensor] = self.origins[name]
        for value, some in origins.constants.items():
            self.outcome.nests.append(Nest(f"{name} filled with {value}", (), ((name, some),)))
        for root, access in origins.maps.items():
            if root in self.demands.homes and self.demands.homes[root].tensor == name:
                continue
            where = self._home(origins, tensor, root) if features is None and name == tensor else reason
            if isinstance(where, Home):
                self.demands.write_into(root, where, reason)
            part = access.domain() if len(origins.maps) > 1 or origins.constants else box(origins.shape)
            elements = part.count_val().to_python()
            self.outcome.copies.append(Remaining(root, name, elements, reason or str(where)))
            # What a copy reads is taken for all of its source, which is on the safe side.
            parts = tuple(pieces(stored(root, self.outcome.stored[root]), self.demands.homes))
            self.outcome.nests.append(Nest(f"{root} copied to {name}", parts, ((name, part),)))

    def _home(self, origins: Origins, tensor: str, root: str) -> Home | str:
        try:
            return home(self, origins, tensor, root)
        except UndecidedError:
            return UNDECIDED

    def _keep(self, name: str, placement: Placement) -> None:
        self.origins[name] = stored(name, placement.shape)
        self.storage[name] = placement.storage
        self.outcome.stored[name], self.outcome.storage[name] = placement.shape, placement.storage

    def _count(self, operand: Operand, features: isl.Map) -> None:
        shape = self._shape(operand.tensor)
        pixels = prod(shape[axis] for axis in self.pixels[operand.tensor])
        self.outcome.words_read += len(word_numbers(features)) * pixels
        self.outcome.words_needed += self._canonical(operand.tensor).blocks * pixels

    def _pieces(self, tensor: str) -> list[tuple[str, isl.Set]]:
        return list(pieces(self.origins[tensor], self.demands.homes))

    def _canonical(self, name: str) -> Placement:
        return canonical(self._shape(name), self.pixels[name], self.lanes)

    def _shape(self, name: str) -> Shape:
        return self.network.tensor[name].shape
