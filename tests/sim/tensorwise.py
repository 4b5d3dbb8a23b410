"""What a program computes, tensor by tensor in DRAM, without pages, frames or queues."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np

from spec.isa import INSTRUCTION_BYTES, WORDS, Mode, Opcode, Role, Statistic

if TYPE_CHECKING:
    from spec.config import Config

_F = np.float32


def _real(bits: int) -> np.float32:
    return _F(struct.unpack("<f", struct.pack("<I", bits))[0])


def _rounded(value: np.float32, zero: int, low: int, high: int) -> int:
    return min(max(min(max(round(float(value)), -(1 << 31)), (1 << 31) - 1) + zero, low), high)


def _fused(factor: int, ratio: np.float32, addend: np.float32) -> np.float32:
    """The float32 nearest to the exact sum: of the one that float64 leads to and its neighbours."""
    exact = factor * Fraction(float(ratio)) + Fraction(float(addend))
    near = _F(float(exact))
    around = (near, np.nextafter(near, _F(np.inf)), np.nextafter(near, _F(-np.inf)))
    return min(around, key=lambda one: (abs(Fraction(float(one)) - exact), int(one.view(np.int32)) & 1))


@dataclass
class Known:
    """What is known of a pixel: its largest lane, sums, and the factor as mantissa and shift."""

    largest: int = 0
    sum: int = 0
    total: int = 0
    mantissa: int = 0
    shift: int = 0

    def divide(self, whole: int, places: int, *, root: bool) -> None:
        """The factor of a number, or of its root."""
        if whole == 0:
            self.mantissa, self.shift = 0, 0
        elif root:
            k = (44 - whole.bit_length()) // 2
            self.mantissa, self.shift = (1 << 38) // isqrt(whole << 2 * k), places - k
        else:
            k = 32 - whole.bit_length()
            self.mantissa, self.shift = (1 << 48) // (whole << k), max(0, places - k)


def _signed(number: int, bits: int) -> int:
    low = number % (1 << bits)
    return low - (1 << bits) if low >> bits - 1 else low


@dataclass
class Tensorwise:
    """Executes instructions one by one on ``dram``, whose page 0 lies at ``base``; every write goes straight there."""

    config: Config
    dram: bytearray
    base: int
    pages: dict[int, int] = field(default_factory=dict)
    registers: dict[int, dict[str, int]] = field(default_factory=dict)
    operands: dict[int, dict[str, int]] = field(default_factory=dict)
    sums: list[list[int]] = field(default_factory=list)
    known: dict[int, Known] = field(default_factory=dict)

    def run(self, program: bytes, length: int) -> None:
        """All instructions after the header."""
        for i in range(1, length):
            raw = int.from_bytes(program[i * INSTRUCTION_BYTES : (i + 1) * INSTRUCTION_BYTES], "little")
            opcode = Opcode(raw & 15)
            fields = WORDS[opcode].decode(raw)
            if opcode is Opcode.BIND:
                self.pages[fields["slot"]] = fields["page"]
            elif opcode is Opcode.OPERAND:
                self.operands[fields["role"]] = fields
            elif opcode is Opcode.COMPUTE:
                self._compute(fields)
            else:
                self.registers[opcode] = fields

    def _at(self, role: Role, word: int) -> int:
        operand = self.operands[role]
        page = self.base + self.pages[operand["slot"]] * self.config.page_bytes
        return page + (operand["offset"] + word) * self.config.rows

    def _word(self, role: Role, word: int) -> list[int]:
        at = self._at(role, word)
        return [b - 256 if b > 127 else b for b in self.dram[at : at + self.config.rows]]

    def _row(self, role: Role, row: int) -> int:
        operand = self.operands[role]
        return row // operand["run"] * operand["stride"] + row % operand["run"]

    def _tap(self, fields: dict[str, int], pixel: int, tap: int) -> list[int]:
        kernel, bounds = self.registers[Opcode.KERNEL], self.registers[Opcode.BOUNDS]
        rest, block = divmod(tap, kernel["blocks"])
        ky, kx = divmod(rest, kernel["kernel_w"])
        oy, ox = divmod(pixel, fields["width"])
        row = fields["y"] + oy * kernel["stride_h"] + ky * kernel["dilation_h"]
        column = fields["x"] + ox * kernel["stride_w"] + kx * kernel["dilation_w"]
        if not (0 <= row < bounds["height"] and 0 <= column < bounds["width"]):
            return [kernel["pad"]] * self.config.rows
        return self._word(Role.INPUT, row * bounds["row_stride"] + block * bounds["block_stride"] + column)

    def _compute(self, fields: dict[str, int]) -> None:
        kernel, lanes = self.registers[Opcode.KERNEL], range(self.config.rows)
        taps = kernel["kernel_h"] * kernel["kernel_w"]
        pixels = range(fields["height"] * fields["width"])
        mode = Mode(fields["mode"])
        if mode is Mode.ARRAY:
            self._add_products(fields, kernel, pixels)
            totals = self.sums
        elif mode in (Mode.MULTIPLY, Mode.MEASURE, Mode.NORMALIZE):
            totals = [self._pixel(fields, mode, p, self._tap(fields, p, 0)) for p in pixels]
        else:
            totals = []
            for p in pixels:
                words = [self._tap(fields, p, t) for t in range(taps)]
                totals.append([self._reduced(mode, [word[c] for word in words], c) for c in lanes])
        if fields["last"]:
            rows = [self._finish(fields, p, totals[p]) for p in pixels]
            for p, row in zip(pixels, rows, strict=True):
                at = self._at(Role.OUTPUT, self._row(Role.OUTPUT, p))
                self.dram[at : at + self.config.rows] = bytes(v & 255 for v in row)

    def _add_products(self, fields: dict[str, int], kernel: dict[str, int], pixels: range) -> None:
        """The passes of the array: words less their zero times weights less theirs, tiles turned or not."""
        lanes = range(self.config.rows)
        if fields["first"]:
            self.sums = [[0] * self.config.cols for _ in pixels]
        operand = self.operands[Role.WEIGHTS]
        rows = range(operand["run"] * operand["count"])
        words = [self._word(Role.WEIGHTS, self._row(Role.WEIGHTS, row)) for row in rows]
        tiles = len(words) // self.config.rows
        zero, other = kernel["zero"], kernel["other_zero"]
        for p in pixels:
            for t in range(tiles):
                word = self._tap(fields, p, t)
                for c in lanes:
                    for r in lanes:
                        row, column = (c, r) if fields["turned"] else (r, c)
                        weight = words[t * self.config.rows + row][column]
                        self.sums[p][c] += (word[r] - zero) * (weight - other)

    def _pixel(self, fields: dict[str, int], mode: Mode, pixel: int, word: list[int]) -> list[int]:
        """A word that is multiplied, measured or normalized; totals of lanes, but for a word that is measured."""
        kernel = self.registers[Opcode.KERNEL]
        if mode is Mode.MULTIPLY:
            other = self._word(Role.RESIDUAL, self._row(Role.RESIDUAL, pixel))
            pairs = zip(word, other, strict=True)
            return [(x - kernel["zero"]) * (y - kernel["other_zero"]) for x, y in pairs]
        known = self.known.setdefault(pixel, Known())
        if mode is Mode.MEASURE:
            self._measure(fields, known, word[: kernel["lanes"] or len(word)])
            return []
        if fields["statistic"] == Statistic.EXPONENTIALS:
            numbers = [self._exponential(known.largest - x) for x in word]
        else:
            numbers = [_signed(self._line()[0] * x - known.sum, 24) for x in word]
        return [_signed(number * known.mantissa >> known.shift, 32) for number in numbers]

    def _measure(self, fields: dict[str, int], known: Known, word: list[int]) -> None:
        statistic, first = Statistic(fields["statistic"]), fields["first"]
        if statistic is Statistic.LARGEST:
            known.largest = max(word) if first else max(known.largest, *word)
            return
        if first:
            known.total = 0
        if statistic is Statistic.EXPONENTIALS:
            known.total = (known.total + sum(self._exponential(known.largest - x) for x in word)) % (1 << 32)
            if fields["closing"]:
                known.divide(known.total, 24, root=False)
            return
        known.sum = _signed((0 if first else known.sum) + sum(word), 24)
        known.total = (known.total + sum(x * x for x in word)) % (1 << 32)
        if fields["closing"]:
            channels, epsilon = self._line()
            known.divide((channels * known.total - known.sum**2 + epsilon) % (1 << 44), 22, root=True)

    def _exponential(self, distance: int) -> int:
        return int(struct.unpack_from("<H", self.dram, self._at(Role.WEIGHTS, 0) + 2 * (distance % 256))[0])

    def _line(self) -> tuple[int, int]:
        """Channels and epsilon."""
        channels, epsilon = struct.unpack_from("<IQ", self.dram, self._at(Role.WEIGHTS, 0))
        return channels % (1 << 16), epsilon % (1 << 44)

    def _reduced(self, mode: Mode, taps: list[int], lane: int) -> int:
        """A window of one lane."""
        if mode is Mode.DEPTHWISE:
            return sum(tap * self._word(Role.WEIGHTS, index)[lane] for index, tap in enumerate(taps))
        if mode is Mode.AVERAGE:
            return self._average([tap - self.registers[Opcode.KERNEL]["pad"] for tap in taps])
        return sum(taps) if mode is Mode.SUM else max(taps)

    def _average(self, taps: list[int]) -> int:
        """-128 and the borders that the float32 sum reaches, of a table whose borders ascend."""
        entries = self.operands[Role.WEIGHTS]["run"] * self.config.rows // 4
        mantissa, *keys = struct.unpack_from(f"<{entries}i", self.dram, self._at(Role.WEIGHTS, 0))
        total = _F(0)
        for tap in taps:
            total += _F(tap * mantissa)
        return sum(_real(key if key >= 0 else key & 0xFFFFFFFF ^ 0x7FFFFFFF) <= total for key in keys) - 128

    def _finish(self, fields: dict[str, int], pixel: int, totals: list[int]) -> list[int]:
        clamp, scale = self.registers[Opcode.CLAMP], self.registers[Opcode.SCALE]
        table = self._at(Role.CONSTANTS, 0)
        row = []
        for c, total in enumerate(totals):
            bias, factor = struct.unpack_from("<if", self.dram, table + 8 * c)
            out = _rounded(_F(total + bias) * _F(factor), clamp["zero_a"], clamp["low_a"], clamp["high_a"])
            if fields["residual"] and fields["mode"] != Mode.MULTIPLY:
                other = self._word(Role.RESIDUAL, self._row(Role.RESIDUAL, pixel))[c]
                operands = [out + 128 * clamp["unsigned_a"], other + 128 * clamp["unsigned_b"]]
                first, second = reversed(operands) if clamp["swap"] else operands
                inner = _fused(second, _real(scale["second_ratio"]), _real(scale["fixed"]))
                real = _fused(first, _real(scale["first_ratio"]), inner)
                out = _rounded(real, clamp["zero_b"], clamp["low_b"], clamp["high_b"])
            if fields["table"]:
                entry = self.dram[self._at(Role.TABLE, 0) + out % 256]
                out = entry - 256 if entry > 127 else entry
            row.append(out)
        return row
