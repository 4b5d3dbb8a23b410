"""What was measured of single depthwise layers is whole, is what the model says today, and bears its page out."""

from __future__ import annotations

from typing import Any

import pytest

from docs.depthwise import CASES, CAUSES_REMOVED, COMMAND, FILE, KERNELS, TAP_BY_TAP, Case, measure
from docs.kept import rows

ROWS: dict[str, dict[str, Any]] = {row["key"]: row for row in rows(FILE)}
ANEW = f"docs/data/{FILE} must be made anew: python -m docs.depthwise"


def test_every_case_was_measured() -> None:
    assert list(ROWS) == list(CASES), ANEW


@pytest.mark.parametrize("case", [COMMAND, CAUSES_REMOVED[-1], KERNELS[0], KERNELS[3]], ids=lambda case: case.key)
def test_the_model_still_says_so(case: Case) -> None:
    assert {"key": case.key, **measure(case)} == ROWS[case.key], ANEW


def test_the_goal_holds_wherever_operands_are_there_in_time() -> None:
    """85 % of nine products: a command, and a layer without DRAM in tall tiles; each cause taken away helps."""
    assert COMMAND.share(ROWS[COMMAND.key]["longest_command"]) > 0.85
    shares = [ROWS[case.key]["share"] for case in CAUSES_REMOVED]
    assert shares == sorted(shares)
    assert all(share > 0.85 for share in shares[-2:])


@pytest.mark.parametrize("case", [case for case in CAUSES_REMOVED if case.resident], ids=lambda case: case.key)
def test_resident_maps_are_not_moved(case: Case) -> None:
    """A link of the chain reads its weights and constants, and writes nothing."""
    row = ROWS[case.key]
    assert (row["read_bursts"], row["write_bursts"]) == (2, 0)
    assert row["engine"]["busy"] > 0.99 * row["cycles"]


@pytest.mark.parametrize("case", KERNELS, ids=lambda case: case.key)
def test_kernels_go_through_the_lines(case: Case) -> None:
    """In no less than the engine needs for the whole map."""
    row = ROWS[case.key]
    assert row["lines"]
    assert case.at_least < row["engine"]["busy"]


@pytest.mark.parametrize(("case", "without"), TAP_BY_TAP.items(), ids=lambda case: case.key)
def test_passes_are_faster_than_tap_by_tap(case: Case, without: Case) -> None:
    assert not ROWS[without.key]["lines"]
    assert ROWS[without.key]["cycles"] > 2 * ROWS[case.key]["cycles"]
