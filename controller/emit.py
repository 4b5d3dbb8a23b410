"""Commands as instructions: registers that change, bindings ahead of use, stores and releases behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.bind import Binder
from controller.liveness import liveness
from spec.isa import COMPUTE, Opcode, Role
from spec.program import Instruction

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from controller.commands import Command, Range
    from controller.layout import Buffer
    from controller.liveness import Liveness
    from controller.place import Placement
    from spec.config import Config

#: A buffer, the first of some pages of it, and how many.
PageRun = tuple["Buffer", int, int]
_OPERATORS = 1 << next(field.width for field in COMPUTE.fields if field.name == "operator")
_LONGEST_RUN = (1 << 20) - 1


@dataclass(frozen=True)
class Wishes:
    """What a planner wants of the pages, some of it by the place of a command.

    Parameters
    ----------
    ahead
        Pages to fetch before their time, behind the command.
    pinned
        Buffers that stay for as long as others can leave, from the command on until another names them unpinned.
    leaving
        Pages that leave the scratchpad when the command has used them, written back if DRAM does not hold them.
    whole
        Weights that are bound as a whole however large: a slice that is bound anew would lose what was fetched of it.
    kept
        Buffers that do not die, as if more commands came.
    """

    ahead: Mapping[int, Sequence[PageRun]] = field(default_factory=dict)
    pinned: Mapping[int, AbstractSet[Buffer]] = field(default_factory=dict)
    leaving: Mapping[int, Sequence[PageRun]] = field(default_factory=dict)
    whole: AbstractSet[Buffer] = frozenset()
    kept: AbstractSet[Buffer] = frozenset()


def emit(
    commands: Sequence[Command], placement: Placement, config: Config, wishes: Wishes | None = None
) -> list[Instruction]:
    """The instructions of a program, END included.

    A page is stored when the last command of its operator that writes it is followed by one more command, so that
    the front end has something to run ahead with while the page is waited for. Pages are released as soon as no
    later command names them.
    """
    wishes = wishes or Wishes()
    emitter = Emitter(Binder(config, commands, placement, wishes.whole), config, wishes)
    found = list(emitter.emitted(commands, liveness(commands, config.page_words, wishes.kept)))
    return [*found, Instruction(Opcode.END, {})]


class Emitter:
    """Commands as instructions, portion after portion: registers keep what they hold, and slots what is bound.

    Parameters
    ----------
    binder
        What binds; it has the commands that come first.
    config, wishes
        The machine, and what a planner wants.
    """

    def __init__(self, binder: Binder, config: Config, wishes: Wishes) -> None:
        self.binder, self.config, self.wishes = binder, config, wishes
        self.registers: dict[tuple[Opcode, int], Mapping[str, int]] = {}
        self.pending: list[Instruction] = []

    def emitted(self, commands: Sequence[Command], life: Liveness) -> Iterator[Instruction]:
        """The instructions of a portion, which the binder has taken; `life` is what is known of its pages."""
        self.commands, self.life = commands, life
        self.complete = _completions(commands, self.config.page_words)
        for index, command in enumerate(self.commands):
            binds = self.binder.bind(index)
            if binds or (index and command.operator != self.commands[index - 1].operator):
                yield from self._flush()
            yield from binds
            yield from self._set(index, command)
            yield Instruction(Opcode.COMPUTE, self._trigger(command))
            yield from self._releases(index)
            yield from self._prefetches(index)
            yield from self._flush()
            self._finish(index, command)
        yield from self._flush()

    def _set(self, index: int, command: Command) -> Iterator[Instruction]:
        """Registers whose values differ from what they hold."""
        wanted: list[tuple[Opcode, int, Mapping[str, int]]] = [
            (Opcode.OPERAND, role, self._operand(index, role, operand)) for role, operand in command.operands.items()
        ]
        shapes = {
            Opcode.KERNEL: command.kernel,
            Opcode.BOUNDS: command.bounds,
            Opcode.SCALE: command.scale if command.adds else None,
            Opcode.CLAMP: command.clamp,
        }
        wanted += [(opcode, 0, fields) for opcode, fields in shapes.items() if fields is not None]
        for opcode, role, fields in wanted:
            if self.registers.get((opcode, role)) != fields:
                self.registers[opcode, role] = fields
                yield Instruction(opcode, dict(fields))

    def _operand(self, index: int, role: Role, operand: Range) -> dict[str, int]:
        slot = self.binder.slot_of(operand.buffer)
        offset = operand.offset - self.binder.bound(slot).first * self.config.page_words
        return {
            "slot": slot, "offset": offset, "run": operand.run, "stride": operand.stride if operand.count > 1 else 0,
            "count": operand.count, "role": int(role), "next_use": self.life.returns[index][role],
            "pin": int(operand.buffer in self.wishes.pinned.get(index, ())),
            "drop": int(operand.buffer in self.life.ends[index]),
        }  # fmt: skip

    def _trigger(self, command: Command) -> dict[str, int]:
        special = {
            "turned": int(command.turned), "statistic": int(command.statistic or 0), "closing": int(command.closing)
        }
        return {
            "mode": int(command.mode), "first": int(command.first), "last": int(command.last),
            "residual": int(command.residual), "table": int(command.looks_up),
            "operator": command.operator % _OPERATORS,
            "height": command.height, "width": command.width, "y": command.y, "x": command.x,
            "lines": int(command.lines), **{name: value for name, value in special.items() if value},
        }  # fmt: skip

    def _finish(self, index: int, command: Command) -> None:
        """What may follow the next command: stores of pages that are complete."""
        if Role.OUTPUT in command.operands:
            output = command.operands[Role.OUTPUT]
            self.binder.wrote(output.buffer, output.pages(self.config.page_words))
        for buffer, pages in self.complete.get(index, {}).items():
            slot = self.binder.slot_of(buffer)
            self.pending += self._stores(slot, sorted(pages), self.binder.bound(slot).first)
        self.pending += self._evictions(index)

    def _releases(self, index: int) -> Iterator[Instruction]:
        for buffer, intervals in self.life.dead[index].items():
            slot = self.binder.slot_of(buffer)
            for first, end in intervals:
                begin = first - self.binder.bound(slot).first
                yield Instruction(Opcode.RELEASE, {"slot": slot, "first": begin, "pages": end - first})

    def _prefetches(self, index: int) -> Iterator[Instruction]:
        words = self.config.page_words
        for buffer, first, pages in self.wishes.ahead.get(index, ()):
            yield from self.binder.cover(index, buffer, first, first + pages)
            slot = self.binder.slot_of(buffer)
            offset = (first - self.binder.bound(slot).first) * words
            yield Instruction(Opcode.PREFETCH, {
                "slot": slot, "offset": offset, "run": pages * words, "stride": 0, "count": 1,
            })  # fmt: skip

    def _evictions(self, index: int) -> Iterator[Instruction]:
        words = self.config.page_words
        for buffer, first, pages in self.wishes.leaving.get(index, ()):
            slot = self.binder.find(buffer)
            if slot is None:
                continue
            bound = self.binder.bound(slot)
            # Pages that are bound no more are gone.
            low, end = max(first, bound.first), min(first + pages, bound.first + bound.pages)
            if low < end:
                yield Instruction(Opcode.EVICT, {
                    "slot": slot, "offset": (low - bound.first) * words, "run": (end - low) * words, "stride": 0,
                    "count": 1,
                })  # fmt: skip

    def _stores(self, slot: int, pages: Sequence[int], first: int) -> Iterator[Instruction]:
        words, most = self.config.page_words, _LONGEST_RUN // self.config.page_words
        runs: list[list[int]] = []
        for page in pages:
            if runs and page == runs[-1][1] and page - runs[-1][0] < most:
                runs[-1][1] += 1
            else:
                runs.append([page, page + 1])
        for low, end in runs:
            yield Instruction(Opcode.STORE, {
                "slot": slot, "offset": (low - first) * words, "run": (end - low) * words, "stride": 0, "count": 1,
            })  # fmt: skip

    def _flush(self) -> Iterator[Instruction]:
        yield from self.pending
        self.pending = []


def _completions(commands: Sequence[Command], page_words: int) -> dict[int, dict[Buffer, set[int]]]:
    """For each command, the pages that no later command of its operator writes."""
    last: dict[tuple[int, Buffer, int], int] = {}
    for index, command in enumerate(commands):
        output = command.operands.get(Role.OUTPUT)
        if output is not None:
            for first, end in output.pages(page_words):
                for page in range(first, end):
                    last[command.operator, output.buffer, page] = index
    complete: dict[int, dict[Buffer, set[int]]] = {}
    for (_, buffer, page), index in last.items():
        complete.setdefault(index, {}).setdefault(buffer, set()).add(page)
    return complete
