"""Contiguous packing: the least height, the check, the file's form, the command."""

from __future__ import annotations

from itertools import permutations
from math import inf
from signal import SIGINT, raise_signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.plan import pack_model
from controller.plan.deadline import Deadline
from controller.plan.pack import pack, simple
from controller.plan.pack_command import pack_command
from controller.plan.pack_csv import packed_csv, read_buffers
from controller.plan.pack_problem import Buffer, Packing, load, violations
from controller.plan.pack_search import PREFERENCES, BudgetError, Search
from controller.refusal import CheckError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@st.composite
def some_buffers(draw: st.DrawFn, most: int = 6) -> list[Buffer]:
    found = []
    for number in range(draw(st.integers(1, most))):
        lower = draw(st.integers(0, 6))
        found.append(Buffer(f"b{number}", lower, lower + draw(st.integers(1, 4)), draw(st.integers(1, 6))))
    return found


def lowest(buffers: Sequence[Buffer]) -> int:
    """The least height: some order of dropping buffers from above gives every packing in which none can sink."""
    best = inf
    for order in permutations(buffers):
        tops: dict[Buffer, int] = {}
        for one in order:
            tops[one] = one.size + max((top for other, top in tops.items() if other.meets(one)), default=0)
        best = min(best, max(tops.values()))
    return int(best)


@given(some_buffers())
def test_the_lowest_packing_is_found_and_proven(buffers: list[Buffer]) -> None:
    packing = pack(buffers, workers=1)
    assert not list(violations(buffers, packing.offsets, packing.height))
    assert packing.height == packing.bound == lowest(buffers)


@given(some_buffers(), st.sampled_from(PREFERENCES))
def test_the_canonical_search_alone_decides(buffers: list[Buffer], preference: object) -> None:
    height = lowest(buffers)
    found = Search(buffers, height, preference, nodes=10**6, deadline=Deadline()).run()  # type: ignore[arg-type]
    assert found is not None
    assert not list(violations(buffers, found, height))
    assert Search(buffers, height - 1, preference, nodes=10**6, deadline=Deadline()).run() is None  # type: ignore[arg-type]


@given(some_buffers())
def test_the_solver_alone_decides(buffers: list[Buffer]) -> None:
    offsets, height = min(simple(buffers), key=lambda pair: pair[1])
    low = load(buffers)
    found, bound = pack_model.solve(buffers, offsets, low, height, goal=low, deadline=Deadline(20), workers=1)
    assert found is not None
    reached = max(offset + one.size for offset, one in zip(found, buffers, strict=True))
    assert reached == lowest(buffers)
    assert low <= bound <= reached


@given(some_buffers(most=12), st.data())
def test_moving_a_buffer_onto_another_is_noticed(buffers: list[Buffer], data: st.DataObject) -> None:
    packing = pack(buffers, workers=1)
    pairs = [(i, j) for i, one in enumerate(buffers) for j, other in enumerate(buffers) if i < j and one.meets(other)]
    if not pairs:
        return
    moved, onto = data.draw(st.sampled_from(pairs))
    offsets = list(packing.offsets)
    offsets[moved] = offsets[onto]
    capacity = packing.height + buffers[moved].size
    assert any("must not both hold" in sentence for sentence in violations(buffers, offsets, capacity))


def test_the_check_names_what_is_wrong() -> None:
    pair = [Buffer("a", 0, 2, 4), Buffer("b", 1, 3, 4)]
    assert not list(violations(pair, [0, 4], 8))
    assert list(violations(pair, [0, 4], 7)) == ["b must end by 7, not at 8"]
    assert list(violations(pair, [-1, 4], 8)) == ["a must not begin below 0, as at -1"]
    assert list(violations(pair, [0, 3], 8)) == ["a and b must not both hold byte 3"]
    assert list(violations(pair, [0], 8)) == ["there must be 2 offsets, not 1"]


def test_what_lives_one_after_the_other_shares_bytes() -> None:
    packing = pack([Buffer("a", 0, 2, 5), Buffer("b", 2, 4, 5)], workers=1)
    assert packing == Packing((0, 0), 5, 5)


