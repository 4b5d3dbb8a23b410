"""Small networks whose tensors meet in ways that single operators do not; each function builds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.controller.models import QdqModel

_SCALE = 0.05


def _convolve(
    model: QdqModel, source: str, shape: tuple[int, int, int], *, scale: float = _SCALE, zero: int | None = None,
    stride: int = 1, groups: int = 1, relu: bool = False,
) -> str:  # fmt: skip
    outputs, inputs, side = shape
    dense = model.dense((outputs, inputs // groups, side, side), 0, source, per_channel=True)
    real = model.node("Conv", [source, *dense], group=groups, pads=[side // 2] * 4, strides=[stride, stride])
    if relu:
        lowest = 0 if model.unsigned else -128
        return model.quantized(model.node("Relu", [real]), scale, lowest)
    return model.quantized(real, scale, model.zero_point() if zero is None else zero)


def concatenated_parts(model: QdqModel) -> None:
    """17 and 5 channels side by side, one of them also read alone, then pooled and convolved."""
    source = model.input([2, 3, 8, 6])
    first = _convolve(model, source, (17, 3, 3), zero=3)
    second = _convolve(model, source, (5, 3, 1), zero=3)
    joined = model.quantized(model.node("Concat", [first, second], axis=1), _SCALE, 3)
    pooled = model.node("MaxPool", [joined], kernel_shape=[2, 2], strides=[2, 2])
    pooled = model.quantized(pooled, _SCALE, 3)
    deep = _convolve(model, pooled, (7, 22, 3))
    mean = model.quantized(model.node("GlobalAveragePool", [deep]), 0.01, 7)
    model.output(model.node("Flatten", [mean]), 0.01, 7)
    alone = _convolve(model, second, (3, 5, 3))
    model.output(model.node("Identity", [alone]), *model.scales[alone])


def dense_block(model: QdqModel) -> None:
    """Concatenations inside concatenations; each layer reads all before it."""
    joined = _convolve(model, model.input([1, 2, 7, 5]), (6, 2, 3), zero=9)
    channels = 6
    for _ in range(3):
        grown = _convolve(model, joined, (3, channels, 3), zero=9)
        joined = model.quantized(model.node("Concat", [joined, grown], axis=1), _SCALE, 9)
        channels += 3
    model.output(model.node("Identity", [_convolve(model, joined, (4, channels, 1))]), _SCALE, 9)


def inputs_and_copies(model: QdqModel) -> None:
    """A network input, and one tensor twice, within a concatenation; operands of other scales too."""
    source = model.input([2, 5, 4, 7], scale=_SCALE, zero=2)
    inner = _convolve(model, source, (9, 5, 3), zero=2)
    other = _convolve(model, source, (4, 5, 3), scale=_SCALE * 1.37)
    joined = model.quantized(model.node("Concat", [source, inner, other, inner], axis=1), _SCALE, 2)
    deep = _convolve(model, joined, (6, 27, 3), stride=2)
    model.output(model.node("Identity", [deep]), *model.scales[deep])
    model.output(model.node("Identity", [joined]), _SCALE, 2)


def residual_blocks(model: QdqModel) -> None:
    """Additions that convolutions do: plain, and with a projection of stride 2. The ratios are powers of two."""
    here = _convolve(model, model.input([2, 3, 9, 9]), (10, 3, 3), relu=True)
    for stride in (1, 2, 1):
        lowest = 0 if model.unsigned else -128
        inner = _convolve(model, here, (10, 10, 3), stride=stride, relu=True)
        inner = _convolve(model, inner, (10, 10, 3), zero=lowest + 128)
        if stride == 2:
            here = _convolve(model, here, (10, 10, 1), stride=2, zero=lowest + 128)
        real = model.node("Relu", [model.node("Add", [inner, here])])
        here = model.quantized(real, _SCALE * 2, lowest)
        here = _convolve(model, here, (10, 10, 1), relu=True)
    model.output(model.node("Identity", [here]), *model.scales[here])


def holes_added(model: QdqModel) -> None:
    """An addition of a concatenation, whose blocks have holes, and a convolution, whose have none."""
    source = model.input([2, 6, 5, 5])
    first, second = _convolve(model, source, (5, 6, 1), zero=0), _convolve(model, source, (6, 6, 1), zero=0)
    joined = model.quantized(model.node("Concat", [first, second], axis=1), _SCALE, 0)
    plain = _convolve(model, source, (11, 6, 3), zero=0)
    model.output(model.node("Add", [joined, plain]), _SCALE * 2, 0)


def inverted_bottleneck(model: QdqModel) -> None:
    """Expand, depthwise of stride 2, project: convolutions of every engine in turn."""
    here = _convolve(model, model.input([2, 7, 10, 9]), (19, 7, 1), relu=True)
    here = _convolve(model, here, (19, 19, 3), groups=19, stride=2, relu=True)
    here = _convolve(model, here, (19, 19, 5), groups=19)
    here = _convolve(model, here, (6, 19, 1))
    here = _convolve(model, here, (6, 6, 3), groups=3)
    model.output(model.node("Identity", [here]), *model.scales[here])


def shuffled_units(model: QdqModel) -> None:
    """Units of ShuffleNetV2 with 13 and 13 channels; the last concatenation has a scale of its own."""
    zero = 0 if model.unsigned else -128
    source = model.input([2, 3, 8, 6])
    branches = [_convolve(model, source, (13, 3, 3), stride=2, relu=True) for _ in range(2)]
    for unit in range(3):
        scale = _SCALE * (1.25 if unit == 2 else 1)
        joined = model.quantized(model.node("Concat", branches, axis=1), scale, zero)
        kept, other = model.split(model.shuffled(joined, (2, 26, 4, 3), 2), (13, 13))
        inner = _convolve(model, other, (13, 13, 1), scale=scale, relu=True)
        inner = _convolve(model, inner, (13, 13, 3), groups=13)
        branches = [kept, _convolve(model, inner, (13, 13, 1), relu=True)]
    joined = model.quantized(model.node("Concat", branches, axis=1), _SCALE, zero)
    deep = _convolve(model, model.shuffled(joined, (2, 26, 4, 3), 13), (9, 26, 1))
    model.output(model.node("Identity", [deep]), *model.scales[deep])


def moved_channels(model: QdqModel) -> None:
    """Channels taken backwards, twice and every third, through axes that come back; pooled, added, and given out."""
    source = model.input([2, 20, 5, 4], scale=_SCALE, zero=2)
    first = _convolve(model, source, (20, 20, 3), zero=2)
    backwards = model.moved("Slice", first, [-1], [-(1 << 62)], [1], [-1])
    third = model.moved("Slice", source, [1], [20], [1], [3])
    last = model.moved("Transpose", first, perm=[0, 2, 3, 1])
    some = model.moved("Transpose", model.moved("Slice", last, [2], [9], [3]), perm=[0, 3, 1, 2])
    joined = model.quantized(model.node("Concat", [third, some, third], axis=1), _SCALE, 2)
    pooled = model.node("MaxPool", [joined], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    pooled = model.quantized(pooled, _SCALE, 2)
    plain = _convolve(model, pooled, (20, 21, 1), zero=2)
    total = model.quantized(model.node("Add", [backwards, plain]), _SCALE, 2)
    grouped = _convolve(model, model.moved("Slice", total, [4], [20], [1]), (8, 16, 3), groups=4)
    model.output(model.node("Identity", [grouped]), *model.scales[grouped])
    model.output(model.node("Identity", [joined]), _SCALE, 2)


NETWORKS = (
    concatenated_parts, dense_block, inputs_and_copies, residual_blocks, holes_added, inverted_bottleneck,
    shuffled_units, moved_channels,
)  # fmt: skip
