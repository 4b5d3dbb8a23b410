"""Mul, Div, Add, Sub and Pow: of two maps, of a map and constants, of two functions of one map."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from controller.functions import sides
from controller.graph import Addition, Constant, Multiplication, Requantize, Rescale, Tensor
from controller.numerics import Floats, add, addition_constants, matching_scale, multiplication_ratio, multiply
from controller.values import Function, Map, Quantization, QuantizedConstant, Several, Stack, Unfinished
from controller.values import quantization_of as form_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from controller.graph import Node
    from controller.names import Names
    from controller.numerics import Integers
    from controller.source import SourceNode

_FLOAT: Mapping[str, Callable[[Floats, Floats], Floats]] = MappingProxyType({
    "Add": np.add, "Div": np.divide, "Mul": np.multiply, "Pow": np.power, "Sub": np.subtract,
})  # fmt: skip
#: The operators of ONNX.
ARITHMETIC = tuple(_FLOAT)


def lower_arithmetic(names: Names, node: SourceNode) -> Unfinished | Several | Function:
    """Two operands, at least one of them an activation."""
    reals = [names.real(node, index) for index in (0, 1)]
    if reals[0] is not None and reals[1] is not None:
        raise names.source.refuse(node, "must have an activation among its operands, not two constants")
    constant = next((index for index in (0, 1) if reals[index] is not None), None)
    real = None if constant is None else reals[constant]
    if constant is not None and real is not None and real.size == 1:
        return _of_number(names, node, constant, real.reshape(()))
    values = [names.values.get(name) for name in node.inputs]
    if any(isinstance(value, Function) for value in values):
        return _of_functions(names, node, constant)
    if node.kind == "Add":
        if any(isinstance(value, Stack) for value in values):
            return _added_stacks(names, node, constant)
        return _added(names, node, constant)
    if node.kind == "Mul":
        return _multiplied(names, node) if constant is None else _scaled(names, node, constant)
    raise names.source.refuse(node, "must have one number as an operand, or stand between functions of one map")


def _of_number(names: Names, node: SourceNode, constant: int, real: NDArray[np.float32]) -> Function:
    """An activation and one number."""
    source, entries = sides(names, node, 1 - constant)
    value = names.values.get(node.inputs[constant])
    alone = isinstance(value, QuantizedConstant) and not isinstance(
        names.values.get(node.inputs[1 - constant]), Function
    )
    kernel = _kernel(node, source.tensor, value) if alone and isinstance(value, QuantizedConstant) else None
    operands = (entries, real) if constant else (real, entries)
    return Function(node, source, _made(names, node, *operands), kernel)


def _made(names: Names, node: SourceNode, first: Floats, second: Floats) -> Floats:
    """What the operator makes of floats."""
    try:
        return np.asarray(_FLOAT[node.kind](first, second), np.float32)
    except FloatingPointError:
        raise names.source.refuse(node, "must have numbers as results for all integers of its map") from None


def _kernel(
    node: SourceNode, tensor: Tensor, constant: QuantizedConstant
) -> Callable[[Quantization], Integers] | None:
    """What onnxruntime's integer kernel for a map and a number makes of all integers; it takes the map first."""
    before = form_of(tensor)
    integers = np.arange(before.low, before.high + 1)
    scale, value = float(constant.scale[0]), int(constant.values.reshape(-1)[0])
    zero = int(constant.zero[0])

    def product(form: Quantization) -> Integers:
        ratio = multiplication_ratio(before.scale, scale, form.scale)
        return multiply((integers - before.zero) * (value - zero), ratio, form.zero, form.low, form.high)

    def total(form: Quantization) -> Integers:
        constants = addition_constants((before.scale, before.zero), (scale, zero), (form.scale, form.zero))
        real = add(integers, np.full(integers.shape, value), constants)
        return np.clip(np.rint(real), form.low, form.high).astype(np.int64)

    return {"Mul": product, "Add": total}.get(node.kind)