def test_a_search_without_budget_does_not_know() -> None:
    with pytest.raises(BudgetError):
        Search([Buffer("a", 0, 1, 1)], 1, PREFERENCES[0], nodes=0, deadline=Deadline()).run()


#: Their load is 20 and can be reached, but first fit in any of its orders needs more.
AWKWARD = [
    Buffer(f"b{number}", *fields)
    for number, fields in enumerate(
        [(3, 4, 3), (4, 8, 1), (2, 6, 6), (3, 7, 4), (8, 9, 2), (2, 5, 4), (5, 9, 6), (2, 4, 3), (5, 6, 2)]
    )
]


def test_search_improves_on_first_fit() -> None:
    assert min(height for _, height in simple(AWKWARD)) == 22
    packing = pack(AWKWARD, workers=1)
    assert (packing.height, packing.bound, packing.gap) == (20, 20, 0.0)


def test_without_time_there_is_a_packing_with_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.plan.pack._EFFORT", 1)
    packing = pack(AWKWARD, deadline=Deadline(0), workers=1)
    assert not list(violations(AWKWARD, packing.offsets, packing.height))
    assert (packing.height, packing.bound, packing.gap) == (22, 20, 2 / 22)


@pytest.mark.usefixtures("heard")
def test_an_interrupt_leaves_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Search) -> None:
        if not deadline.interrupted:
            raise_signal(SIGINT)
        raise BudgetError

    monkeypatch.setattr(Search, "run", interrupted)
    deadline = Deadline()
    with deadline.ended_by_interrupt():
        packing = pack(AWKWARD, deadline=deadline, workers=1)
    assert not list(violations(AWKWARD, packing.offsets, packing.height))
    assert (packing.height, packing.bound) == (22, 20)


def test_a_file_is_read_and_written(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("size,id,lower,upper\n4,a,0,3\n2,b,2,6\n")
    buffers = read_buffers(file)
    assert buffers == [Buffer("a", 0, 3, 4), Buffer("b", 2, 6, 2)]
    assert packed_csv(buffers, [2, 0]) == "id,lower,upper,size,offset\na,0,3,4,2\nb,2,6,2,0\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,lower,upper\n", "must have one column size, not 0"),
        ("id,lower,upper,size\n", "must have at least one buffer"),
        ("id,lower,upper,size\na,0,x,1\n", "buffer a: upper must be a whole number, not 'x'"),
        ("id,lower,upper,size\na,0,1\n", "buffer a: size must be a whole number, not ''"),
        ("id,lower,upper,size\na,3,3,1\n", "buffer a: upper must be above lower, not 3 with 3"),
        ("id,lower,upper,size\na,0,3,0\n", "buffer a: size must be at least 1, not 0"),
        ("id,lower,upper,size\na,0,3,1\na,0,3,1\n", "buffer a: id must be given once"),
        ("id,lower,upper,size,gaps\na,0,3,1,1-2\n", "buffer a: gaps must be left out, not '1-2': it is not supported"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "some.csv"
    file.write_text(text)
    with pytest.raises(ModelError) as refusal:
        read_buffers(file)
    assert str(refusal.value) == f"{file}: {sentence}"


def test_the_command_writes_offsets_or_says_what_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, output = tmp_path / "some.csv", tmp_path / "out.csv"
    file.write_text("id,lower,upper,size\na,0,3,4\nb,1,4,4\nc,2,6,2\n")
    pack_command(file, 10, output)
    assert output.read_text() == "id,lower,upper,size,offset\na,0,3,4,0\nb,1,4,4,4\nc,2,6,2,8\n"
    assert capsys.readouterr().err == "10 bytes; at least 10 are needed; gap 0.0 %\n"
    with pytest.raises(ModelError, match="its buffers need at least 10 bytes in 9; --capacity 10 fits"):
        pack_command(file, 9, tmp_path / "none.csv")
    monkeypatch.setattr("controller.plan.pack_command.pack", lambda *_, **__: Packing((0, 4, 8), 10, 8))
    with pytest.raises(CheckError, match="no packing into 9 bytes was found: the best needs 10, and at least 8 are"):
        pack_command(file, 9, tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()
