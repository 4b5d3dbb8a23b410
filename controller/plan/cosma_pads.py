"""Padding as operators of their own, where a converter to a runtime with "same" padding has to write it so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from controller.plan.network import Kind, Operator, Tensor

if TYPE_CHECKING:
    from controller.plan.network import Network


def with_pads(network: Network) -> Network:
    """The network with a copy into a padded map before each operator whose padding is not what "same" means.

    "Same" gives ceil(size / stride) results, with the padding that takes split evenly, less before than after.
    Symmetric padding differs from it where a stride leaves an odd rest.
    """
    tensors = {tensor.name: tensor for tensor in network.tensors}
    operators: list[Operator] = []
    for one in network.operators:
        if not _differs(network, one) or one.window is None:
            operators.append(one)
            continue
        source = network.tensor[one.inputs[0]]
        space = len(one.window.kernel)
        sizes = [size + 2 * pad for size, pad in zip(source.shape[-space:], one.window.before, strict=True)]
        padded = Tensor(f"{one.name}.padded", (*source.shape[:-space], *sizes), source.width)
        tensors[padded.name] = padded
        operators.append(Operator(f"{one.name}.pad", Kind.COPY, (source.name,), (padded.name,)))
        bare = replace(one.window, before=(0,) * space)
        operators.append(replace(one, inputs=(padded.name, *one.inputs[1:]), window=bare))
    return replace(network, tensors=tuple(tensors.values()), operators=tuple(operators))


def _differs(network: Network, one: Operator) -> bool:
    if one.window is None or not any(one.window.before):
        return False
    space = len(one.window.kernel)
    given = network.tensor[one.inputs[0]].shape[-space:]
    made = network.tensor[one.outputs[0]].shape[-space:]
    for place, (size, results) in enumerate(zip(given, made, strict=True)):
        stride, reach = one.window.stride[place], (one.window.kernel[place] - 1) * one.window.dilation[place]
        same = -(-size // stride)
        padding = max(0, (same - 1) * stride + reach + 1 - size)
        if results != same or one.window.before[place] != padding // 2:
            return True
    return False
