"""Weights that several operators have in common: steps of a recurrent network take them from one buffer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from controller.choice import Tiled
    from controller.commands import Command
    from controller.layout import Buffer


def shared(tiled: Sequence[Tiled]) -> list[Tiled]:
    """The operators, where those whose weights are the same words name the buffer of the first of them."""
    sharing = Sharing()
    return [sharing.taken(one) for one in tiled]


class Sharing:
    """The weights of the operators that have come."""

    def __init__(self) -> None:
        self._buffers: dict[bytes, Buffer] = {}

    def taken(self, one: Tiled) -> Tiled:
        """An operator as it is, or with the buffer of an earlier one that has the same words."""
        first = one.weights
        # Copies, which have no multiplications of the network's, are small and far apart.
        if one.words is not None and first is not None and one.operator.macs:
            first = self._buffers.setdefault(sha256(one.words.tobytes()).digest(), first)
        return one if first is one.weights or first is None else _moved(one, first)


def _moved(one: Tiled, first: Buffer) -> Tiled:
    assert one.weights is not None
    commands = tuple(_renamed(one.commands, one.weights, first))
    return replace(
        one, commands=commands, weights=first, at_height=partial(_at_height, one.at_height, one.weights, first)
    )


def _at_height(cut: Callable[[int], list[Command]], own: Buffer, first: Buffer, height: int) -> list[Command]:
    return _renamed(cut(height), own, first)


def _renamed(commands: Iterable[Command], own: Buffer, first: Buffer) -> list[Command]:
    return [
        replace(
            command,
            operands={
                role: replace(operand, buffer=first) if operand.buffer is own else operand
                for role, operand in command.operands.items()
            },
        )
        for command in commands
    ]
