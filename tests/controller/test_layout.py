"""Layouts are bijections between a tensor's integers and lanes of words; lanes without a channel are harmless."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from controller.layout import (
    NOTHING,
    Block,
    Buffer,
    Lanes,
    View,
    blocks_of,
    full_blocks,
    pack_constants,
    pack_map,
    pack_taps,
    pack_tiles,
    positions,
    spread_weights,
    unpack_map,
)
from spec.isa import TensorClass

ROWS = st.sampled_from([2, 4, 8])
SIDE = st.integers(1, 5)


@st.composite
def views(draw: st.DrawFn, most: int = 2) -> tuple[View, int]:
    """A view whose blocks lie anywhere in some buffers, its channels in any lanes of them."""
    rows = draw(ROWS)
    lanes = draw(placed(rows))
    batch, height, width = draw(SIDE), draw(SIDE), draw(SIDE)
    buffers = []
    for number in range(draw(st.integers(1, most))):
        count = len(lanes) + draw(st.integers(0, 2))
        buffers.append((Buffer(f"map{number}", TensorClass.ACTIVATION, batch * height * width * count), count))
    free = [Block(buffer, index, count) for buffer, count in buffers for index in range(count)]
    return View(batch, height, width, tuple(draw(st.permutations(free))[: len(lanes)]), lanes), rows


@st.composite
def placed(draw: st.DrawFn, rows: int) -> Lanes:
    """Channels in any order in blocks that may have holes."""
    filled = [draw(st.lists(st.booleans(), min_size=1, max_size=rows).filter(any)) for _ in range(draw(SIDE))]
    order = iter(draw(st.permutations(range(sum(map(sum, filled))))))
    return tuple(tuple(next(order) if one else NOTHING for one in block) for block in filled)


@st.composite
def inputs(draw: st.DrawFn) -> tuple[View, int]:
    """A view that is a whole buffer."""
    rows = draw(ROWS)
    lanes, (batch, height, width) = draw(placed(rows)), draw(st.tuples(SIDE, SIDE, SIDE))
    buffer = Buffer("map", TensorClass.INPUT, batch * height * width * len(lanes))
    return View(batch, height, width, blocks_of(buffer, 0, lanes, len(lanes)), lanes), rows


@given(inputs(), st.integers(-128, 127), st.integers(0, 2**32 - 1))
def test_maps_come_back(made: tuple[View, int], zero: int, seed: int) -> None:
    """Every integer has a lane of its own, and every other lane holds the zero point."""
    view, rows = made
    shape = (view.batch, view.channels, view.height, view.width)
    stored = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
    words = pack_map(view, rows, stored, zero)
    assert words.shape == (view.buffer.words, rows)
    assert np.array_equal(unpack_map(view, rows, {view.buffer: words}.__getitem__), stored)
    marked = pack_map(view, rows, np.ones(shape, np.int8), 0)
    assert marked.sum() == stored.size
    assert np.all(words[marked == 0] == zero)


@given(views(), st.data())
def test_words_are_where_the_view_says(made: tuple[View, int], data: st.DataObject) -> None:
    """`View.word` and `unpack_map` agree for every pixel, whichever buffer it lies in."""
    view, rows = made
    channel = data.draw(st.integers(0, view.channels - 1))
    image, row, column = (data.draw(st.integers(0, side - 1)) for side in (view.batch, view.height, view.width))
    block, lane = divmod(int(positions(view.lanes, rows)[channel]), rows)
    words = {buffer: np.zeros((buffer.words, rows), np.int8) for buffer in view.buffers}
    words[view.blocks[block].buffer][view.word(image, row, block, column), lane] = 1
    found = unpack_map(view, rows, words.__getitem__)
    assert found.sum() == found[image, channel, row, column] == 1


@given(views())
def test_runs_are_consecutive_blocks_of_one_buffer(made: tuple[View, int]) -> None:
    """Words of a run's blocks are a width apart, and no two runs could be one."""
    view, _ = made
    runs = view.runs
    assert [block for low, high in runs for block in range(low, high)] == list(range(len(view.blocks)))
    for low, high in runs:
        assert len({view.blocks[block].buffer for block in range(low, high)}) == 1
        steps = [view.word(0, 0, block, 0) - view.word(0, 0, low, 0) for block in range(low, high)]
        assert steps == [view.width * place for place in range(high - low)]
    for (_, end), (first, _) in pairwise(runs):
        one, other = view.blocks[end - 1], view.blocks[first]
        assert one.buffer is not other.buffer or other.index != one.index + 1


@given(st.integers(1, 40), ROWS)
def test_full_blocks_hold_every_channel(channels: int, rows: int) -> None:
    """Only the last block may be short."""
    lanes = full_blocks(channels, rows)
    assert all(len(block) == rows for block in lanes[:-1])
    assert positions(lanes, rows).tolist() == list(range(channels))


@given(views(), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_weight_tiles_are_in_pass_order(made: tuple[View, int], height: int, width: int, seed: int) -> None:
    """Word r of tile (row, column, block) holds for input lane r the weights of the block's outputs."""
    source, rows = made
    outputs = 3
    lanes = full_blocks(outputs, rows)
    buffer = Buffer("result", TensorClass.ACTIVATION, 1)
    result = View(1, 1, 1, blocks_of(buffer, 0, lanes, len(lanes)), lanes)
    weights = np.random.default_rng(seed).integers(-128, 128, (outputs, source.channels, height, width)).astype(np.int8)
    spread = spread_weights(weights, 1, source, result, rows)
    assert np.count_nonzero(spread) == np.count_nonzero(weights)
    blocks = len(source.lanes)
    tiles = pack_tiles(spread[:rows], rows).reshape(height, width, blocks, rows, rows)
    for channel, place in enumerate(positions(source.lanes, rows)):
        block, lane = divmod(int(place), rows)
        for output in range(min(outputs, rows)):
            assert np.array_equal(tiles[:, :, block, lane, output], weights[output, channel])


@given(st.integers(1, 20), ROWS, st.integers(0, 2**32 - 1))
def test_tables_and_taps_hold_a_lane_for_each_channel(channels: int, rows: int, seed: int) -> None:
    """Constants are little-endian (bias, scale) pairs, taps a word each."""
    rng = np.random.default_rng(seed)
    lanes = full_blocks(channels, rows)
    bias = rng.integers(-(2**31), 2**31, channels)
    scale = rng.random(channels).astype(np.float32)
    table = pack_constants(bias, scale, lanes, rows)
    assert table.shape == (len(lanes) * 8, rows)
    pairs = table.reshape(-1).view(np.dtype([("bias", "<i4"), ("scale", "<f4")]))
    assert np.array_equal(pairs["bias"][:channels], bias)
    assert np.array_equal(pairs["scale"][:channels], scale)
    assert not pairs["scale"][channels:].any()
    weights = rng.integers(-128, 128, (channels, 1, 2, 3)).astype(np.int8)
    taps = pack_taps(weights, lanes, rows).reshape(len(lanes), 6, rows)
    for channel in range(channels):
        block, lane = divmod(channel, rows)
        assert np.array_equal(taps[block, :, lane], weights[channel, 0].reshape(-1))
