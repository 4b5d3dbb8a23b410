"""What MEASURE has beside a pixel's lanes: the table of exponentials of a softmax, the numbers of a normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controller.graph import Normalization, Softmax

if TYPE_CHECKING:
    from controller.layout import Bytes


def table_of(node: Softmax | Normalization, rows: int) -> Bytes:
    """The words of its WEIGHTS operand: 256 uint16, or int32 of channels and epsilon, which has the next two."""
    if isinstance(node, Softmax):
        return node.exponentials.astype("<u2").view(np.int8).reshape(-1, rows)
    epsilon = node.epsilon
    line = np.array([node.source.shape[1], epsilon & 0xFFFFFFFF, epsilon >> 32, 0], "<u4").view(np.int8)
    return np.resize(line, max(len(line), rows)).reshape(-1, rows)
