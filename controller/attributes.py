"""Attributes of ONNX nodes with their types and ranges checked, which ONNX's own checker leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.graph import Pair
    from controller.source import Source, SourceNode

#: No size of a network comes near it, and products of several still fit 64 bits.
_GREATEST = (1 << 20) - 1


def whole(source: Source, node: SourceNode, name: str, default: int, *, least: int = -_GREATEST) -> int:
    """An attribute that is one whole number.

    Raises
    ------
    ModelError
        If it is something else or out of range.
    """
    value = node.attributes.get(name, default)
    if not isinstance(value, int) or not least <= value <= _GREATEST:
        raise source.refuse(node, f"must have as {name} a whole number in {least}..{_GREATEST}, not {value!r:.40}")
    return value


def wholes(
    source: Source, node: SourceNode, name: str, default: Sequence[int], *, least: int
) -> tuple[int, ...]:
    """An attribute that is as many whole numbers as its default.

    Raises
    ------
    ModelError
        If it is something else, or one of them is out of range.
    """
    value = node.attributes.get(name, default)
    right = isinstance(value, list | tuple) and len(value) == len(default)
    if not right or not all(isinstance(side, int) and least <= side <= _GREATEST for side in value):
        raise source.refuse(
            node, f"must have as {name} {len(default)} whole numbers in {least}..{_GREATEST}, not {value!r:.40}"
        )
    return tuple(value)


def pair(source: Source, node: SourceNode, name: str) -> Pair:
    """An attribute of two positive numbers, such as strides; ones if it is left out."""
    first, second = wholes(source, node, name, (1, 1), least=1)
    return first, second


def number(source: Source, node: SourceNode, name: str, default: float) -> float:
    """An attribute that is one number.

    Raises
    ------
    ModelError
        If it is something else.
    """
    value = node.attributes.get(name, default)
    if not isinstance(value, int | float):
        raise source.refuse(node, f"must have as {name} a number, not {value!r:.40}")
    return float(value)


def word(source: Source, node: SourceNode, name: str, allowed: Sequence[str]) -> str:
    """An attribute that is one of some words; the first of them if it is left out.

    Raises
    ------
    ModelError
        If it is something else.
    """
    value = node.attributes.get(name, allowed[0].encode())
    for one in allowed:
        if value == one.encode():
            return one
    raise source.refuse(node, f"must have as {name} one of {', '.join(allowed)}, not {value!r:.40}")
