"""A bound that no program of a network's tensors beats on a machine, in any order: parameters come late or take room.

Before an operator begins, all that its first output depends on has been computed. Until it begins, none of its
parameters has been used, nor of those operators that cannot begin before it: so many bytes of them as the machine holds
may have come, the others are still to come. So a run takes at least the work before it and then the time of those
on the bus. Each operator gives a bound; the largest holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from controller.fields import axes
from spec.isa import LINE_STRIDE, Mode
from spec.timing import further_cycles, slot_cycles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.choice import Tiled
    from controller.geometry import Interval
    from controller.layout import Buffer, View
    from controller.operators import Operator
    from spec.config import Config

#: Rows and columns of a map.
_Box = tuple["Interval", "Interval"]
#: A block of channels of a buffer.
_Block = tuple["Buffer", int]


@dataclass(frozen=True)
class Begun:
    """What must have been when an operator begins, and what must come after it.

    Parameters
    ----------
    operator
        Its place among the operators.
    array, post
        Cycles that the array and post-processing have been at work by then, at the least.
    late
        Cycles of the bus after that, at the least: beats of parameters that the machine does not hold.
    """

    operator: int
    array: int
    post: int
    late: int

    @property
    def cycles(self) -> int:
        """No run is shorter."""
        return max(self.array, self.post) + self.late


def begun(tiled: Sequence[Tiled], config: Config) -> Iterator[Begun]:
    """The bounds by operators of one image whose every output depends on all channels of what it reads."""
    for place, one in enumerate(tiled):
        if _mixes(one.operator) and one.operator.source.batch == 1:
            # An output reaches least of each map at one of the corners: what is cut off grows towards either end of
            # an axis. So each engine's work is least there too.
            works = [_work_before(tiled, place, corner, config) for corner in _corners(one.operator.result)]
            array, post = (min(work) for work in zip(*works, strict=True))
            yield Begun(place, array, post, _late(tiled, place, config))


def _mixes(operator: Operator) -> bool:
    return operator.mode is Mode.ARRAY and operator.groups == 1


def _corners(view: View) -> Iterator[_Box]:
    for row, column in product({0, view.height - 1}, {0, view.width - 1}):
        yield (row, row + 1), (column, column + 1)


def _blocks(view: View) -> set[_Block]:
    return {(block.buffer, block.index) for block in view.blocks}


def _late(tiled: Sequence[Tiled], place: int, config: Config) -> int:
    """Cycles of the bus for the parameters of an operator, and of all that read nothing but what comes after it."""
    after: set[_Block] = set()
    size = 0
    for one in tiled[place:]:
        operator = one.operator
        read = [operator.source, *([operator.residual.view] if operator.residual else [])]
        if one is tiled[place] or any(_blocks(view) <= after for view in read):
            after |= _blocks(operator.result)
            size += one.weights.words * config.rows if one.weights else 0
    # In the banks, in page buffers, and a tile in the shadow registers, which is not needed in its page any more.
    room = (config.frames + config.load_buffers) * config.page_bytes + config.rows * config.cols
    return max(0, size - room) // config.bus_bytes


def _work_before(tiled: Sequence[Tiled], place: int, box: _Box, config: Config) -> tuple[int, int]:
    """Cycles of the array and of post-processing for all that some outputs of an operator depend on."""
    needed: dict[_Block, _Box] = {}
    _need(tiled[place].operator, tiled[place].operator.source, box, needed)
    array = post = 0
    for one in reversed(tiled[:place]):
        operator = one.operator
        blocks = _blocks(operator.result)
        boxes = [needed[block] for block in blocks if block in needed]
        if not boxes or (len(boxes) < len(blocks) and not _mixes(operator)):
            continue
        least = min(boxes, key=_pixels)
        if operator.mode is Mode.ARRAY and one.weights is not None:
            passes = one.weights.words // config.rows
            array += _pixels(least) * passes * len(boxes) // len(blocks)
            post += _pixels(least) * len(boxes)
        else:
            post += _window_cycles(operator, least, config) * len(boxes)
        _need(operator, operator.source, least, needed)
        if operator.residual and len(boxes) == len(blocks):
            _same(operator.residual.view, least, needed)
    return array, post


def _need(operator: Operator, view: View, box: _Box, needed: dict[_Block, _Box]) -> None:
    """Note what outputs of an operator read."""
    rows, columns = (axis.reach(some)[0] for axis, some in zip(axes(operator), box, strict=True))
    _same(view, (rows, columns), needed)


def _same(view: View, box: _Box, needed: dict[_Block, _Box]) -> None:
    """Note that a box of a map is needed. Of several the largest counts, which is no more than all."""
    for block in _blocks(view):
        needed[block] = max(box, needed.get(block, box), key=_pixels)


def _pixels(box: _Box) -> int:
    return (box[0][1] - box[0][0]) * (box[1][1] - box[1][0])


def _window_cycles(operator: Operator, box: _Box, config: Config) -> int:
    """Cycles of a block: tap by tap, or by inputs through the line buffer, padding not counted."""
    taps = operator.kernel[0] * operator.kernel[1]
    by_taps = _pixels(box) * taps
    small = max(operator.kernel) <= config.line_kernel and max(operator.strides) <= LINE_STRIDE
    reached = tuple(axis.reach(some)[0] for axis, some in zip(axes(operator), box, strict=True))
    by_lines = _pixels((reached[0], reached[1])) * slot_cycles(config, *operator.kernel)
    by_lines += _pixels(box) * further_cycles(config, *operator.kernel)
    return min(by_taps, by_lines) if small else by_taps
