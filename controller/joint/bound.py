"""A bound that no program of a network's tensors beats on a machine, in any order: parameters come late or take room.

Consider the moment when the last value is written that an operator reads. All that the operator reads has been
computed. The operator has still to read this value, with all of its parameters; so has every operator behind it that
depends on it. At that moment the machine holds as many bytes of these parameters as it has room for, whatever it has
used before; the others are still to come. So a run takes at least the work before the moment, and then the time of
those on the bus. Each operator gives a bound; the largest holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.fields import axes
from spec.isa import LINE_STRIDE, Mode
from spec.timing import further_cycles, slot_cycles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.choice import Tiled
    from controller.geometry import Axis, Interval
    from controller.layout import Buffer, View
    from controller.operators import Operator
    from spec.config import Config

#: Rows and columns of a map.
_Box = tuple["Interval", "Interval"]
#: A block of channels of a buffer.
_Block = tuple["Buffer", int]


@dataclass(frozen=True)
class Moment:
    """What must have been when all is there that an operator reads, and what must come after that.

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


def moments(tiled: Sequence[Tiled], config: Config) -> Iterator[Moment]:
    """The bounds by operators of one image whose every output depends on all channels of what it reads."""
    for place, one in enumerate(tiled):
        if _mixes(one.operator) and one.operator.source.batch == 1:
            array, post = _work_before(tiled, place, config)
            yield Moment(place, array, post, _late(tiled, place, config))


def _mixes(operator: Operator) -> bool:
    return operator.mode is Mode.ARRAY and operator.groups == 1


def _whole(axis: Axis, outputs: int) -> bool:
    """Whether outputs read all of a map along an axis."""
    taps = axis.taps[1]
    return (taps == 1 or axis.dilation == 1) and taps >= axis.stride and axis.reach((0, outputs))[0] == (0, axis.size)


def _reads_all(operator: Operator) -> bool:
    result = operator.result
    return all(_whole(*one) for one in zip(axes(operator), (result.height, result.width), strict=True))


def _blocks(view: View) -> set[_Block]:
    return {(block.buffer, block.index) for block in view.blocks}


def _late(tiled: Sequence[Tiled], place: int, config: Config) -> int:
    """Cycles of the bus for the parameters of an operator, and of all that depend on every value that it reads."""
    after: set[_Block] = set()
    size = 0
    for one in tiled[place:]:
        operator = one.operator
        read = [operator.source, *([operator.residual.view] if operator.residual else [])]
        if one is tiled[place] or (_reads_all(operator) and any(_blocks(view) <= after for view in read)):
            after |= _blocks(operator.result)
            size += one.weights.words * config.rows if one.weights else 0
    # In the banks, in page buffers, and a tile in the shadow registers, which is not needed in its page any more.
    room = (config.frames + config.load_buffers) * config.page_bytes + config.rows * config.cols
    return max(0, size - room) // config.bus_bytes


def _work_before(tiled: Sequence[Tiled], place: int, config: Config) -> tuple[int, int]:
    """Cycles of the array and of post-processing for all that the outputs of an operator depend on."""
    needed: dict[_Block, _Box] = {}
    result = tiled[place].operator.result
    _need(tiled[place].operator, tiled[place].operator.source, ((0, result.height), (0, result.width)), needed)
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
    """Note what outputs of an operator read: of values with others between them that it does not read, one."""
    rows, columns = (_read(axis, some) for axis, some in zip(axes(operator), box, strict=True))
    _same(view, (rows, columns), needed)


def _read(axis: Axis, outputs: Interval) -> Interval:
    low, high = axis.reach(outputs)[0]
    taps, several = axis.taps[1], outputs[1] - outputs[0] > 1
    gaps = (taps > 1 and axis.dilation > 1) or (several and axis.stride > taps)
    return (low, low + 1) if gaps else (low, high)


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
