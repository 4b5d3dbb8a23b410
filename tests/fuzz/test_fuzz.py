"""Files that are wrong in every way: each is refused in one sentence, at once, and leaves nothing behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from controller.inputs import load_inputs
from tests.fuzz.cases import CASES, HangError, accepted, deadline

if TYPE_CHECKING:
    from pathlib import Path

SEED = int(os.environ.get("SEED") or 1)
TOTAL = max(1, int(os.environ.get("N") or 100))
#: Cases of one test, so that they are spread over the processors.
BLOCK = 250
#: Cases of each kind in a quick test.
QUICK = 60


def run(name: str, first: int, count: int) -> int:
    """Cases of one kind; how many were accepted."""
    found = 0
    for number in range(first, first + count):
        try:
            found += accepted(name, number)
        except (Exception, HangError) as error:
            error.add_note(f"repeat: make fuzz UNIT={name} SEED={number} N=1")
            raise
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_few_of_each_kind_are_survived(name: str) -> None:
    """Some are accepted, for not every accident does harm, and some are refused."""
    assert 0 < run(name, SEED, QUICK) < QUICK


@pytest.mark.fuzz
@pytest.mark.parametrize("turn", range(-(-TOTAL // BLOCK)))
@pytest.mark.parametrize("name", CASES)
def test_many_are_survived(name: str, turn: int) -> None:
    count = min(BLOCK, TOTAL - turn * BLOCK)
    print(f"{name}: {run(name, SEED + turn * BLOCK, count)} of {count} accepted")


def spin(*_arguments: object, **_more: object) -> None:
    """Never end, in Python's own steps, between which signals come through."""
    while True:
        pass


def test_a_hang_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Even in a reader that takes every Exception for a bad file."""
    path = tmp_path / "inputs.npz"
    path.write_bytes(b"")
    monkeypatch.setattr("numpy.load", spin)
    monkeypatch.setattr("tests.fuzz.cases.SECONDS", 0.1)
    with pytest.raises(HangError), deadline():
        load_inputs(path)
