"""Tensors of random programs: where they lie in DRAM, what they hold, in which slot they are bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spec.isa import LINE, MANTISSA, Opcode, TensorClass
from spec.program import Instruction

if TYPE_CHECKING:
    import random

    from numpy.typing import NDArray

    from spec.config import Config

__all__ = ["Binder", "Tensor"]


@dataclass(eq=False)
class Tensor:
    """A tensor of so many words, from DRAM page ``page`` on.

    Feature maps have ``height`` x ``blocks`` x ``width`` words in this order; other tensors have zeros there. ``home``:
    DRAM holds its bytes, so that a page of it that is partly written must be fetched first. ``dead``: it is named no
    more, and DRAM need not hold what was written to it.
    """

    tensor_class: TensorClass
    words: int
    page: int
    pages: int
    height: int = 0
    blocks: int = 0
    width: int = 0
    home: bool = True
    dead: bool = False
    slot: int | None = None
    window: int = 0


class Binder:
    """Makes tensors, and emits the BINDs that make them known to the machine.

    Parameters
    ----------
    config, rng
        The machine, and where randomness comes from.

    Attributes
    ----------
    image, tensors
        The initial bytes of DRAM from page 0 on, tensor after tensor, and these tensors.
    instructions
        What is emitted so far; others append to it.
    """

    def __init__(self, config: Config, rng: random.Random) -> None:
        self.config, self.rng = config, rng
        self.image = bytearray()
        self.instructions: list[Instruction] = []
        self.tensors: list[Tensor] = []
        self._slots: list[Tensor | None] = [None] * config.slots
        self._generator = np.random.default_rng(rng.getrandbits(32))

    def tensor(self, tensor_class: TensorClass, words: int, **shape: int) -> Tensor:
        """A tensor with random bytes."""
        size = self.config.page_bytes
        pages = -(-words * self.config.rows // size)
        made = Tensor(tensor_class, words, len(self.image) // size, pages, **shape)
        self.tensors.append(made)
        self.image += self._generator.integers(0, 256, pages * size, dtype=np.uint8).tobytes()
        return made

    def constants(self, blocks: int, reach: int) -> Tensor:
        """Tables of ``blocks`` output blocks; scales bring totals of about ``reach`` into a byte or a bit beyond."""
        channels = blocks * self.config.cols
        table = np.zeros(channels, dtype=[("bias", "<i4"), ("scale", "<f4")])
        table["bias"] = self._generator.integers(-reach, reach + 1, channels)
        table["scale"] = self._generator.uniform(20, 300, channels) / max(reach, 1)
        return self._filled(TensorClass.CONSTANTS, table)

    def borders(self, lines: int, taps: int) -> Tensor:
        """So many lines of a mantissa and ascending borders, among the sums that windows of ``taps`` have."""
        mantissa = int(self._generator.integers(1 << MANTISSA - 1, 1 << MANTISSA))
        sums = np.sort(self._generator.normal(0, 75 * mantissa * taps**0.5, lines * LINE - 1)).astype("<f4")
        bits = sums.view("<i4")
        keys = bits ^ (bits >> 31 & 0x7FFFFFFF)
        return self._filled(TensorClass.WEIGHTS, np.array([mantissa, *keys], "<i4"))

    def exponentials(self) -> Tensor:
        """A table that falls, fast or slowly; now and then any."""
        table = 65535 * np.exp(-np.arange(256) * self._generator.uniform(0.005, 0.5))
        if self._generator.random() < 0.2:
            table = self._generator.integers(0, 1 << 16, 256)
        return self._filled(TensorClass.WEIGHTS, np.asarray(table, "<u2"))

    def line(self, channels: int) -> Tensor:
        """The channels of a pixel and some epsilon; now and then any."""
        line = self._generator.integers(0, 1 << 32, 4 * max(1, self.config.rows // 16))
        if self._generator.random() < 0.8:
            line[:3] = channels, self._generator.integers(0, 2000), 0
        return self._filled(TensorClass.WEIGHTS, np.asarray(line, "<u4"))

    def _filled(self, tensor_class: TensorClass, table: NDArray[Any]) -> Tensor:
        raw = table.tobytes()
        made = self.tensor(tensor_class, len(raw) // self.config.rows)
        at = made.page * self.config.page_bytes
        self.image[at : at + len(raw)] = raw
        return made

    def bind(self, *tensors: Tensor) -> None:
        """Have all ``tensors`` bound together; others give up their slots and windows as needed."""
        needed = set(map(id, tensors))
        for tensor in tensors:
            while tensor.slot is None:
                window = self._window(tensor.pages)
                slots = [i for i, t in enumerate(self._slots) if t is None]
                if window is not None and slots:
                    self._emit_bind(tensor, self.rng.choice(slots), window)
                    break
                others = [t for t in self._slots if t is not None and id(t) not in needed]
                assert others, "the virtual pages must hold the tensors of a COMPUTE"
                victim = self.rng.choice(others)
                slot, window = victim.slot, self._window(tensor.pages, besides=victim)
                assert slot is not None
                if window is not None and self.rng.random() < 0.7:
                    # Over a live slot; perhaps over its very window.
                    victim.slot, victim.home = None, True
                    self._emit_bind(tensor, slot, window)
                else:
                    self._unbind(victim)

    def release(self) -> None:
        """Have every tensor leave the scratchpad."""
        for tensor in [t for t in self._slots if t is not None]:
            self._unbind(tensor)

    def _unbind(self, tensor: Tensor) -> None:
        """Bind a page of nothing over ``tensor``: its own pages are released, and written back if dirty."""
        assert tensor.slot is not None
        self._emit(
            Opcode.BIND, slot=tensor.slot, tensor_class=TensorClass.INPUT, colour=0, window=tensor.window, pages=0,
            page=0, home=1,
        )  # fmt: skip
        self._slots[tensor.slot] = None
        tensor.slot, tensor.home = None, True

    def _emit_bind(self, tensor: Tensor, slot: int, window: int) -> None:
        self._slots[slot], tensor.slot, tensor.window = tensor, slot, window
        self._emit(
            Opcode.BIND, slot=slot, tensor_class=tensor.tensor_class, colour=self.rng.randrange(16), window=window,
            pages=tensor.pages, page=tensor.page, home=int(tensor.home),
        )  # fmt: skip

    def _window(self, pages: int, besides: Tensor | None = None) -> int | None:
        """A free run of virtual pages, one at random of those at the ends of the space and of bound windows."""
        total = self.config.virtual_pages
        taken = [range(t.window, t.window + t.pages) for t in self._slots if t not in (None, besides)]
        starts = [0, total - pages, *(r.stop for r in taken)]
        fits = [
            s for s in starts
            if 0 <= s <= total - pages and all(s + pages <= r.start or s >= r.stop for r in taken)
        ]  # fmt: skip
        return self.rng.choice(fits) if fits else None

    def _emit(self, opcode: Opcode, **fields: int) -> None:
        self.instructions.append(Instruction(opcode, fields))
