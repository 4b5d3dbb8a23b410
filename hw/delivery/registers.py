"""The register map for software: a C header, and a Python module that needs nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spec.errors import SENTENCES, Error
from spec.isa import INSTRUCTION_BYTES
from spec.registers import BITS, IDENTITY, REGISTERS, SPACE, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spec.config import Config

__all__ = ["c_header", "python_module"]


def _constants(config: Config) -> Iterator[tuple[str, int, str]]:
    """Everything that software must know: name, value, meaning."""
    yield "IDENTITY_VALUE", IDENTITY, "what IDENTITY reads as"
    yield "CONFIG_LOW_VALUE", config.hash & 0xFFFFFFFF, "what CONFIG_LOW reads as"
    yield "CONFIG_HIGH_VALUE", config.hash >> 32, "what CONFIG_HIGH reads as"
    yield "SPACE", SPACE, "bytes of the register space"
    yield "PAGE_BYTES", config.page_bytes, "alignment of DATA_BASE"
    yield "FETCH_BYTES", config.fetch_burst * INSTRUCTION_BYTES, "alignment of PROGRAM_ADDRESS"
    for register in REGISTERS.values():
        yield register.name, register.offset, f"{register.access}: {register.doc}"
    for name, bits in BITS.items():
        for place, bit in enumerate(bits):
            yield f"{name}_{bit}", 1 << place, f"bit {place} of {name}"
    for policy in Policy:
        yield f"POLICY_{policy.name}", policy.value, "a value of POLICY"
    for error in Error:
        yield f"ERROR_{error.name}", error.value, re.sub(r"{address[^}]*}", "ERROR_ADDRESS", SENTENCES[error])


def c_header(config: Config) -> str:
    """`pinfold.h`: offsets in bytes, masks, codes, all as PINFOLD_NAME."""
    lines = ["/* Registers of a Pinfold accelerator. 32 bits each, by offset in bytes. */", "#ifndef PINFOLD_H",
             "#define PINFOLD_H", ""]  # fmt: skip
    lines += [f"#define PINFOLD_{name} 0x{value:x}u /* {said} */" for name, value, said in _constants(config)]
    return "\n".join([*lines, "", "#endif", ""])


def python_module(config: Config) -> str:
    """`pinfold_registers.py`: the same names and values."""
    lines = ['"""Registers of a Pinfold accelerator. 32 bits each, by offset in bytes."""', ""]
    lines += [f"{name} = {value:#x}  # {said}" for name, value, said in _constants(config)]
    return "\n".join([*lines, ""])
