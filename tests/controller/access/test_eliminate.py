"""Copies vanish where reads and writes can be composed, and stay with a reason where they cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import islpy as isl
import pytest

from controller.access.checks import AccessError
from controller.access.eliminate import _Pass, eliminate
from controller.access.moved import as_left, as_written
from controller.access.operators import Pad, Repeat, Reshape, Slice, Tile, Transpose
from controller.access.sets import UNDECIDED
from controller.plan.builder import FOLDED, Builder
from controller.plan.zoo import network

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.access.outcome import Outcome

LANES = 4


def left(write: Callable[[Builder], str], *, everywhere: bool = True) -> Outcome:
    """What is left of a network of one output."""
    net = Builder(FOLDED, 1)
    return eliminate(net.finish("small", [write(net)]), LANES, everywhere=everywhere)


def reasons(outcome: Outcome) -> list[str]:
    return [one.reason for one in outcome.copies]


def conv(net: Builder, x: str, channels: int = 8, kernel: int = 1) -> str:
    return net.conv(x, channels, kernel)


def depthwise(net: Builder, x: str) -> str:
    channels = net.shape(x)[1]
    return net.conv(x, channels, 3, groups=channels)


def shuffled(net: Builder, x: str) -> str:
    images, channels, height, width = net.shape(x)
    split = Reshape((images, 2, channels // 2, height, width))
    return net.moved(x, split, Transpose((0, 2, 1, 3, 4)), Reshape((images, channels, height, width)))


def test_a_sum_reads_any_part_of_any_blocks() -> None:
    def write(net: Builder) -> str:
        x = conv(net, net.input(1, 8, 5, 5), 14)
        y = conv(net, net.input(1, 8, 5, 5), 6)
        return conv(net, net.part(shuffled(net, net.concat(x, y)), 1, 3, 9), kernel=3)

    assert reasons(left(write)) == []
    one, other = reasons(left(write, everywhere=False))
    assert one == other == "its features lie in other lanes than they are read in (convolution7 reads it)"


def test_a_depthwise_layer_takes_its_lanes_over() -> None:
    def write(net: Builder) -> str:
        x = conv(net, depthwise(net, shuffled(net, conv(net, net.input(1, 8, 5, 5)))))
        return conv(net, x)

    assert reasons(left(write)) == []
    assert len(reasons(left(write, everywhere=False))) == 1


def test_where_two_needs_meet_the_producer_that_can_gives_way() -> None:
    def write(net: Builder) -> str:
        x = net.pool(net.input(1, 8, 5, 5), 1)
        return net.add(shuffled(net, x), conv(net, x))

    assert reasons(left(write)) == []
    assert len(reasons(left(write, everywhere=False))) == 1


def test_where_nobody_can_the_smaller_map_is_copied() -> None:
    def write(net: Builder) -> str:
        x = net.pool(net.input(1, 8, 5, 5), 1)
        return conv(net, net.add(shuffled(net, x), x))

    outcome = left(write)
    assert [(one.source, one.result) for one in outcome.copies] == [("pool0", "pool0, lying otherwise")]
    assert reasons(outcome) == ["its features lie in other lanes than they are read in (elementwise4 reads it)"]


def test_what_windows_cross_is_written_where_it_is_read() -> None:
    def write(net: Builder) -> str:
        x, y = (conv(net, net.input(1, 8, 5, 5)) for _ in range(2))
        return conv(net, net.concat(x, y, axis=2), kernel=3)

    outcome = left(write)
    assert reasons(outcome) == []
    assert set(outcome.stored) == {"input0", "input1", "concatenation2", "convolution3"}
    assert reasons(left(write, everywhere=False)) == []


def test_what_comes_from_outside_cannot_be_written_elsewhere() -> None:
    def write(net: Builder) -> str:
        x, y = net.input(1, 8, 5, 5), net.input(1, 8, 5, 5)
        return conv(net, net.concat(x, y, axis=3), kernel=3)

    assert reasons(left(write)) == ["windows cross from its pixels to others (convolution1 reads it)"] * 2


def test_zeros_around_a_map_are_the_window_s_and_others_are_not() -> None:
    def write(net: Builder, value: float) -> str:
        x = conv(net, net.input(1, 8, 5, 5))
        return net.conv(net.moved(x, Pad((0, 0, 2, 2), (0, 0, 0, 0), value)), 8, 3, padding=0)

    assert reasons(left(lambda net: write(net, 0.0))) == []
    outcome = left(lambda net: write(net, 1.0))
    assert reasons(outcome) == []
    assert "convolution0" not in outcome.stored


def test_a_maximum_s_own_padding_is_not_zero() -> None:
    def write(net: Builder, padding: int) -> str:
        x = net.input(1, 8, 5, 5)
        return net.pool(net.moved(x, Pad((0, 0, 1, 1), (0, 0, 1, 1))), 3, stride=2, padding=padding)

    assert reasons(left(lambda net: write(net, 0))) == []
    [reason] = reasons(left(lambda net: write(net, 1)))
    assert reason == "only a window's surroundings can be constant, all of them, and only zero (pool1 reads it)"


def test_a_map_made_larger_by_its_nearest_is_a_copy() -> None:
    def write(net: Builder) -> str:
        return conv(net, net.moved(conv(net, net.input(1, 8, 5, 5)), Repeat((1, 1, 2, 2))), kernel=3)

    assert reasons(left(write)) == ["steps along axis 2 are 0 words and 10 words (convolution2 reads it)"]


def test_outputs_are_written_by_their_parts_producers() -> None:
    def write(net: Builder, first: int) -> str:
        x = net.input(1, 8, 5, 5)
        return net.concat(conv(net, x, first), conv(net, x, 8))

    aligned, across = (left(lambda net, first=first: write(net, first)) for first in (12, 6))
    assert reasons(aligned) == []
    assert reasons(across) == [
        f"convolution{place} would share words with others, and what writes a word writes all its lanes"
        for place in (0, 1)
    ]


def test_an_output_s_lanes_are_demanded_of_what_writes_it() -> None:
    def write(net: Builder) -> str:
        x = conv(net, net.input(1, 8, 5, 5), 10)
        y = net.moved(x, Reshape((1, 2, 5, 5, 5)), Transpose((0, 1, 3, 4, 2)))
        return net.moved(net.activation(y), Reshape((1, 50, 5)))

    assert reasons(left(write)) == []
    assert len(reasons(left(write, everywhere=False))) == 1


def test_keys_would_be_the_one_copy_of_attention_if_tiles_did_not_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reasons(eliminate(network("multihead"), 16)) == []
    monkeypatch.setattr(_Pass, "_met", _Pass._upright)
    outcome = eliminate(network("multihead"), 16)
    assert reasons(outcome) == ["a step along axis 2 is one of 1 lanes: pixels lie in lanes (product9 reads it)"]
    assert as_left(outcome, 1 << 19).on_chip == 2 * 128 * 512


def halves(net: Builder) -> str:
    return conv(net, shuffled(net, conv(net, net.input(1, 8, 5, 5))))


def test_an_access_that_is_too_long_begins_at_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(net: Builder) -> str:
        return conv(net, net.moved(conv(net, net.input(1, 8, 5, 5)), Tile((1, 1, 1, 2))))

    assert reasons(left(write)) == ["steps along axis 3 are -4 words and 1 words (convolution2 reads it)"]
    monkeypatch.setattr("controller.access.eliminate.MOST_DIVISIONS", 0)
    [reason] = reasons(left(write))
    assert reason.endswith("divisions, each a counter of its own")


def test_a_question_that_isl_leaves_open_is_a_copy_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.access.sets.MOST_STEPS", 200)
    assert any(reason.startswith(UNDECIDED) for reason in reasons(left(halves)))


def test_a_hundred_layout_operators_take_no_more_time_than_a_hundred_times_one() -> None:
    def write(net: Builder) -> str:
        x = conv(net, net.input(1, 8, 6, 6))
        for _ in range(33):
            x = shuffled(net, x)
        return conv(net, net.moved(x, Slice((0, 1, 0, 0), (1, 6, 6, 6), (1, 1, 1, 1))))

    assert reasons(left(write)) == []


def test_a_result_that_is_not_all_written_is_noticed() -> None:
    outcome = left(lambda net: conv(net, net.part(conv(net, net.input(1, 8, 5, 5)), 1, 2, 4)))
    outcome.check()
    outcome.nests[0] = replace(outcome.nests[0], writes=())
    with pytest.raises(AccessError, match=r"convolution2 reads convolution0 at \[0, 2, 0, 0\] before it is written"):
        outcome.check()


def test_two_elements_in_one_lane_are_noticed() -> None:
    outcome = left(lambda net: conv(net, net.input(1, 8, 5, 5)))
    lanes = isl.Map("{ [word, lane] -> [word, 0] }")
    outcome.storage["input0"] = outcome.storage["input0"].apply_range(lanes)
    with pytest.raises(AccessError, match="input0 has elements without a lane of their own"):
        outcome.check()


def test_pairs_and_bytes_as_written() -> None:
    def write(net: Builder) -> str:
        x = net.input(1, 8, 4, 4)
        return conv(net, net.moved(net.concat(conv(net, x), conv(net, x)), Reshape((1, 16, 4, 4))))

    net = Builder(FOLDED, 1)
    graph = net.finish("small", [write(net)])
    moved = as_written(graph, 1 << 20)
    assert (moved.pairs, moved.on_chip, moved.off_chip) == (3, 2 * (128 + 128 + 256), 0)
    assert moved.intermediates == 512
    assert as_written(graph, 400).off_chip == 2 * 256
    after = as_left(eliminate(graph, LANES), 1 << 20)
    assert (after.pairs, after.on_chip, after.intermediates) == (0, 0, 0)
