"""The validator accepts what the compiler makes and finds what is broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.check import UnsoundError, check
from controller.compiler import Compiled, compile_graph
from controller.read import read
from spec.config import CONFIGS
from spec.isa import Opcode, Role
from spec.program import Instruction, assemble
from tests.controller.models import QdqModel
from tests.controller.networks import residual_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Instructions = list[Instruction]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """A sound program."""
    model = QdqModel(True, np.random.default_rng(0))
    residual_blocks(model)
    path: Path = tmp_path_factory.mktemp("check") / "model.onnx"
    found = compile_graph(read(model.save(path)), CONFIGS["tiny"])
    check(found)
    return found


def _find(instructions: Instructions, opcode: Opcode, number: int = 0, **fields: int) -> int:
    places = [
        at
        for at, one in enumerate(instructions)
        if one.opcode is opcode and all(one.fields[name] == value for name, value in fields.items())
    ]
    return places[number]


def _changed(at: int, instructions: Instructions, **fields: int) -> Instructions:
    changed = list(instructions)
    changed[at] = Instruction(changed[at].opcode, {**changed[at].fields, **fields})
    return changed


def _without(at: int, instructions: Instructions) -> Instructions:
    return [*instructions[:at], *instructions[at + 1 :]]


def _moved(at: int, to: int, instructions: Instructions) -> Instructions:
    """Instruction ``at`` stands before ``to``, which comes earlier."""
    return [*instructions[:to], instructions[at], *instructions[to:at], *instructions[at + 1 :]]


def _twice(instructions: Instructions) -> Instructions:
    at = _find(instructions, Opcode.COMPUTE)
    return [*instructions[: at + 1], *instructions[at:]]


BREAKAGES: dict[str, Callable[[Instructions], Instructions]] = {
    "is written twice": _twice,
    "is read before it is written": lambda some: _without(_find(some, Opcode.COMPUTE), some),
    "is named when dead": lambda some: _moved(_find(some, Opcode.RELEASE), _find(some, Opcode.COMPUTE), some),
    "is an output and must not die": lambda some: [
        *some[:-1],
        Instruction(Opcode.RELEASE, {"slot": some[_find(some, Opcode.BIND, -1, tensor_class=4)].fields["slot"],
                                     "first": 0, "pages": 1}),
    ],
    "pages are not stored at the end": lambda some: [one for one in some if one.opcode is not Opcode.STORE],
    "is not bound": lambda some: _without(_find(some, Opcode.BIND), some),
    "exceeds": lambda some: _changed(_find(some, Opcode.OPERAND, role=Role.INPUT), some, offset=4000),
    "leaves the pages that are named": lambda some: _changed(
        _find(some, Opcode.OPERAND, role=Role.INPUT), some, run=1, count=1
    ),
    "reaches past the virtual pages": lambda some: _changed(_find(some, Opcode.BIND), some, window=255),
}


@pytest.mark.parametrize("rule", BREAKAGES)
def test_finds_what_is_broken(rule: str, compiled: Compiled) -> None:
    """One instruction less, more or changed, and the sentence names the rule."""
    instructions = BREAKAGES[rule](list(compiled.instructions))
    broken = replace(
        compiled, instructions=tuple(instructions), program=assemble(compiled.config, instructions)
    )
    with pytest.raises(UnsoundError, match=rule):
        check(broken)


def test_an_output_that_is_not_written_is_found(compiled: Compiled) -> None:
    """Also where nobody reads it."""
    instructions = list(compiled.instructions)
    last = max(at for at, one in enumerate(instructions) if one.opcode is Opcode.COMPUTE)
    broken = _without(last, instructions)
    with pytest.raises(UnsoundError, match=r"is not complete|sums are left"):
        check(replace(compiled, program=assemble(compiled.config, broken)))


def test_a_command_that_does_not_fit_is_found(compiled: Compiled) -> None:
    """The same program on a machine of four frames."""
    small = replace(compiled.config, banks=2, bank_bytes=2 * compiled.config.page_bytes)
    program = assemble(small, list(compiled.instructions))
    with pytest.raises(UnsoundError, match=r"a command needs \d+ pages in 4"):
        check(replace(compiled, config=small, program=program))
