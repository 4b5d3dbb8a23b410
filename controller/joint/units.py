"""What can be put in another order: COMPUTEs from the first piece of a sum to its last, and which ones others need."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.cost import array_cycles, post_cycles, statistic_cycles
from spec import timing
from spec.isa import Mode, Role, TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from controller.choice import Tiled
    from controller.commands import Command, Range
    from controller.layout import Buffer
    from spec.config import Config

#: A page of a buffer.
Page = tuple["Buffer", int]
#: A row of a buffer's map, all blocks of it.
_Row = tuple["Buffer", int]
_STATISTICS = (Mode.MEASURE, Mode.NORMALIZE)
#: Classes of maps that come from DRAM.
_GIVEN = (TensorClass.INPUT, TensorClass.CONSTANTS)


@dataclass(frozen=True, eq=False)
class Unit:
    """COMPUTEs that must follow each other: those of one sum on the array, or one of another mode.

    Parameters
    ----------
    operator
        Its place among the operators.
    row
        The first row that it writes.
    commands
        In order.
    array, post
        Cycles of the array and of post-processing.
    needs
        The units that write what it reads.
    reads, writes
        The pages of maps that it reads, and those that it writes; nothing if it measures.
    weights
        The pages of weights that it reads.
    """

    operator: int
    row: int
    commands: tuple[Command, ...]
    array: int
    post: int
    needs: tuple[Unit, ...]
    reads: tuple[Page, ...]
    writes: tuple[Page, ...]
    weights: tuple[Page, ...]

    @property
    def measures(self) -> bool:
        """Whether it is part of a statistic; what is known of pixels is kept for one operator at a time."""
        return self.commands[0].mode is Mode.MEASURE

    @property
    def normalizes(self) -> bool:
        """Whether it needs the statistic that its operator has measured last."""
        return self.commands[0].mode is Mode.NORMALIZE


def units(tiled: Mapping[int, Tiled], config: Config) -> dict[int, list[Unit]]:
    """The units of some operators, in the order in which each has its own.

    A unit may come as soon as what it needs has come; operators that are not among these come before or after all.
    """
    views = [view for one in tiled.values() for view in one.operator.views]
    strides = {one.buffer: view.row_stride(block) for view in views for block, one in enumerate(view.blocks)}
    writers: dict[_Row, list[tuple[range, Unit]]] = defaultdict(list)
    found: dict[int, list[Unit]] = {}
    for place in sorted(tiled):
        found[place] = []
        mine: list[tuple[_Row, range, Unit]] = []
        for commands in _sums(tiled[place].commands):
            inputs = [one for command in commands for one in _inputs(command)]
            outputs = _outputs(commands[-1])
            writes = [_box(one, strides[one.buffer]) for one in outputs]
            needed = _needed([_box(some, strides[some.buffer]) for some in inputs], writers)
            # A statistic goes on where the unit before it ended.
            before = found[place][-1:] if commands[0].mode in _STATISTICS else []
            one = Unit(
                place, min((rows.start for _, rows, _ in writes), default=0), commands,
                sum(_array(command, config) for command in commands),
                sum(_post(command, config) for command in commands if command.last or command.mode is Mode.MEASURE),
                tuple(dict.fromkeys((*before, *needed))), _pages(inputs, config), _pages(outputs, config),
                _pages([some for command in commands if (some := command.operands.get(Role.WEIGHTS))], config),
            )  # fmt: skip
            found[place].append(one)
            mine += [((buffer, row), columns, one) for buffer, rows, columns in writes for row in rows]
        for row, columns, one in mine:
            writers[row].append((columns, one))
    return found


def demanded(some: Mapping[int, Sequence[Unit]]) -> dict[int, list[Unit]]:
    """The units of each operator in the order in which those behind it want them, from the deepest operator on.

    A window that reads a block of channels then has it before the next block is made.
    """
    ordered: dict[int, list[Unit]] = {place: [] for place in some}
    seen: set[Unit] = set()

    def want(unit: Unit) -> None:
        if unit not in seen:
            seen.add(unit)
            for one in unit.needs:
                want(one)
            ordered[unit.operator].append(unit)

    for place in sorted(some, reverse=True):
        for unit in some[place]:
            want(unit)
    return ordered


def readers(some: Mapping[int, Sequence[Unit]]) -> Counter[Page]:
    """How many units read each page."""
    return Counter(page for several in some.values() for one in several for page in one.reads)


def found(some: Mapping[int, Sequence[Unit]]) -> set[Page]:
    """The pages of maps that these operators find on chip: an input comes from DRAM instead."""
    made = {page for several in some.values() for one in several for page in one.writes}
    return {page for page in readers(some) if page not in made and page[0].kind not in _GIVEN}


def _pages(operands: Sequence[Range], config: Config) -> tuple[Page, ...]:
    return tuple(dict.fromkeys(
        (one.buffer, page)
        for one in operands
        for first, end in one.pages(config.page_words)
        for page in range(first, end)
    ))


def _sums(commands: Sequence[Command]) -> Iterator[tuple[Command, ...]]:
    """Commands up to the last of a sum or of a statistic: all that is measured has been made before it begins."""
    some: list[Command] = []
    for command in commands:
        some.append(command)
        if command.last or command.closing:
            yield tuple(some)
            some = []


def _inputs(command: Command) -> list[Range]:
    """The maps that it reads: one may be the weights."""
    return [
        operand
        for role, operand in command.operands.items()
        if role in (Role.INPUT, Role.RESIDUAL)
        or (role is Role.WEIGHTS and operand.buffer.kind not in (TensorClass.WEIGHTS, TensorClass.CONSTANTS))
    ]


def _outputs(command: Command) -> list[Range]:
    return [operand for role, operand in command.operands.items() if role is Role.OUTPUT]


def _box(operand: Range, stride: int) -> tuple[Buffer, range, range]:
    """The rows of a map that an operand touches, and the words of a row."""
    row, column = divmod(operand.offset, stride)
    if column + operand.run > stride or (operand.count > 1 and operand.stride != stride):
        return operand.buffer, range(row, (operand.end - 1) // stride + 1), range(stride)
    return operand.buffer, range(row, row + operand.count), range(column, column + operand.run)


def _needed(
    reads: Sequence[tuple[Buffer, range, range]], writers: Mapping[_Row, Sequence[tuple[range, Unit]]]
) -> tuple[Unit, ...]:
    return tuple(dict.fromkeys(
        one
        for buffer, rows, columns in reads
        for row in rows
        for written, one in writers.get((buffer, row), ())
        if written.start < columns.stop and columns.start < written.stop
    ))


def _array(command: Command, config: Config) -> int:
    if command.mode is not Mode.ARRAY:
        return 0
    weights, pixels = command.operands[Role.WEIGHTS], command.height * command.width
    return array_cycles(config, weights.run * weights.count // config.rows, pixels, turned=command.turned)


def _post(command: Command, config: Config) -> int:
    kernel, pixels = command.kernel, command.height * command.width
    if command.mode in _STATISTICS:
        return statistic_cycles(config, command)
    slots, slot_cycles, addends = pixels, 1, 0
    if command.mode is not Mode.ARRAY:
        addends = pixels * command.residual
        slots = pixels * kernel["kernel_h"] * kernel["kernel_w"]
        if command.mode is Mode.AVERAGE:
            slot_cycles = config.rows
            addends += pixels * timing.average_turn(config)
        if command.lines:
            slots = timing.region(command.height, kernel["kernel_h"], kernel["stride_h"])
            slots *= timing.region(command.width, kernel["kernel_w"], kernel["stride_w"])
            slot_cycles = timing.slot_cycles(config, kernel["kernel_h"], kernel["kernel_w"])
            addends += pixels * timing.further_cycles(config, kernel["kernel_h"], kernel["kernel_w"])
    weighted = command.mode in (Mode.DEPTHWISE, Mode.AVERAGE)
    return post_cycles(
        slots, slot_cycles=slot_cycles, addends=addends,
        tap_words=command.operands[Role.WEIGHTS].run if weighted else 0,
        table_words=timing.lookup_words(config) if command.looks_up else 0,
    )  # fmt: skip
