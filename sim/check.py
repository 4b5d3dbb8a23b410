"""Refuses COMPUTEs that would hang or overrun an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import LINE, LINE_ROWS, LINE_STRIDE, Mode, Role
from spec.timing import CONSTANTS_WORDS, border_words, lookup_words, region

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from spec.config import Config

    Fields = Mapping[str, int]

__all__ = ["is_sound", "line_region", "operand_roles"]


def operand_roles(compute: Fields) -> list[Role]:
    """The operands that a COMPUTE has, in the order in which they are made resident."""
    roles = [Role.INPUT]
    if compute["mode"] in (Mode.ARRAY, Mode.DEPTHWISE, Mode.AVERAGE):
        roles.append(Role.WEIGHTS)
    if compute["last"]:
        roles.append(Role.CONSTANTS)
        if compute["residual"]:
            roles.append(Role.RESIDUAL)
        roles.append(Role.OUTPUT)
        if compute["table"]:
            roles.append(Role.TABLE)
    return roles


def line_region(compute: Fields, kernel: Fields) -> tuple[int, int]:
    """Rows and columns of inputs, padding included, that a COMPUTE with ``lines`` reads."""
    return (
        region(compute["height"], kernel["kernel_h"], kernel["stride_h"]),
        region(compute["width"], kernel["kernel_w"], kernel["stride_w"]),
    )


def is_sound(
    config: Config, compute: Fields, kernel: Fields, operands: Mapping[int, Fields], roles: Collection[Role]
) -> bool:
    """Whether the engines can run a COMPUTE with these registers.

    Parameters
    ----------
    config
        The machine.
    compute, kernel, operands
        The instruction, KERNEL, and the OPERAND of each role.
    roles
        The operands that the COMPUTE has.
    """
    weights, constants = operands[Role.WEIGHTS], operands[Role.CONSTANTS]
    taps, pixels = kernel["kernel_h"] * kernel["kernel_w"], compute["height"] * compute["width"]
    good = compute["mode"] in set(Mode) and pixels > 0 and taps > 0 and kernel["blocks"] > 0
    good &= all(operands[role]["run"] > 0 and operands[role]["count"] > 0 for role in roles)
    if compute["mode"] == Mode.ARRAY:
        good &= pixels <= config.half_rows and weights["run"] % config.rows == 0 and weights["count"] == 1
    else:
        good &= bool(compute["last"]) and kernel["blocks"] == 1
    if compute["mode"] == Mode.DEPTHWISE:
        good &= weights["run"] == taps <= config.window_taps and weights["count"] == 1
    if compute["mode"] == Mode.AVERAGE:
        good &= weights["run"] % border_words(config) == 0 and weights["run"] <= LINE * border_words(config)
        good &= weights["count"] == 1
    if compute["lines"]:
        good &= compute["mode"] not in (Mode.ARRAY, Mode.AVERAGE) and _fits_lines(config, compute, kernel)
    if compute["last"]:
        good &= constants["run"] == CONSTANTS_WORDS and constants["count"] == 1
    if Role.TABLE in roles:
        good &= operands[Role.TABLE]["run"] == lookup_words(config) and operands[Role.TABLE]["count"] == 1
    for role in {Role.RESIDUAL, Role.OUTPUT} & set(roles):
        good &= operands[role]["run"] == compute["width"] and operands[role]["count"] == compute["height"]
    return good


def _fits_lines(config: Config, compute: Fields, kernel: Fields) -> bool:
    """Whether the window is one that the line buffer holds, and the region no wider than a line."""
    height, width = line_region(compute, kernel)
    return height <= LINE_ROWS and 2 <= width <= config.line_columns and all(
        kernel[f"kernel_{side}"] <= config.line_kernel
        and 1 <= kernel[f"stride_{side}"] <= LINE_STRIDE
        and kernel[f"dilation_{side}"] == 1
        for side in "hw"
    )
