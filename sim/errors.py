"""The machine's refusals as an exception."""

from __future__ import annotations

from spec.errors import SENTENCES, Error

__all__ = ["MachineError", "UndefinedError"]


class MachineError(Exception):
    """The machine stops with an error.

    Attributes
    ----------
    code
        What it refuses.
    address
        Byte address of the instruction or burst; ``None`` until it is known.
    """

    def __init__(self, code: Error, address: int | None = None) -> None:
        self.code, self.address = code, address
        super().__init__(SENTENCES[code].format(address=address or 0))


class UndefinedError(Exception):
    """A program uses a page that no operand named, so what it computes is not defined: the hardware uses any frame."""
