"""Buffers lie in pages of their own; slots, windows and colours are shared as they must be."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from controller.bind import Binder
from controller.commands import Range
from controller.compiler import compile_graph
from controller.layout import Buffer
from controller.place import Placement, place, streamed_banks
from controller.read import read
from spec.config import CONFIGS
from spec.isa import Mode, Opcode, Role, TensorClass
from tests.controller.machine import compiled_and_checked, largest_difference
from tests.controller.models import QdqModel
from tests.controller.networks import NETWORKS, inverted_bottleneck, residual_blocks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("network", NETWORKS, ids=[one.__name__ for one in NETWORKS])
def test_pages_are_disjoint_and_operands_apart(network: object, tmp_path: Path) -> None:
    """Each buffer has its pages; with eight banks weights and inputs of a command never share their first."""
    model = QdqModel(True, np.random.default_rng(0))
    network(model)  # type: ignore[operator]
    compiled = compile_graph(read(model.save(tmp_path / "model.onnx")), CONFIGS["board"])
    words = compiled.config.page_words
    placed = sorted((page, buffer.pages(words)) for buffer, page in compiled.placement.pages.items())
    ends = [page + pages for page, pages in placed]
    assert [page for page, _ in placed] == [0, *ends[:-1]]
    assert ends[-1] == compiled.placement.total
    colours = compiled.placement.colours
    for one in compiled.tiled:
        for command in one.commands:
            if command.mode is Mode.ARRAY:
                operands = command.operands
                assert colours[operands[Role.INPUT].buffer] != colours[operands[Role.WEIGHTS].buffer]


def test_a_network_larger_than_the_virtual_pages_is_bound_in_slices(tmp_path: Path) -> None:
    """With 64 virtual pages little stays bound for long, and every integer is still right."""
    small = replace(CONFIGS["tiny"], name="small", virtual_pages=64)
    for network in (residual_blocks, inverted_bottleneck):
        rng = np.random.default_rng(2)
        model = QdqModel(True, rng)
        network(model)
        path = model.save(tmp_path / "model.onnx")
        compiled = compiled_and_checked(path, small)
        binds = sum(one.opcode is Opcode.BIND for one in compiled.instructions)
        assert binds > len(compiled.placement.pages)
        assert largest_difference(compiled, path, rng) == 0


def test_scattered_windows_make_room_for_a_large_one() -> None:
    """Small buffers fill the virtual pages; those that shrink move together, so that a large one finds its window."""
    config = replace(CONFIGS["tiny"], virtual_pages=64)
    small = [Buffer(f"small {number}", TensorClass.ACTIVATION, 8 * config.page_words) for number in range(8)]
    large = Buffer("large", TensorClass.ACTIVATION, 40 * config.page_words)
    uses = [(one, 8) for one in small] + [(large, 40)] + [(one, 1) for one in small]
    commands: Any = [SimpleNamespace(operator=0, spans={one: (0, pages * config.page_words)}) for one, pages in uses]
    buffers = dict.fromkeys([*small, large], 0)
    binder = Binder(config, commands, Placement(buffers, buffers, 0))
    for index, (one, pages) in enumerate(uses):
        binder.bind(index)
        windows = sorted((bound.window, bound.pages) for bound in binder.slots if bound)
        assert all(low + size <= high for (low, size), (high, _) in pairwise(windows))
        assert binder.bound(binder.slot_of(one)).pages >= pages


def test_slices_take_turns_where_dead_buffers_hold_the_rest() -> None:
    """What nothing needs any more gives its window back, so that the next slice need not have the last one's."""
    config = replace(CONFIGS["tiny"], virtual_pages=64)
    words = config.page_words
    dead = [Buffer(f"dead {number}", TensorClass.ACTIVATION, 8 * words) for number in range(6)]
    large = Buffer("large", TensorClass.ACTIVATION, 48 * words)
    spans = [{one: (0, 8 * words)} for one in dead]
    spans += [{large: (first * words, (first + 12) * words)} for first in (0, 12, 24, 36)]
    commands: Any = [SimpleNamespace(operator=0, spans=span) for span in spans]
    buffers = dict.fromkeys([*dead, large], 0)
    binder = Binder(config, commands, Placement(buffers, buffers, 0))
    before: set[int] = set()
    for index in range(len(spans)):
        binder.bind(index)
        if index >= len(dead):
            bound = binder.bound(binder.slot_of(large))
            window = set(range(bound.window, bound.window + bound.pages))
            assert not window & before
            before = window


def test_large_weights_are_bound_slice_by_slice_unless_as_a_whole() -> None:
    config = CONFIGS["edge"]
    words, slice_pages = config.page_words, streamed_banks(config) * config.bank_frames
    weights = Buffer("weights", TensorClass.WEIGHTS, 3 * slice_pages * words)
    spans = [{weights: (first * words, (first + 1) * words)} for first in range(3 * slice_pages)]
    commands: Any = [SimpleNamespace(operator=0, spans=span) for span in spans]
    placement = Placement({weights: 0}, {weights: 0}, 0)
    for whole, binds in (((), 3), ({weights}, 1)):
        binder = Binder(config, commands, placement, whole)
        assert sum(len(binder.bind(index)) for index in range(len(spans))) == binds


@pytest.mark.parametrize(("slices", "binds"), [(3, 1), (5, 10)])
def test_weights_that_come_back_are_sliced_only_if_they_do_not_fit(slices: int, binds: int) -> None:
    """Two operators, one after the other: what fits the scratchpad is bound once, as a whole, and stays."""
    config = CONFIGS["edge"]
    words, slice_pages = config.page_words, streamed_banks(config) * config.bank_frames
    weights = Buffer("weights", TensorClass.WEIGHTS, slices * slice_pages * words)
    pages = range(slices * slice_pages)
    assert (len(pages) > config.frames) == (slices == 5)
    commands: Any = [
        SimpleNamespace(operator=operator, spans={weights: (page * words, (page + 1) * words)})
        for operator in range(2)
        for page in pages
    ]
    binder = Binder(config, commands, Placement({weights: 0}, {weights: 0}, 0))
    assert sum(len(binder.bind(index)) for index in range(len(commands))) == binds


def test_no_colour_alone_could_be_better() -> None:
    """Buffers that come first are coloured again when those they meet have colours."""
    config = CONFIGS["board"]
    maps = [Buffer(f"map {number}", TensorClass.ACTIVATION, 2 * config.page_words) for number in range(9)]
    weights = Buffer("weights", TensorClass.WEIGHTS, config.frames * config.page_words)
    page = Range(weights, 0, config.page_words)
    commands: Any = [
        SimpleNamespace(operands={Role.INPUT: Range(one, 0, 1), Role.WEIGHTS: page, Role.OUTPUT: Range(other, 0, 1)})
        for one, other in pairwise(maps)
    ]
    colours = place([*maps, weights], commands, config).colours
    taken = {(colours[weights] + bank) % config.banks for bank in range(2 * streamed_banks(config))}
    assert all(colours[one] not in taken for one in maps)
    assert all(colours[one] != colours[other] for one, other in pairwise(maps))
