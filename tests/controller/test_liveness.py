"""Next and last uses of pages, on a graph of four tensors whose commands are written by hand."""

from __future__ import annotations

from controller.commands import Command, Range
from controller.layout import Buffer
from controller.liveness import liveness
from spec.isa import NEVER, Mode, Role, TensorClass

WORDS = 8
IMAGE = Buffer("image", TensorClass.INPUT, 2 * WORDS)
FIRST = Buffer("first", TensorClass.ACTIVATION, 2 * WORDS)
SECOND = Buffer("second", TensorClass.ACTIVATION, WORDS)
RESULT = Buffer("result", TensorClass.OUTPUT, WORDS)


def command(**operands: tuple[Buffer, int, int]) -> Command:
    """A command that names so many pages of buffers from a page on, by role."""
    ranges = {
        Role[role.upper()]: Range(buffer, first * WORDS, count * WORDS)
        for role, (buffer, first, count) in operands.items()
    }
    return Command(0, Mode.SUM, True, True, 1, 1, 0, 0, {}, {}, None, None, ranges)


#: image -> first, page by page; first -> second; first and second -> result.
COMMANDS = [
    command(input=(IMAGE, 0, 1), output=(FIRST, 0, 1)),
    command(input=(IMAGE, 0, 2), output=(FIRST, 1, 1)),
    command(input=(FIRST, 0, 2), output=(SECOND, 0, 1)),
    command(input=(FIRST, 1, 1), residual=(SECOND, 0, 1), output=(RESULT, 0, 1)),
]


def test_pages_die_after_their_last_use() -> None:
    """Some before the rest of their tensor; an output's never."""
    dead = liveness(COMMANDS, WORDS).dead
    assert dead == [{}, {IMAGE: [(0, 2)]}, {FIRST: [(0, 1)]}, {FIRST: [(1, 2)], SECOND: [(0, 1)]}]


def test_what_is_kept_does_not_die() -> None:
    kept = liveness(COMMANDS, WORDS, {FIRST})
    assert kept.dead == [{}, {IMAGE: [(0, 2)]}, {}, {SECOND: [(0, 1)]}]
    assert kept.ends[3] == {SECOND}


def test_a_tensor_ends_once() -> None:
    assert liveness(COMMANDS, WORDS).ends == [frozenset(), {IMAGE}, frozenset(), {FIRST, SECOND}]


def test_next_uses_are_those_of_the_page_left_behind() -> None:
    """Behind page 1 of `first` is page 0, which command 2 reads; before page 0 is none: the last page counts."""
    returns = liveness(COMMANDS, WORDS).returns
    assert returns[0] == {Role.INPUT: 1, Role.OUTPUT: 1}
    assert returns[1] == {Role.INPUT: NEVER, Role.OUTPUT: 1}
    assert returns[2] == {Role.INPUT: 1, Role.OUTPUT: 1}
    assert returns[3] == {Role.INPUT: NEVER, Role.RESIDUAL: NEVER, Role.OUTPUT: NEVER}
