"""Chains of layout operators, composed to one access, give what onnxruntime gives."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings

from controller.access.checks import check_origins, injective
from controller.access.compose import MOST_DIVISIONS, Copy, origins, through
from controller.access.operators import (
    Concat,
    DepthToSpace,
    Expand,
    Pad,
    Repeat,
    Reshape,
    Slice,
    SpaceToDepth,
    Tile,
    Transpose,
)
from controller.access.sets import elements
from tests.controller.access.chains import Chain, chains, composed, gather, reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from controller.access.operators import Layout


def values_of(chain: Chain) -> dict[str, NDArray[np.float32]]:
    """Every element another number."""
    first, found = 1, {}
    for name, shape in chain.inputs.items():
        found[name] = np.arange(first, first + int(np.prod(shape)), dtype=np.float32).reshape(shape)
        first += found[name].size
    return found


def shuffle(chain: Chain, source: str, groups: int) -> str:
    """Channel by channel from each group in turn, as exported graphs have it."""
    images, channels, *space = chain.shapes[source]
    split = chain.add(Reshape((images, groups, channels // groups, *space)), source)
    turned = chain.add(Transpose((0, 2, 1, *range(3, 3 + len(space)))), split)
    return chain.add(Reshape((images, channels, *space)), turned)


@settings(max_examples=1000, deadline=None)
@given(chains())
def test_a_composed_chain_is_what_onnxruntime_computes(chain: Chain) -> None:
    found = origins(chain.inputs, chain.copies)
    given_values = values_of(chain)
    values = dict(given_values)
    for copy in chain.copies:
        composed = through(copy.layout, [found[name] for name in copy.sources])
        check_origins(copy.result, composed, chain.shapes)
        if copy.result in found[copy.result].maps or copy is chain.copies[-1]:
            values[copy.result] = gather(composed, values)
    np.testing.assert_array_equal(values[chain.copies[-1].result], reference(chain, given_values))


@pytest.mark.parametrize("layout", [
    Transpose((0, 2, 3, 1)), Reshape((2, 48)), Slice((0, 7, 1, 0), (1, 4, 1, 3), (1, -2, 1, 1)), Concat(1), Concat(3),
    Pad((0, 1, 2, 0), (0, 0, 1, 3), -1.0), Tile((2, 1, 3, 1)), Expand((5, 8, 4, 3)), Repeat((1, 1, 2, 3)),
    DepthToSpace(2), DepthToSpace(2, innermost=True), SpaceToDepth(2),
])  # fmt: skip
def test_each_operator_is_what_onnxruntime_computes(layout: Layout) -> None:
    chain = Chain()
    sides = (1, 8, 4, 6) if isinstance(layout, SpaceToDepth) else (1, 8, 4, 3)
    sources = [chain.input(sides) for _ in range(3 if isinstance(layout, Concat) else 1)]
    last = chain.add(layout, *sources)
    found = origins(chain.inputs, chain.copies)[last]
    check_origins(last, found, chain.inputs)
    values = values_of(chain)
    np.testing.assert_array_equal(gather(found, values), reference(chain, values))


@settings(max_examples=100, deadline=None)
@given(chains())
def test_an_access_of_one_other_element_is_noticed(chain: Chain) -> None:
    """Each source's elements are all different, so one wrong index shows wherever something is read."""
    found = composed(chain)
    values = values_of(chain)
    right = gather(found, values)
    for name, access in found.maps.items():
        if values[name].size > 1:
            turned = {**values, name: np.roll(values[name].reshape(-1), 1).reshape(values[name].shape)}
            wrong = gather(found, turned)
            assert Counter((wrong != right).reshape(-1).tolist())[True] == len(elements(access))


def test_a_channel_shuffle_is_one_access_without_a_copy() -> None:
    chain = Chain()
    shuffle(chain, chain.input((1, 6, 2, 2)), 2)
    found = origins(chain.inputs, chain.copies)[chain.copies[-1].result]
    assert injective(found)
    channels = dict(elements(found.maps["x0"])[:, [1, 5]].tolist())
    assert channels == {0: 0, 1: 3, 2: 1, 3: 4, 4: 2, 5: 5}


def test_a_concatenation_splits_the_domain_of_what_reads_it() -> None:
    chain = Chain()
    first, second = chain.input((1, 3)), chain.input((1, 5))
    whole = chain.add(Concat(1), first, second)
    part = chain.add(Slice((0, 2), (1, 4), (1, 1)), whole)
    maps = origins(chain.inputs, chain.copies)[part].maps
    assert {name: elements(one)[:, 1].tolist() for name, one in maps.items()} == {"x0": [0], "x1": [1, 2, 3]}


def test_what_a_pad_adds_is_a_constant_and_what_a_slice_takes_off_is_gone() -> None:
    chain = Chain()
    padded = chain.add(Pad((2,), (1,), 7.0), chain.input((3,)))
    cut = chain.add(Slice((1,), (4,), (1,)), padded)
    found = origins(chain.inputs, chain.copies)[cut]
    assert elements(found.constants[7.0].identity())[:, 0].tolist() == [0]
    assert elements(found.maps["x0"]).tolist() == [[1, 0], [2, 1], [3, 2]]


def test_opposite_operators_cancel() -> None:
    chain = Chain()
    source = chain.input((1, 8, 4, 6))
    away = chain.add(SpaceToDepth(2), source)
    back = chain.add(DepthToSpace(2), away)
    assert origins(chain.inputs, chain.copies)[back].maps["x0"].is_equal(origins(chain.inputs, [])[source].maps["x0"])


def test_what_is_read_more_than_once_has_no_place_of_its_own_to_be_written() -> None:
    for layout in (Tile((2,)), Repeat((2,))):
        found = origins({"x": (3,)}, [Copy(layout, ("x",), "y")])["y"]
        assert not injective(found)


@pytest.mark.parametrize("kind", ["shuffle", "mixed"])
def test_a_hundred_operators_in_a_chain_compose_in_seconds(kind: str) -> None:
    chain = Chain()
    last = chain.input((1, 116, 28, 28))
    if kind == "shuffle":
        while len(chain.copies) < 99:
            last = shuffle(chain, last, 2)
    else:
        turns: list[Layout] = [Reshape((1, 4, 29, 28, 28)), Transpose((0, 3, 4, 2, 1)), Reshape((1, 116, 28, 28))]
        while len(chain.copies) < 99:
            last = chain.add(turns[len(chain.copies) % 3], last)
    began = time.process_time()
    found = origins(chain.inputs, chain.copies)
    assert time.process_time() - began < 10
    assert all(one.divisions <= MOST_DIVISIONS for one in found.values())
    kept = [name for name, one in found.items() if name in one.maps and name not in chain.inputs]
    assert len(kept) == {"shuffle": 0, "mixed": 16}[kind]
    check_origins(last, found[last], chain.shapes)
