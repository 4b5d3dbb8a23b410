"""What the line buffer holds, at the edges of each rule; and what a machine leaves out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.check import is_sound, operand_roles
from spec.config import CONFIGS
from spec.isa import Mode, Role, Statistic
from spec.timing import CONSTANTS_WORDS, border_words, moments_words

CONFIG = CONFIGS["tiny"]


def sound(kernel: tuple[int, int], size: tuple[int, int] = (2, 4), line_kernel: int = 5, **changes: int) -> bool:
    """Whether a SUM of a shape may go through the line buffer."""
    config = replace(CONFIG, line_kernel=line_kernel)
    compute = {"mode": Mode.SUM, "last": 1, "lines": 1, "height": size[0], "width": size[1]}
    names = ("stride_h", "stride_w", "dilation_h", "dilation_w", "blocks")
    shape = dict(zip(("kernel_h", "kernel_w"), kernel, strict=True)) | dict.fromkeys(names, 1) | changes
    ranges = {Role.INPUT: (9, 9), Role.CONSTANTS: (CONSTANTS_WORDS, 1), Role.OUTPUT: (size[1], size[0])}
    operands = {role: dict(zip(("run", "count"), ranges.get(role, (1, 1)), strict=True)) for role in Role}
    return is_sound(config, compute, shape, operands, ranges)


@pytest.mark.parametrize("largest", [3, 5, 7])
def test_a_kernel_has_as_many_rows_and_columns_as_the_line_buffer(largest: int) -> None:
    assert sound((largest, largest), line_kernel=largest)
    assert not sound((largest + 1, largest), line_kernel=largest)
    assert not sound((largest, largest + 1), line_kernel=largest)


@pytest.mark.parametrize("side", "hw")
def test_strides_are_one_or_two_and_dilations_one(side: str) -> None:
    assert sound((5, 5), **{f"stride_{side}": 2})
    assert not any(sound((5, 5), **{f"stride_{side}": stride}) for stride in (0, 3))
    assert not any(sound((5, 5), **{f"dilation_{side}": dilation}) for dilation in (0, 2))


def test_a_region_has_two_columns_and_no_more_than_a_line() -> None:
    most = CONFIG.line_columns - 4
    assert sound((5, 5), (1, most))
    assert not sound((5, 5), (1, most + 1))
    assert sound((5, 1), (1, 2))
    assert not sound((5, 1), (1, 1))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_machine_without_units_for_tokens_has_all_other_modes(mode: Mode) -> None:
    """A COMPUTE of each mode that is sound elsewhere."""
    measuring = mode is Mode.MEASURE
    compute = {"mode": mode, "last": int(not measuring), "closing": int(measuring), "statistic": Statistic.MOMENTS,
               "residual": 1, "table": 0, "lines": 0, "height": 1, "width": 8}  # fmt: skip
    kernel = dict.fromkeys(("kernel_h", "kernel_w", "blocks"), 1)
    runs = {Role.CONSTANTS: CONSTANTS_WORDS}
    runs[Role.WEIGHTS] = {
        Mode.DEPTHWISE: 1, Mode.AVERAGE: border_words(CONFIG), Mode.ARRAY: CONFIG.rows
    }.get(mode, moments_words(CONFIG))  # fmt: skip
    operands = {role: {"run": runs.get(role, 8), "count": 1} for role in Role}
    less = replace(CONFIG, omit_tokens=1)
    assert is_sound(CONFIG, compute, kernel, operands, operand_roles(compute))
    tokens = mode in {Mode.MULTIPLY, Mode.MEASURE, Mode.NORMALIZE}
    assert is_sound(less, compute, kernel, operands, operand_roles(compute)) != tokens
