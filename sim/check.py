"""Refuses COMPUTEs that would hang or overrun an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import LINE, LINE_ROWS, LINE_STRIDE, PIXELWISE, Mode, Role, Statistic
from spec.timing import CONSTANTS_WORDS, border_words, exponential_words, lookup_words, moments_words, region

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from spec.config import Config

    Fields = Mapping[str, int]

__all__ = ["is_sound", "line_region", "operand_roles"]


def operand_roles(compute: Fields) -> list[Role]:
    """The operands that a COMPUTE has, in the order in which they are made resident."""
    roles = [Role.INPUT]
    if compute["mode"] in (Mode.ARRAY, Mode.DEPTHWISE, Mode.AVERAGE, Mode.NORMALIZE) or _weighs(compute):
        roles.append(Role.WEIGHTS)
    if compute["last"]:
        roles.append(Role.CONSTANTS)
        if compute["residual"]:
            roles.append(Role.RESIDUAL)
        roles.append(Role.OUTPUT)
        if compute["table"]:
            roles.append(Role.TABLE)
    return roles


def _weighs(compute: Fields) -> bool:
    """Whether a MEASURE has weights: of moments only the last one needs channels and epsilon."""
    if compute["mode"] != Mode.MEASURE:
        return False
    moments = compute["statistic"] == Statistic.MOMENTS
    return compute["statistic"] == Statistic.EXPONENTIALS or (moments and bool(compute["closing"]))


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
    good = pixels > 0 and taps > 0 and kernel["blocks"] > 0
    good &= all(operands[role]["run"] > 0 and operands[role]["count"] > 0 for role in roles)
    if compute["mode"] == Mode.ARRAY:
        good &= pixels <= config.half_rows and weights["run"] % config.rows == 0
    else:
        good &= bool(compute["last"]) == (compute["mode"] != Mode.MEASURE) and kernel["blocks"] == 1
    if compute["mode"] == Mode.DEPTHWISE:
        good &= weights["run"] == taps <= config.window_taps and weights["count"] == 1
    if compute["mode"] == Mode.AVERAGE:
        good &= weights["run"] % border_words(config) == 0 and weights["run"] <= LINE * border_words(config)
        good &= weights["count"] == 1
    if compute["mode"] in PIXELWISE:
        good &= not config.omit_tokens
        good &= kernel["kernel_h"] == kernel["kernel_w"] == 1 and _fits_pixels(config, compute, weights)
    if compute["lines"]:
        good &= compute["mode"] in (Mode.DEPTHWISE, Mode.SUM, Mode.MAX) and _fits_lines(config, compute, kernel)
    if compute["last"]:
        good &= constants["run"] == CONSTANTS_WORDS and constants["count"] == 1
    if Role.TABLE in roles:
        good &= operands[Role.TABLE]["run"] == lookup_words(config) and operands[Role.TABLE]["count"] == 1
    for role in {Role.RESIDUAL, Role.OUTPUT} & set(roles):
        good &= operands[role]["run"] == compute["width"] and operands[role]["count"] == compute["height"]
    return good


def _fits_pixels(config: Config, compute: Fields, weights: Fields) -> bool:
    """Whether a COMPUTE that takes pixels one by one has all that it needs, and a place for each of its statistics."""
    if compute["mode"] == Mode.MULTIPLY:
        return bool(compute["residual"])
    if compute["statistic"] not in set(Statistic) or compute["height"] * compute["width"] > config.half_rows:
        return False
    if compute["statistic"] == Statistic.LARGEST:
        return compute["mode"] == Mode.MEASURE and not compute["closing"]
    table = compute["statistic"] == Statistic.EXPONENTIALS
    words = exponential_words(config) if table else moments_words(config)
    weighs = compute["mode"] == Mode.NORMALIZE or _weighs(compute)
    return not weighs or (weights["run"] == words and weights["count"] == 1)


def _fits_lines(config: Config, compute: Fields, kernel: Fields) -> bool:
    """Whether the window is one that the line buffer holds, and the region no wider than a line."""
    height, width = line_region(compute, kernel)
    return height <= LINE_ROWS and 2 <= width <= config.line_columns and all(
        kernel[f"kernel_{side}"] <= config.line_kernel
        and 1 <= kernel[f"stride_{side}"] <= LINE_STRIDE
        and kernel[f"dilation_{side}"] == 1
        for side in "hw"
    )
