"""How large a feature map may be: what lies beyond is an error of its file, or no machine's matter."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.source import Source, SourceNode

#: Pixels of all images of a batch: a sum of as many int8 values still fits 32 bits.
MOST_PIXELS = (1 << 24) - 1
#: Bytes of a map: addresses have 32 bits.
MOST_BYTES = (1 << 32) - 1


def check_size(source: Source, where: SourceNode | str, shape: Sequence[int]) -> None:
    """Check the shape of a map: batch, channels, and what else it has.

    Raises
    ------
    ModelError
        If it has too many pixels or bytes.
    """
    pixels = prod(shape) // shape[1] if len(shape) > 1 else 1
    if pixels > MOST_PIXELS or prod(shape) > MOST_BYTES:
        raise source.refuse(
            where, f"must have at most {MOST_PIXELS:,} pixels and {MOST_BYTES:,} bytes, not shape {tuple(shape)}"
        )
