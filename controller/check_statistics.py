"""What a COMPUTE names, and when it may name a statistic: NORMALIZE takes what has been measured of its tile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.isa import Mode, Role, Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Modes that always have WEIGHTS.
_WEIGHING = frozenset({Mode.ARRAY, Mode.DEPTHWISE, Mode.AVERAGE, Mode.NORMALIZE})


def roles_of(compute: Mapping[str, int]) -> list[Role]:
    """The operands of a COMPUTE."""
    mode, statistic = compute["mode"], compute["statistic"]
    weighs = mode in _WEIGHING or (
        mode == Mode.MEASURE
        and (statistic == Statistic.EXPONENTIALS or (statistic == Statistic.MOMENTS and bool(compute["closing"])))
    )
    roles = [Role.INPUT, *([Role.WEIGHTS] if weighs else [])]
    if compute["last"]:
        roles += [Role.CONSTANTS, *([Role.RESIDUAL] if compute["residual"] else []), Role.OUTPUT]
        roles += [Role.TABLE] if compute["table"] else []
    return roles


class Measured:
    """What is known of the pixels of a tile: a statistic that grows block by block, and is closed before it is used."""

    def __init__(self) -> None:
        self._tile = (0, 0)
        self._statistic: int | None = None
        self._open = False

    def follows(self, compute: Mapping[str, int]) -> bool:
        """Take note of a COMPUTE; whether it may come here."""
        tile = compute["height"], compute["width"]
        mode, statistic = compute["mode"], compute["statistic"]
        same = tile == self._tile and statistic == self._statistic
        if mode == Mode.NORMALIZE:
            return same and not self._open and statistic != Statistic.LARGEST
        if mode != Mode.MEASURE:
            return True
        good = not compute["last"]
        if not compute["first"]:
            good &= same and self._open
        elif statistic == Statistic.EXPONENTIALS:
            good &= tile == self._tile and self._statistic == Statistic.LARGEST
        self._tile, self._statistic, self._open = tile, statistic, not compute["closing"]
        return good
