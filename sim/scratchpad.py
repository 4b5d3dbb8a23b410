"""The scratchpad: banks of words, reached by virtual pages or by frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.errors import UndefinedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spec.config import Config


class Scratchpad:
    """All words, frame after frame, and the page table of whoever owns them.

    Parameters
    ----------
    config
        The machine.

    Attributes
    ----------
    words
        int8, frames * page_words x rows.
    table
        The frame of each virtual page, negative where nothing is present.
    """

    def __init__(self, config: Config) -> None:
        # Powers of two: a shift and a mask are much faster than a division of millions of addresses.
        self._page_words, self._shift = config.page_words, config.page_words.bit_length() - 1
        self._address_mask = config.virtual_pages * config.page_words - 1
        self.words: NDArray[np.int8] = np.zeros((config.frames * config.page_words, config.rows), dtype=np.int8)
        self.table: NDArray[np.int32] = np.full(config.virtual_pages, -1, dtype=np.int32)

    def frame(self, frame: int) -> NDArray[np.int8]:
        """The page_words x rows words of a frame, to read or to write."""
        return self.words[frame * self._page_words : (frame + 1) * self._page_words]

    def read(self, addresses: NDArray[np.int64]) -> NDArray[np.int8]:
        """The words at virtual word addresses, of one more dimension: rows lanes."""
        return np.take(self.words, self._places(addresses), axis=0)

    def write(self, addresses: NDArray[np.int64], words: NDArray[np.int8]) -> None:
        """Replace the words at virtual word addresses."""
        self.words[self._places(addresses)] = words

    def run(self, first: int, count: int) -> NDArray[np.int8]:
        """``count`` words from virtual word address ``first`` on."""
        return self.read(np.arange(first, first + count, dtype=np.int64))

    def _places(self, addresses: NDArray[np.int64]) -> NDArray[np.int64]:
        wrapped = addresses & self._address_mask
        pages = wrapped >> self._shift
        frames: NDArray[np.int64] = self.table[pages].astype(np.int64)
        if frames.size and frames.min() < 0:
            raise UndefinedError(f"virtual page {pages[frames < 0][0]} must be named by an operand before it is used")
        frames <<= self._shift
        frames += wrapped & self._page_words - 1
        return frames
