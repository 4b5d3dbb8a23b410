"""What is written twice, never, or read too early is noticed."""

from __future__ import annotations

from dataclasses import replace

import islpy as isl
import pytest

from controller.access.checks import AccessError, Nest, check_order, check_origins
from controller.access.compose import Copy, Origins, origins
from controller.access.operators import Concat, Pad, Reshape, Slice
from controller.access.sets import box

SHAPES = {"a": (2, 3), "b": (2, 2)}


def joined() -> Origins:
    """Five columns, the first three of `a`."""
    return origins(SHAPES, [Copy(Concat(1), ("a", "b"), "y")])["y"]


def test_a_concatenation_is_as_it_must_be() -> None:
    check_origins("y", joined(), SHAPES)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("{ [o0, o1] -> [o0, o1] : 0 <= o0 < 2 and 0 <= o1 < 4 }", r"y reads a at \[0, 3\], outside its \(2, 3\)"),
        ("{ [o0, o1] -> [o0, 0] : 0 <= o0 < 2 and 0 <= o1 < 4 }", r"y gets \[0, 3\] twice, or has no such element"),
        ("{ [o0, o1] -> [o0, o1] : 0 <= o0 < 2 and 0 <= o1 < 2 }", r"y gets nothing at \[0, 2\]"),
        ("{ [o0, o1] -> [o0, i] : 0 <= o0 < 2 and 0 <= o1 < 3 and o1 <= i < 3 }", r"y has elements that are two of a"),
    ],
)
def test_a_broken_map_is_noticed(broken: str, sentence: str) -> None:
    found = joined()
    # Whichever of two parts comes first is right: the other has what is twice.
    maps = {"b": found.maps["b"], "a": isl.Map(broken)}
    with pytest.raises(AccessError, match=sentence):
        check_origins("y", replace(found, maps=maps), SHAPES)


def test_a_constant_over_an_element_is_noticed() -> None:
    found = origins(SHAPES, [Copy(Pad((1, 0), (0, 0)), ("a",), "y")])["y"]
    check_origins("y", found, SHAPES)
    with pytest.raises(AccessError, match="twice"):
        check_origins("y", replace(found, constants={0.0: box((3, 3))}), SHAPES)


def test_an_operator_that_does_not_fit_its_source_is_refused() -> None:
    with pytest.raises(ValueError, match="a reshape must keep 6 elements, not make 4 of them"):
        Reshape((2, 2)).result((2, 3))
    with pytest.raises(ValueError, match="a slice must lie in 3 indices, not take 3 from 1, 1 apart"):
        Slice((0, 1), (2, 3), (1, 1)).result((2, 3))


HALVES = isl.Set("{ [o0, o1] : 0 <= o0 < 2 and 0 <= o1 < 1 }"), isl.Set("{ [o0, o1] : 0 <= o0 < 2 and 1 <= o1 < 3 }")


def nests(*reads: isl.Set) -> list[Nest]:
    """Two that write `a`, each with something it reads, and one that reads all."""
    first, second = HALVES
    own = [*[(("a", one),) for one in reads], (), ()]
    return [
        Nest("first", own[0], (("a", first),)),
        Nest("second", own[1], (("a", second),)),
        Nest("third", (("a", box((2, 3))),), ()),
    ]


def test_an_order_that_writes_first_is_as_it_must_be() -> None:
    check_order({"a": (2, 3)}, [], nests())


def test_a_read_before_the_write_is_noticed() -> None:
    with pytest.raises(AccessError, match=r"first reads a at \[0, 1\] before it is written"):
        check_order({"a": (2, 3)}, [], nests(HALVES[1]))


def test_a_second_write_is_noticed() -> None:
    with pytest.raises(AccessError, match=r"first writes a at \[0, 0\] a second time, or outside it"):
        check_order({"a": (2, 3)}, ["a"], nests())


def test_what_is_never_written_is_noticed() -> None:
    with pytest.raises(AccessError, match=r"a is never written at \[0, 1\]"):
        check_order({"a": (2, 3)}, [], nests()[:1])
