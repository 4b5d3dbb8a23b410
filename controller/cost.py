"""What a choice of tiles costs: engine cycles by the timing formulas, page traffic, steps of the front end.

An estimate to choose by, not a prediction: the golden model predicts. Whatever runs side by side counts as its
longest part; what must come before the first command or after the last one is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec import timing
from spec.isa import Mode, Role

if TYPE_CHECKING:
    from controller.commands import Command
    from spec.config import Config

#: Front end cycles of a COMPUTE and the registers that change before it.
_COMMAND_STEPS = 28
#: The part of everything but the longest that counts too: nothing overlaps perfectly.
_FRICTION = 0.1


@dataclass
class Effort:
    """Cycles of each part of an operator."""

    array: float = 0
    post: float = 0
    read: float = 0
    write: float = 0
    steps: float = 0
    before: float = 0
    after: float = 0

    def total(self, *, overlapped: bool) -> float:
        """Estimated cycles; `overlapped`: a command's operands can be fetched while the one before runs."""
        parts = [self.array, self.post, self.read, self.write, self.steps]
        longest = max(parts)
        if not overlapped:
            longest = max(self.array + self.post, self.steps) + self.read + self.write
        return longest + _FRICTION * sum(parts) + self.before + self.after


def array_cycles(config: Config, passes: int, pixels: int, *, turned: bool = False) -> int:
    """Cycles of an ARRAY command, from its start to the next one's."""
    time = timing.array_time(config, passes=passes, pixels=pixels, serial=False, turned=turned)
    return time.finish + timing.CROSSING


def post_cycles(
    slots: int, *, slot_cycles: int = 1, addends: int = 0, tap_words: int = 0, table_words: int = 0
) -> int:
    """Cycles of a POST command, from its start to the next one's."""
    finish = timing.post_time(
        table_words=table_words, tap_words=tap_words, slots=slots, slot_cycles=slot_cycles, addends=addends
    )
    return finish + timing.CROSSING


def statistic_cycles(config: Config, command: Command) -> int:
    """Cycles of a POST command that measures or normalizes, from its start to the next one's."""
    pixels = command.height * command.width
    words = command.operands[Role.WEIGHTS].run if Role.WEIGHTS in command.operands else 0
    if command.mode is Mode.NORMALIZE:
        return timing.CROSSING + timing.post_time(
            table_words=timing.lookup_words(config) if command.looks_up else 0, tap_words=words, slots=pixels,
            slot_cycles=timing.NORMALIZE_SLOT, addends=pixels * command.residual,
        )  # fmt: skip
    return timing.CROSSING + timing.post_time(
        table_words=0, tap_words=words, slots=pixels, slot_cycles=timing.CLOSING_SLOT if command.closing else 1,
        constants_words=0, latency=timing.measure_latency(config, closing=command.closing),
    )  # fmt: skip


def step_cycles(config: Config, commands: int, pages: float) -> float:
    """Front end cycles of commands that name so many pages together."""
    page = timing.staged(config, timing.VISIT_PAGE, 2) + timing.FOLD_PAGE
    return commands * (_COMMAND_STEPS + config.banks * timing.PORT_BANK) + pages * page


@dataclass(frozen=True)
class Traffic:
    """Pages of an operator and of its largest tile, from which refetches follow.

    Parameters
    ----------
    inputs, weights, others, outputs
        Different pages of the whole operator; `others`: constants and residual.
    tile
        Most input pages of a tile.
    tiles
        Tiles of a block of outputs; `touched` is the sum of their input pages.
    groups
        Times that the tiles are walked.
    block
        Most pages of one command besides its input.
    """

    inputs: int
    weights: int
    others: int
    outputs: int
    tile: int
    tiles: int
    touched: int
    groups: int
    block: int

    def pages(self, frames: int, *, mingled: bool) -> tuple[float, float]:
        """Pages read and written; `mingled`: blocks of outputs share pages."""
        if self.inputs + self.weights + self.others + self.outputs <= frames:
            return self.inputs + self.weights + self.others, self.outputs
        group = self.weights / self.groups
        kept = self.tiles == 1 or group + self.tile + self.block <= frames
        weights = self.weights if kept else self.weights * self.tiles
        inputs = self.inputs if self.groups == 1 or self.inputs + self.block <= frames else self.touched * self.groups
        again = self.outputs * (self.groups - 1) if mingled else 0
        return weights + inputs + self.others + again, self.outputs + again

