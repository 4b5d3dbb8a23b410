"""A program: the header, then instructions of 16 bytes, little-endian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spec.isa import HEADER, INSTRUCTION_BYTES, MAGIC, VERSION, WORDS, Opcode

if TYPE_CHECKING:
    from spec.config import Config


@dataclass(frozen=True)
class Instruction:
    """An opcode and its fields."""

    opcode: Opcode
    fields: dict[str, int]

    def encode(self) -> int:
        """The 128-bit word."""
        return WORDS[self.opcode].encode(opcode=self.opcode, **self.fields)


def assemble(config: Config, instructions: list[Instruction]) -> bytes:
    """The bytes of a program, padded to whole fetch bursts."""
    words = [
        HEADER.encode(magic=MAGIC, version=VERSION, configuration=config.hash, length=len(instructions) + 1),
        *(i.encode() for i in instructions),
    ]
    raw = b"".join(w.to_bytes(INSTRUCTION_BYTES, "little") for w in words)
    burst = config.fetch_burst * INSTRUCTION_BYTES
    return raw + bytes(-len(raw) % burst)
