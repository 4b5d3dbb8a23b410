"""A group of operators run band by band: which rows each tile computes, reads and holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from controller.plan.network import Kind

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from controller.plan.network import Network, Operator

    Rows = NDArray[np.int64]

#: Operators without a window whose result rows each need the same row of every input.
_ROW_BY_ROW = {Kind.ELEMENTWISE, Kind.GATE, Kind.ACTIVATION, Kind.NORMALIZATION, Kind.BIAS, Kind.CONCATENATION}


class GroupError(ValueError):
    """Operators that cannot be run band by band together; the message says why."""


@dataclass(frozen=True)
class Tiling:
    """A group cut into bands of rows.

    Parameters
    ----------
    tiles
        How many bands.
    macs, operations
        Work of all bands; with recomputed halos more than that of the operators.
    read
        Bytes that all bands together read of each map from outside.
    bands
        Bytes of the largest band of each map from outside, and of the result.
    inner
        Bytes of bands inside the group at the worst moment: those that are being made or still to be read, and with
        kept halos the rows of all others that the next band reads again.
    """

    tiles: int
    macs: int
    operations: int
    read: dict[str, int]
    bands: dict[str, int]
    inner: int

    @property
    def copies(self) -> int:
        """How many bands a map from outside needs: the next one comes while this one is used, if there is a next."""
        return 2 if self.tiles > 1 else 1


@dataclass(frozen=True)
class Group:
    """Operators whose last result alone leaves them.

    Parameters
    ----------
    network
        What they are part of.
    places
        Where they stand in it, in the order in which they run.

    Raises
    ------
    GroupError
        If another result is read outside or leaves the network, or several are to be cut that have no rows.
    """

    network: Network
    places: tuple[int, ...]

    def __post_init__(self) -> None:
        inside = set(self.places)
        for place in self.places[:-1]:
            for name in self.network.operators[place].outputs:
                readers = self.network.consumers[name]
                if name in self.network.outputs or not set(readers) <= inside:
                    raise GroupError(f"{name} is needed outside its group")
        if len(self.operators[-1].outputs) != 1:
            raise GroupError(f"{self.operators[-1].name} has several results")
        if len(self.places) > 1:
            for operator in self.operators:
                self._check_rows(operator)

    def _check_rows(self, operator: Operator) -> None:
        shapes = [self.network.tensor[name].shape for name in (*operator.inputs, *operator.outputs)]
        same = len({shape[2:] for shape in shapes}) == 1
        if any(len(shape) != 4 for shape in shapes) or not (operator.window or (operator.kind in _ROW_BY_ROW and same)):
            raise GroupError(f"{operator.name} cannot be cut into bands of rows")

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The operators."""
        return tuple(self.network.operators[place] for place in self.places)

    @cached_property
    def result(self) -> str:
        """The map that leaves."""
        return self.operators[-1].outputs[0]

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Maps from outside."""
        made = {name for operator in self.operators for name in operator.outputs}
        read = dict.fromkeys(name for operator in self.operators for name in operator.inputs)
        return tuple(name for name in read if name not in made)

    @cached_property
    def weights(self) -> int:
        """Bytes of all weights."""
        return sum(self.network.weight_bytes(operator) for operator in self.operators)

    @cached_property
    def height(self) -> int:
        """Rows of the result; 1 if it has none, so that it is run whole."""
        return self._rows(self.result)

    def tiling(self, rows: int, *, cached: bool) -> Tiling:
        """The group in bands of so many rows of its result; halos are kept if `cached`, else computed again."""
        first = np.arange(0, self.height, rows)
        needed: dict[str, tuple[Rows, Rows]] = {self.result: (first, np.minimum(first + rows, self.height))}
        for operator in reversed(self.operators):
            begin, end = needed[operator.outputs[0]]
            if operator.cut is not None:
                # Rows are computed as many together as the machine does.
                end = np.minimum(-(-end // operator.cut.rows) * operator.cut.rows, self._rows(operator.outputs[0]))
                needed[operator.outputs[0]] = begin, end
            for name in operator.inputs:
                low, high = self._input_rows(operator, name, begin, end)
                if name in needed:
                    low, high = np.minimum(low, needed[name][0]), np.maximum(high, needed[name][1])
                needed[name] = low, high
        computed = {name: _fresh(low, high) if cached else high - low for name, (low, high) in needed.items()}
        total = {name: int(rows.sum()) for name, rows in computed.items()}
        results = [(one, one.outputs[0]) for one in self.operators]
        return Tiling(
            tiles=len(first),
            macs=sum(one.macs * total[name] // self._rows(name) for one, name in results),
            operations=sum(one.operations * total[name] // self._rows(name) for one, name in results),
            read={name: total[name] * self._row_bytes(name) for name in self.sources},
            bands={
                name: int((needed[name][1] - needed[name][0]).max()) * self._row_bytes(name)
                for name in (*self.sources, self.result)
            },
            inner=self._inner(needed, cached=cached),
        )

    def room(self, tiling: Tiling, resident: AbstractSet[str], *, held: bool) -> int:
        """Bytes that the group takes beside resident maps: bands, and weights, all of them if they are held."""
        if len(self.operators) == 1 and self.operators[0].cut is not None:
            return self.operators[0].held(resident)
        outside = [name for name in (*self.sources, self.result) if name not in resident]
        bands = tiling.inner + tiling.copies * sum(tiling.bands[name] for name in outside)
        return bands + (self.weights if held else max(one.cut.parameters if one.cut else 0 for one in self.operators))

    def _inner(self, needed: dict[str, tuple[Rows, Rows]], *, cached: bool) -> int:
        """What bands inside the group hold at the worst moment, each from its maker to its last reader."""
        moments = [0] * len(self.places)
        where = {place: moment for moment, place in enumerate(self.places)}
        for made, operator in enumerate(self.operators[:-1]):
            name = operator.outputs[0]
            low, high = needed[name]
            last = max(where[place] for place in self.network.consumers[name])
            band = int((high - low).max()) * self._row_bytes(name)
            halo = int(np.maximum(high[:-1] - low[1:], 0).max(initial=0)) * self._row_bytes(name) if cached else 0
            for moment in range(len(moments)):
                moments[moment] += band if made <= moment <= last else halo
        return max(moments)

    def _input_rows(self, operator: Operator, name: str, begin: Rows, end: Rows) -> tuple[Rows, Rows]:
        """The rows of an input that some rows of the result need, without padding."""
        height = self._rows(name)
        if operator.window is None or name in operator.aligned:
            whole = height != self._rows(operator.outputs[0])
            return (np.zeros_like(begin), np.full_like(end, height)) if whole else (begin, end)
        window = operator.window
        step, stride, before = window.dilation[0], window.stride[0], window.before[0]
        lows, highs = [], []
        # A dilated kernel may step over the border: its next tap inside counts, and that of a later row may be nearer.
        for later in range(step):
            first = np.minimum(begin + later, end - 1) * stride - before
            last = np.maximum(end - 1 - later, begin) * stride - before + (window.kernel[0] - 1) * step
            lows.append(first - step * (np.minimum(first, 0) // step))
            highs.append(last + step * (np.minimum(height - 1 - last, 0) // step) + 1)
        return np.clip(np.min(lows, axis=0), 0, height), np.clip(np.max(highs, axis=0), 0, height)

    def _rows(self, name: str) -> int:
        shape = self.network.tensor[name].shape
        return shape[2] if len(shape) == 4 else 1

    def _row_bytes(self, name: str) -> int:
        return self.network.tensor[name].bytes // self._rows(name)


def _fresh(low: Rows, high: Rows) -> Rows:
    """Rows of each band that no band before it had."""
    before = np.concatenate(([0], np.maximum.accumulate(high)[:-1]))
    return np.maximum(high - np.maximum(low, before), 0)
