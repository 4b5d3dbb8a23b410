"""Chains of COMPUTEs that measure pixels block after block and then normalize them; now and then nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import Mode, Role, Statistic
from tb.tiles import Part

if TYPE_CHECKING:
    import random

    from spec.config import Config
    from tb.tensors import Binder, Tensor

__all__ = ["Pixels", "everywhere"]


def everywhere(config: Config, word: Tensor, line: Tensor) -> list[Part]:
    """COMPUTEs after which something is known of every pixel: what memories hold in the beginning is not defined.

    They read one word again and again, with strides of 0.
    """
    shape = {"height": 2, "width": config.half_rows // 2, "y": 0, "x": 0, "mode": Mode.MEASURE, "first": 1, "last": 0}
    bounds = {"height": 1, "width": 1, "row_stride": 0, "block_stride": 0}
    operands: dict[Role, tuple[Tensor, tuple[int, int, int, int]]] = {Role.INPUT: (word, (0, 1, 0, 1))}
    moments = {**operands, Role.WEIGHTS: (line, (0, line.words, 0, 1))}
    return [
        Part(operands, bounds, {**shape, "statistic": Statistic.LARGEST, "closing": 0}, 1),
        Part(moments, bounds, {**shape, "statistic": Statistic.MOMENTS, "closing": 1}, 1),
    ]


class Pixels:
    """What an operator of a statistic needs beside its maps.

    Parameters
    ----------
    binder
        Makes the tensors.
    rng
        Where choices come from.
    channels
        Channels of its input, the last block's empty lanes not among them.

    Attributes
    ----------
    statistic
        What its pixels are normalized by.
    operands
        The WEIGHTS of each statistic.
    """

    def __init__(self, binder: Binder, rng: random.Random, channels: int) -> None:
        self.rng, self._rows = rng, binder.config.rows
        self._lanes = (channels - 1) % self._rows + 1
        self.statistic = rng.choice((Statistic.EXPONENTIALS, Statistic.MOMENTS))
        self.operands = {Statistic.EXPONENTIALS: binder.exponentials(), Statistic.MOMENTS: binder.line(channels)}

    def chain(self, parts: list[Part]) -> list[Part]:
        """The COMPUTEs of a tile, of NORMALIZEs of all its blocks and whatever is to be measured before."""
        rng, kinds = self.rng, (self.statistic,)
        if self.statistic is Statistic.EXPONENTIALS:
            kinds = (Statistic.LARGEST, Statistic.EXPONENTIALS)
        measured = [
            self._measure(part, kind, first=index == 0, final=index == len(parts) - 1)
            for kind in kinds for index, part in enumerate(parts)
        ]  # fmt: skip
        normalized = [self._with(part, Mode.NORMALIZE, self.statistic, {"first": rng.getrandbits(1)}) for part in parts]
        if rng.random() < 0.7:
            return measured + normalized
        # What is not measured, or in another order, or not complete, is whatever was known before.
        some = [part for part in measured if rng.random() < 0.7] + normalized
        rng.shuffle(some)
        return [self._spoiled(part) for part in some]

    def _measure(self, part: Part, kind: Statistic, *, first: bool, final: bool) -> Part:
        closing = final and kind is not Statistic.LARGEST
        made = self._with(part, Mode.MEASURE, kind, {"first": int(first), "closing": int(closing)})
        return made._replace(lanes=self._lanes % self._rows if final else 0)

    def _spoiled(self, part: Part) -> Part:
        """The same of another statistic, or more or less than it was."""
        rng, mode = self.rng, Mode(part.shape["mode"])
        kind = Statistic(rng.randrange(mode is Mode.NORMALIZE, len(Statistic)))
        closing = int(mode is Mode.NORMALIZE or kind is not Statistic.LARGEST) and rng.getrandbits(1)
        made = self._with(part, mode, kind, {"first": rng.getrandbits(1), "closing": closing})
        return made._replace(lanes=rng.getrandbits(6))

    def _with(self, part: Part, mode: Mode, kind: Statistic, fields: dict[str, int]) -> Part:
        """A COMPUTE of the block that ``part`` normalizes, with the operands of its mode."""
        measuring = mode is Mode.MEASURE
        shape = {**part.shape, "mode": mode, "statistic": kind, "last": int(not measuring), **fields}
        kept = {
            role: operand for role, operand in part.operands.items()
            if role is Role.INPUT or not (measuring or role is Role.WEIGHTS)
        }  # fmt: skip
        if kind is Statistic.EXPONENTIALS or (kind is Statistic.MOMENTS and (not measuring or shape["closing"])):
            tensor = self.operands[kind]
            kept[Role.WEIGHTS] = tensor, (0, tensor.words, 0, 1)
        return part._replace(operands=kept, shape=shape)
