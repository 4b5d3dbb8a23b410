"""A program for readers: what lies where, how every operator is cut, every instruction with its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import INSTRUCTION_BYTES, Mode, Opcode, Role, Statistic, TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.compiler import Compiled


def listing(compiled: Compiled) -> str:
    """The listing, in lines that end with a newline."""
    return "\n".join(_lines(compiled)) + "\n"


def _lines(compiled: Compiled) -> Iterator[str]:
    config = compiled.config
    yield f"program {compiled.graph.name} for configuration {config.name} ({config.hash:016x})"
    pages = compiled.placement.total
    yield f"{len(compiled.instructions) + 1} instructions, {pages} pages of {config.page_bytes} bytes"
    yield ""
    yield "page    pages  colour  class       buffer"
    for buffer, page in compiled.placement.pages.items():
        pages, colour = buffer.pages(config.page_words), compiled.placement.colours[buffer]
        yield f"{page:<7} {pages:<6} {colour:<7} {buffer.kind.name.lower():<11} {buffer.name}"
    yield ""
    yield "operator  engine     commands  name"
    for index, one in enumerate(compiled.tiled):
        mode = one.operator.mode.name.lower()
        yield f"{index:<9} {mode:<10} {len(one.commands):<9} {one.operator.name}: {one.choice}"
    yield ""
    yield "address  instruction"
    for index, instruction in enumerate(compiled.instructions, start=1):
        fields = " ".join(_field(name, value) for name, value in _named(instruction.opcode, instruction.fields).items())
        yield f"{index * INSTRUCTION_BYTES:06x}   {instruction.opcode.name:<8} {fields}".rstrip()


def _named(opcode: Opcode, fields: Mapping[str, int]) -> dict[str, int | str]:
    shown: dict[str, int | str] = dict(fields)
    if opcode is Opcode.BIND:
        shown["tensor_class"] = TensorClass(fields["tensor_class"]).name
    elif opcode is Opcode.OPERAND:
        shown["role"] = Role(fields["role"]).name
    elif opcode is Opcode.COMPUTE:
        shown["mode"] = Mode(fields["mode"]).name
        if "statistic" in fields:
            shown["statistic"] = Statistic(fields["statistic"]).name
    return shown


def _field(name: str, value: int | str) -> str:
    return f"{name}={value}"
