"""Damage to bytes, of which a broken disk, a cut download or another tool's file is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_EXTREMES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff\x0f", b"\x00" * 8, b"\xff" * 8)


def _flip(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _replace(rng: random.Random, data: bytearray) -> None:
    extreme = rng.choice(_EXTREMES)
    at = rng.randrange(len(data))
    data[at : at + len(extreme)] = extreme


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.randint(1, 9))


def _delete(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.randint(1, 40)]


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _repeat(rng: random.Random, data: bytearray) -> None:
    at, size = rng.randrange(len(data)), rng.randint(1, 200)
    data[at:at] = data[at : at + size]


DAMAGES: tuple[Callable[[random.Random, bytearray], None], ...] = (_flip, _replace, _insert, _delete, _cut, _repeat)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The bytes after one to four accidents."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if found:
            rng.choice(DAMAGES)(rng, found)
    return bytes(found)
