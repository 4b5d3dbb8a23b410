"""Operators of networks of language: products of maps, statistics of each pixel's channels, multiplications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.graph import Normalization, Softmax
from controller.lanewise import factor
from controller.layout import full_blocks
from controller.operators import Operator
from controller.products import within
from controller.statistics import table_of
from spec.isa import Mode, Statistic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controller.graph import Multiplication, Product
    from controller.layout import View
    from controller.stored import Stored


def product(node: Product, stored: Stored, result: View) -> Iterator[Operator]:
    """A product, after copies of operands whose channels, or tiles, lie otherwise than it needs them.

    Unturned, channel c of the first map meets pixel c of the second. Turned, channels of both meet lane by lane: lanes
    that hold none of them must not count, for which it is enough that those of one map hold its zero point.
    """
    rows = stored.config.rows
    first, second = stored.view(node.first), stored.view(node.second)
    if not stored.counted(node.first, alone=True):
        copy = factor(node.name, node.first, first, full_blocks(first.channels, rows), rows)
        yield copy
        first = copy.result
    counted = not node.turned or stored.counted(node.second, alone=False)
    if not counted or not within(second, rows):
        lanes = full_blocks(second.channels, rows) if node.turned else second.lanes
        copy = factor(node.name, node.second, second, lanes, rows)
        yield copy
        second = copy.result
    yield Operator(
        node.name, Mode.ARRAY, first, result, (1, 1), (1, 1), (1, 1), (0, 0), node.first.zero, (node.requantize,),
        other=second, turned=node.turned, zeros=(node.first.zero, node.second.zero), macs=node.macs,
    )  # fmt: skip


def statistic(node: Softmax | Normalization, stored: Stored, result: View) -> Iterator[Operator]:
    """Softmax or normalization, after a copy of what it reads where blocks have gaps."""
    rows = stored.config.rows
    source = stored.view(node.source)
    if not stored.apart(node.source):
        copy = factor(node.name, node.source, source, full_blocks(source.channels, rows), rows)
        yield copy
        source = copy.result
    kind = Statistic.EXPONENTIALS if isinstance(node, Softmax) else Statistic.MOMENTS
    yield Operator(
        node.name, Mode.NORMALIZE, source, result, (1, 1), (1, 1), (1, 1), (0, 0), node.source.zero,
        (node.requantize,), statistic=kind, table=table_of(node, rows),
    )  # fmt: skip


def multiplication(node: Multiplication, first: View, second: View, result: View) -> Operator:
    """A multiplication of two maps whose lanes agree."""
    return Operator(
        node.name, Mode.MULTIPLY, first, result, (1, 1), (1, 1), (1, 1), (0, 0), node.first.zero, (node.requantize,),
        other=second, zeros=(node.first.zero, node.second.zero),
    )  # fmt: skip