def _of_functions(names: Names, node: SourceNode, constant: int | None) -> Function:
    """Two functions of one map."""
    if constant is not None:
        raise names.source.refuse(node, "must have one number beside a function that is not quantized")
    (first, one), (second, two) = sides(names, node, 0), sides(names, node, 1)
    if first != second:
        raise names.source.refuse(node, "must have functions of one map as operands, or quantized ones")
    return Function(node, first, _made(names, node, one, two))


def _added(names: Names, node: SourceNode, constant: int | None) -> Unfinished:
    """Two feature maps of one shape, or one and constants of its shape."""
    if constant is None:
        first, second = (names.map_of(node, index, tokens=True) for index in (0, 1))
        if first.tensor.shape != second.tensor.shape or first.tokens != second.tokens:
            raise names.source.refuse(
                node, f"must add maps of one shape, not {first.onnx_shape} and {second.onnx_shape}"
            )
        return _addition(node.name, node, first, (first.tensor, second.tensor))
    here = names.map_of(node, 1 - constant, tokens=True)
    filled = constant_map(names, node, constant, here)
    tensors = (filled.result, here.tensor) if constant == 0 else (here.tensor, filled.result)
    return _addition(node.name, node, here, tensors, (filled,))


def _added_stacks(names: Names, node: SourceNode, constant: int | None) -> Several:
    first, second = (names.values.get(name) for name in node.inputs)
    if constant is not None or not isinstance(first, Stack) or not isinstance(second, Stack):
        raise names.source.refuse(node, "must add heads to heads")
    if first.onnx_shape != second.onnx_shape or first.turned != second.turned or first.quantized or second.quantized:
        raise names.source.refuse(node, "must add heads of one shape, each with its pixels in one order")
    pairs = zip(first.tensors, second.tensors, strict=True)
    parts = tuple(
        _addition(f"{node.name}, {place}", node, Map(one, 2, tokens=True), (one, two))
        for place, (one, two) in enumerate(pairs)
    )
    return Several(parts, first.leading, first.turned)


def _addition(
    name: str, node: SourceNode, like: Map, operands: tuple[Tensor, Tensor], before: tuple[Node, ...] = ()
) -> Unfinished:
    first, second = operands

    def build(result: Tensor, _low: float, _high: float) -> Addition:
        one, two, three = (form_of(tensor) for tensor in (first, second, result))
        fixed, first_ratio, second_ratio = addition_constants(
            (one.scale, one.zero), (two.scale, two.zero), (three.scale, three.zero)
        )
        return Addition(
            name, first, second, result, float(fixed), float(first_ratio), float(second_ratio),
            -result.offset, -128, 127,
        )  # fmt: skip

    return Unfinished(node, like.tensor.shape, like.rank, build, tokens=like.tokens, before=before)


def constant_map(names: Names, node: SourceNode, index: int, like: Map) -> Constant:
    """Constants as a map of the shape of another."""
    value = names.quantized_constant(node, index)
    assert value is not None
    try:
        whole = np.broadcast_to(value.values, like.onnx_shape)
    except ValueError:
        raise names.source.refuse(
            node, f"must have constants that fit {like.onnx_shape}, not {value.values.shape}"
        ) from None
    return constant_of(names, node, index, value, whole, like)


def constant_of(
    names: Names, node: SourceNode, index: int, value: QuantizedConstant, whole: NDArray[np.int64], like: Map
) -> Constant:
    """The map that holds some constants, which have ONNX's shape and are seen like another map."""
    if value.scale.size != 1:
        raise names.source.refuse(node, "must have one scale for all of its constants")
    offset, zero = like.tensor.offset, int(value.zero[0])
    stored = whole.astype(np.int64) - offset
    if stored.min() < -128 or stored.max() > 127 or not -128 <= zero - offset <= 127:
        raise names.source.refuse(node, "must have constants of its activation's type")
    batch, height = like.tensor.shape[0], like.tensor.shape[2]
    if like.tokens:
        stored = stored.reshape(batch, -1, stored.shape[-1]).transpose(0, 2, 1)[:, :, None]
    else:
        stored = stored.reshape(batch, like.tensor.shape[1], height, -1)
    name = f"{node.output}, constant {index}"
    tensor = Tensor(name, stored.shape, float(value.scale[0]), zero - offset, like.tensor.unsigned)
    return Constant(name, tensor, np.ascontiguousarray(stored).astype(np.int8))


