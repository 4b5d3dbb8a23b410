"""Programs hold what commands need and no more, and end as they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from controller.compiler import Compiled, compile_graph
from controller.listing import listing
from controller.read import read
from spec.config import CONFIGS
from spec.isa import HEADER, INSTRUCTION_BYTES, MAGIC, WORDS, Opcode, TensorClass
from tests.controller.models import QdqModel
from tests.controller.networks import inverted_bottleneck

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def compiled(tmp_path: Path) -> Compiled:
    """A program of every engine."""
    model = QdqModel(True, np.random.default_rng(0))
    inverted_bottleneck(model)
    return compile_graph(read(model.save(tmp_path / "model.onnx")), CONFIGS["tiny"])


def test_the_bytes_are_the_instructions(compiled: Compiled) -> None:
    """Header first, END last, padding to whole bursts after it."""
    words = [
        int.from_bytes(compiled.program[at : at + INSTRUCTION_BYTES], "little")
        for at in range(0, len(compiled.program), INSTRUCTION_BYTES)
    ]
    header = HEADER.decode(words[0])
    assert (header["magic"], header["configuration"]) == (MAGIC, compiled.config.hash)
    assert header["length"] == len(compiled.instructions) + 1
    for word, instruction in zip(words[1:], compiled.instructions, strict=False):
        zeros = WORDS[instruction.opcode].decode(0)
        assert WORDS[instruction.opcode].decode(word) == {**zeros, "opcode": instruction.opcode, **instruction.fields}
    assert compiled.instructions[-1].opcode is Opcode.END
    assert not any(words[header["length"] :])


def test_no_register_is_set_to_what_it_holds(compiled: Compiled) -> None:
    """An instruction that changes nothing costs cycles all the same."""
    held: dict[tuple[Opcode, int], dict[str, int]] = {}
    for one in compiled.instructions:
        if one.opcode in {Opcode.OPERAND, Opcode.KERNEL, Opcode.BOUNDS, Opcode.SCALE, Opcode.CLAMP}:
            key = one.opcode, one.fields.get("role", 0)
            assert held.get(key) != one.fields
            held[key] = one.fields


def test_every_page_is_released_once(compiled: Compiled) -> None:
    """All pages but those of outputs, which are none's to drop; the last use of a buffer drops it."""
    bound: dict[int, dict[str, int]] = {}
    released: list[int] = []
    dropped: set[int] = set()
    for one in compiled.instructions:
        if one.opcode is Opcode.BIND:
            bound[one.fields["slot"]] = one.fields
        elif one.opcode is Opcode.RELEASE:
            first = bound[one.fields["slot"]]["page"] + one.fields["first"]
            released += range(first, first + one.fields["pages"])
        elif one.opcode is Opcode.OPERAND and one.fields["drop"]:
            dropped.add(bound[one.fields["slot"]]["page"])
    buffers = [buffer for buffer in compiled.placement.pages if buffer.kind is not TensorClass.OUTPUT]
    pages, words = compiled.placement.pages, compiled.config.page_words
    assert sorted(released) == sorted(pages[one] + p for one in buffers for p in range(one.pages(words)))
    assert len(dropped) == len(buffers)


def test_the_listing_names_everything(compiled: Compiled) -> None:
    """Every buffer, every operator, every instruction has its line."""
    text = listing(compiled)
    for buffer in compiled.placement.pages:
        assert buffer.name in text
    for one in compiled.tiled:
        assert one.operator.name in text
    lines = len(compiled.instructions) + len(compiled.placement.pages) + len(compiled.tiled) + 8
    assert len(text.splitlines()) == lines


def test_a_program_is_the_same_every_time(tmp_path: Path, compiled: Compiled) -> None:
    """Compiling again gives the same bytes."""
    again = compile_graph(read(tmp_path / "model.onnx"), CONFIGS["tiny"])
    assert again.program == compiled.program
    assert np.array_equal(again.image, compiled.image)
