"""The configuration's rules that the manual does not show."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from spec.config import CONFIGS, Config

#: What programs of machines without stages carry, before there were stages and since.
HASHES = {"tiny": 0xE9BE3653A730E0CA, "default": 0x32990B01F86538D3, "edge": 0x7A9746142C8CF0A6,
          "onsram": 0xFCED7373DA9979D4}  # fmt: skip


def test_a_field_of_zero_is_left_out_of_the_hash() -> None:
    """Fields that were added changed no machine that does not use them (decision 9)."""
    assert {name: CONFIGS[name].hash for name in HASHES} == HASHES
    optional = [f.name for f in fields(Config) if f.default == 0]
    assert optional == ["data_stages", "control_stages", "omit_tokens"]
    assert len({replace(CONFIGS["tiny"], **{name: 1}).hash for name in optional} | {CONFIGS["tiny"].hash}) == 4


@pytest.mark.parametrize("name", ["data_stages", "control_stages", "omit_tokens"])
def test_what_is_there_or_not_is_none_or_one(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be 0 or 1, not 2"):
        replace(CONFIGS["tiny"], **{name: 2})


def test_an_average_of_two_rows_has_no_time_for_a_stage() -> None:
    with pytest.raises(ValueError, match="data_stages must be 0 where rows are fewer than 4, not 1"):
        replace(CONFIGS["tiny"], rows=2, cols=2, data_stages=1)
