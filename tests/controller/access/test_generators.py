"""What ports can express is decided by sets as trying all rows and columns decides it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import event, given, settings

from controller.access.compose import MOST_DIVISIONS, stored, through
from controller.access.generators import Port, steps, why_not
from controller.access.operators import Pad, Repeat, Reshape, Slice, SpaceToDepth, Transpose
from controller.access.placement import canonical, pixel_axes
from controller.access.sets import UndecidedError, elements
from tests.controller.access.chains import Chain, chains, composed

LANES = 4
#: What KERNEL.stride_w can say.
MOST_COLUMNS = 15


def goes_through(pairs: np.ndarray, pixels: tuple[int, ...]) -> bool:
    """Whether rows (element, word, lane) are a window's: tried for every way to take one pixel axis as two."""
    rank = pairs.shape[1] - 2
    ways = [(pairs[:, list(pixels)], len(pixels))]
    if len(pixels) == 1:
        index = pairs[:, pixels[0]] - pairs[:, pixels[0]].min()
        extent = index.max() + 1
        ways += [(np.stack(np.divmod(index, width), 1), 2) for width in range(2, extent) if extent % width == 0]
    features = pairs[:, [axis for axis in range(rank) if axis not in pixels]]
    return any(_affine(place, count, features, pairs[:, -2:]) for place, count in ways)


def _affine(place: np.ndarray, count: int, features: np.ndarray, to: np.ndarray) -> bool:
    low, high = place.min(0, initial=99), place.max(0, initial=0)
    every = set(product(*(range(a, b + 1) for a, b in zip(low, high, strict=True))))
    table: dict[tuple[int, ...], dict[tuple[int, ...], np.ndarray]] = {}
    for feature, pixel, one in zip(features.tolist(), place.tolist(), to, strict=True):
        table.setdefault(tuple(feature), {})[tuple(pixel)] = one
    if any(set(some) != every for some in table.values()):
        return False
    for axis in range(count):
        found = {
            tuple((some[step] - one).tolist())
            for some in table.values()
            for pixel, one in some.items()
            if (step := tuple(at + (place == axis) for place, at in enumerate(pixel))) in some
        }
        if len(found) > 1 or any(lane for _, lane in found):
            return False
        for words, _ in found:
            column, row = axis == count - 1, axis < count - 1 or count == 1
            if words < 0 or not ((column and 1 <= words <= MOST_COLUMNS) or row):
                return False
    return True


@settings(max_examples=300, deadline=None)
@given(chains(longest=4))
def test_ports_express_what_trying_everything_finds(chain: Chain) -> None:
    last = chain.copies[-1].result
    found = composed(chain)
    if found.divisions > MOST_DIVISIONS:
        return
    pixels = pixel_axes(len(chain.shapes[last]))
    for root, access in found.maps.items():
        shape = chain.inputs[root]
        address = access.apply_range(canonical(shape, pixel_axes(len(shape)), LANES).storage)
        if not address.domain().is_empty():
            expressible = goes_through(elements(address), pixels)
            try:
                assert (why_not(address, pixels, Port("window")) is None) == expressible
            except UndecidedError:
                event("left open, so a copy stays")


def why(*layouts: object, shape: tuple[int, ...] = (1, 16, 6, 6), port: Port | None = None) -> str | None:
    """Why a window cannot read what layout operators make of a map that lies as it is numbered."""
    here = stored("x", shape)
    for layout in layouts:
        here = through(layout, [here])  # type: ignore[arg-type]
    storage = canonical(shape, pixel_axes(len(shape)), LANES).storage
    return why_not(here.maps["x"].apply_range(storage), pixel_axes(len(here.shape)), port or Port("window"))


def test_windows_take_parts_and_steps_and_surroundings() -> None:
    assert why(Slice((0, 3, 1, 2), (1, 4, 2, 2), (1, 1, 2, 3))) is None
    assert why(Pad((0, 0, 2, 1), (0, 0, 0, 3))) is None
    assert why(Reshape((1, 2, 8, 6, 6)), Transpose((0, 2, 1, 3, 4)), Reshape((1, 16, 6, 6))) is None


def test_rows_and_columns_may_become_one_axis_of_tokens() -> None:
    assert why(Reshape((1, 16, 36)), Transpose((0, 2, 1))) is None


@pytest.mark.parametrize(
    ("layouts", "reason"),
    [
        ((Transpose((0, 2, 1, 3)),), "a step along axis 2 is one of 1 lanes: pixels lie in lanes"),
        ((Transpose((0, 1, 3, 2)),), "columns along axis 3 are 24 words apart, not 1 to 15"),
        ((Repeat((1, 1, 2, 2)),), "steps along axis 2 are 0 words and 24 words"),
        ((Slice((0, 0, 0, 5), (1, 16, 6, 6), (1, 1, 1, -1)),), "it steps back along axis 3, by 1 words"),
        ((Reshape((1, 16, 3, 12)),), "steps along axis 3 are 1 words and 19 words"),
    ],
)  # fmt: skip
def test_a_refusal_says_which_steps_are_its_proof(layouts: tuple[object, ...], reason: str) -> None:
    assert why(*layouts) == reason


def test_blocks_of_pixels_are_channels_when_they_are_read_with_a_stride() -> None:
    assert why(SpaceToDepth(2), shape=(1, 8, 4, 4)) is None


def test_a_run_has_consecutive_words_and_a_window_need_not() -> None:
    every_other = Slice((0, 0, 0, 0), (1, 16, 6, 3), (1, 1, 1, 2))
    assert why(every_other) is None
    assert why(every_other, port=Port("run")) == "columns along axis 3 are 2 words apart, not 1 to 1"
    assert why(every_other, port=Port("window", stride=8)) == "columns along axis 3 are 2 words apart, not 1 to 1"


def test_weights_are_one_run_in_the_order_of_the_sum() -> None:
    assert why(shape=(1, 12, 8), port=Port("tiles")) is None
    turned = why(Transpose((0, 2, 1)), shape=(1, 12, 8), port=Port("tiles"))
    assert turned == "a step along axis 1 is one of 1 lanes: pixels lie in lanes"
    assert why(Slice((0, 0, 0), (1, 6, 8), (1, 2, 1)), shape=(1, 12, 8), port=Port("tiles")) == (
        "words along axis 1 are 2 apart: those of a tile follow each other"
    )


def test_steps_are_found_even_where_elements_share_a_word() -> None:
    storage = canonical((1, 8, 6), (1,), LANES).storage
    assert steps(storage, 1) == [(1, 0)]
    assert steps(storage, 2) == [(0, 1), (8, -3)]
