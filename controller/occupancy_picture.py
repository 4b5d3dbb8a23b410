"""The pages of the scratchpad over a run: address against time, coloured by class."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from controller.picture import COLOURS, Picture, ticks
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from sim.occupancy import Life
    from spec.config import Config

_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 30, 16, 40
_COLUMNS, _HEIGHT = 900, 400
_NOTHING = -1


def occupancy_picture(config: Config, cycles: int, lives: Sequence[Life], title: str) -> bytes:
    """SVG: a row for each frame, bank by bank; white is free. A column is what was there last in its cycles."""
    picture = Picture(_LEFT + _COLUMNS + _RIGHT, _TOP + _HEIGHT + _BOTTOM)
    picture.text(_LEFT, 18, title, anchor="start", bold=True)
    grid = _grid(config.frames, cycles, lives)
    place = f"translate({_LEFT} {_TOP}) scale(1 {_HEIGHT / config.frames:g})"
    for kind in TensorClass:
        picture.cells(_rectangles(grid, kind), place, COLOURS[kind])
    for bank in range(config.banks + 1):
        y = _TOP + _HEIGHT * bank / config.banks
        picture.line([(_LEFT - 4, y), (_LEFT + _COLUMNS, y)], "#bbbbbb")
        if bank < config.banks:
            picture.text(_LEFT - 8, y + _HEIGHT / config.banks / 2 + 4, f"bank {bank}", anchor="end")
    for cycle in ticks(cycles):
        x = _LEFT + _COLUMNS * cycle / cycles
        picture.line([(x, _TOP + _HEIGHT), (x, _TOP + _HEIGHT + 4)])
        picture.text(x, _TOP + _HEIGHT + 16, f"{cycle:,.0f}")
    picture.text(_LEFT + _COLUMNS, _TOP + _HEIGHT + 32, "cycles", anchor="end")
    picture.key(_LEFT, _TOP + _HEIGHT + 32, [(kind.name.lower(), COLOURS[kind]) for kind in TensorClass])
    return picture.svg()


def _grid(frames: int, cycles: int, lives: Sequence[Life]) -> NDArray[np.int8]:
    """The class of each frame's page in each column."""
    grid: NDArray[np.int8] = np.full((frames, _COLUMNS), _NOTHING, np.int8)
    for life in lives:
        first, last = (min(cycle * _COLUMNS // cycles, _COLUMNS - 1) for cycle in (life.start, life.finish))
        grid[life.frame, first : last + 1] = life.tensor_class
    return grid


def _rectangles(grid: NDArray[np.int8], kind: TensorClass) -> Iterator[tuple[int, int, int, int]]:
    """What a class covers, as (column, frame, columns, frames); equal runs of neighbouring frames are one."""
    open_runs: dict[tuple[int, int], int] = {}
    for frame in range(len(grid) + 1):
        runs = set(_runs(grid[frame] == kind)) if frame < len(grid) else set()
        for run in [run for run in open_runs if run not in runs]:
            first = open_runs.pop(run)
            yield run[0], first, run[1] - run[0], frame - first
        for run in runs - open_runs.keys():
            open_runs[run] = frame


def _runs(covered: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    at = 0
    for value, group in groupby(covered.tolist()):
        size = len(list(group))
        if value:
            yield at, at + size
        at += size