def _multiplied(names: Names, node: SourceNode) -> Unfinished:
    """Two feature maps of one shape, lane by lane."""
    if any(isinstance(names.values.get(name), Stack) for name in node.inputs):
        raise names.source.refuse(node, "must multiply feature maps or numbers, not heads")
    first, second = (names.map_of(node, index, tokens=True) for index in (0, 1))
    if first.tensor.shape != second.tensor.shape or first.tokens != second.tokens:
        raise names.source.refuse(
            node, f"must multiply maps of one shape, not {first.onnx_shape} and {second.onnx_shape}"
        )
    integers = np.arange(-128, 128)
    products = np.unique(np.outer(integers - first.tensor.zero, integers - second.tensor.zero))

    def build(result: Tensor, _low: float, _high: float) -> Multiplication:
        form, channels = form_of(result), result.shape[1]
        ratio = multiplication_ratio(first.tensor.scale, second.tensor.scale, form.scale)
        scale = _scale_of(products, ratio, form)
        requantize = Requantize(
            np.zeros(channels, np.int32), np.full(channels, scale, np.float32), result.zero, -128, 127
        )
        return Multiplication(node.name, first.tensor, second.tensor, result, requantize)

    return Unfinished(node, first.tensor.shape, first.rank, build, tokens=first.tokens)


def _scaled(names: Names, node: SourceNode, constant: int) -> Unfinished:
    """A feature map whose channels have a factor each."""
    here = names.map_of(node, 1 - constant, tokens=True)
    value = names.quantized_constant(node, constant)
    channels, tensor = here.tensor.shape[1], here.tensor
    assert value is not None
    factors = value.values.reshape(-1)
    last = value.values.ndim > 0 and value.values.shape[-1] == channels and (here.tokens or here.rank == 2)
    second = here.rank == 4 and value.values.shape[-3:] == (channels, 1, 1)
    if value.scale.size != 1 or factors.size != channels or not (last or second):
        raise names.source.refuse(node, f"must have one factor, or one for each of {channels} channels, in one scale")
    whole = factors.astype(np.int64) - int(value.zero[0])
    steps = np.arange(-128, 128) - tensor.zero

    def build(result: Tensor, _low: float, _high: float) -> Rescale:
        form = form_of(result)
        ratio = multiplication_ratio(tensor.scale, float(value.scale[0]), form.scale)
        scales = [_scale_of(steps, ratio, form, factor) for factor in whole.tolist()]
        bias = np.full(channels, -tensor.zero, np.int32)
        return Rescale(
            node.name, tensor, result, Requantize(bias, np.array(scales, np.float32), result.zero, -128, 127)
        )

    return Unfinished(node, tensor.shape, here.rank, build, tokens=here.tokens)


def _scale_of(steps: NDArray[np.int64], ratio: np.float32, form: Quantization, factor: int = 1) -> np.float32:
    """The scale with which requantization makes of all steps what QLinearMul makes; the nearest if there is none.

    The kernel adds the zero point before it rounds, the machine after. That differs where a product lies on the border
    of two results to float32; docs/numerics.md has how often no scale moves them all to the right side.
    """
    wanted = multiply(steps * factor, ratio, form.zero, form.low, form.high)
    near = np.float32(ratio * np.float32(factor))
    found = matching_scale(
        steps if factor >= 0 else -steps, wanted, form.zero, form.low, form.high, abs(float(near))
    )  # fmt: skip
    return near if found is None else np.float32(found if factor >= 0 else -found)

