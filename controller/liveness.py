"""What comes back when, and what is dead: each page's next use and last use, from the program's end backwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec.isa import NEVER, TensorClass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from controller.commands import Command
    from controller.layout import Buffer
    from spec.isa import Role

Interval = tuple[int, int]
#: Classes that the machine only reads, and that nothing but operators has.
PARAMETERS = frozenset({TensorClass.WEIGHTS, TensorClass.CONSTANTS})


@dataclass(frozen=True)
class Liveness:
    """What is known after each command.

    Parameters
    ----------
    returns
        For each command and operand, COMPUTEs until the page that it leaves behind is named again, or NEVER. That is
        the live page before its first; where there is none, the tensor's last page.
    dead
        For each command the pages (first, end) of its buffers that no later command names, outputs' excepted.
    ends
        For each command the buffers that no later command names, outputs excepted.
    """

    returns: Sequence[Mapping[Role, int]]
    dead: Sequence[Mapping[Buffer, Sequence[Interval]]]
    ends: Sequence[frozenset[Buffer]]


def liveness(commands: Sequence[Command], page_words: int, kept: Collection[Buffer] = ()) -> Liveness:
    """Walk the commands once, the last first; what is `kept` does not die, as if more commands came."""
    upcoming: dict[Buffer, dict[int, int]] = {}
    returns: list[dict[Role, int]] = []
    dead: list[dict[Buffer, list[Interval]]] = []
    ends: list[frozenset[Buffer]] = []
    for index in reversed(range(len(commands))):
        command = commands[index]
        ended = {
            buffer for buffer in command.spans if buffer not in upcoming and _dies(buffer, kept)
        }
        ends.append(frozenset(ended))
        returns.append({
            role: _distance(upcoming.get(one.buffer, {}), one.offset // page_words, index, one.buffer.pages(page_words))
            for role, one in command.operands.items()
        })
        last: dict[Buffer, list[int]] = {}
        for one in command.operands.values():
            uses = upcoming.setdefault(one.buffer, {})
            for first, end in one.pages(page_words):
                for page in range(first, end):
                    if page not in uses and _dies(one.buffer, kept):
                        last.setdefault(one.buffer, []).append(page)
                    uses[page] = index
        dead.append({buffer: _intervals(pages) for buffer, pages in last.items()})
    return Liveness(returns[::-1], dead[::-1], ends[::-1])


def unforeseen(commands: Sequence[Command], page_words: int) -> Liveness:
    """What is known of an operator's commands by somebody who knows none after them.

    Of no page when it comes back. Parameters are streamed: a page of them is given back when these commands are done
    with it, whoever may name it again; maps stay.
    """
    maps = {buffer for command in commands for buffer in command.spans if buffer.kind not in PARAMETERS}
    none: frozenset[Buffer] = frozenset()
    returns = [dict.fromkeys(command.operands, 0) for command in commands]
    return Liveness(returns, liveness(commands, page_words, maps).dead, [none] * len(commands))


def _dies(buffer: Buffer, kept: Collection[Buffer]) -> bool:
    return buffer.kind is not TensorClass.OUTPUT and buffer not in kept


def _distance(uses: Mapping[int, int], first: int, index: int, pages: int) -> int:
    behind = uses.get(first - 1, uses.get(pages - 1))
    return NEVER if behind is None else min(behind - index, NEVER - 1)


def _intervals(pages: Sequence[int]) -> list[Interval]:
    found: list[list[int]] = []
    for page in sorted(pages):
        if found and page == found[-1][1]:
            found[-1][1] += 1
        else:
            found.append([page, page + 1])
    return [(first, end) for first, end in found]
