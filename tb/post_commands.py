"""Commands of post-processing with all that they read, write and take."""

from __future__ import annotations

from math import prod

import numpy as np

from sim.average import average_windows
from sim.depthwise import reduce_windows
from sim.lookup import replace as replaced
from sim.multiply import multiply
from sim.normalize import normalize
from sim.requantize import add_residual, requantize
from sim.statistics import measure, numbers
from spec.isa import BOUNDS, CLAMP, KERNEL, LINE, PIXELWISE, Mode, Statistic
from spec.timing import (
    AVERAGE_TURN,
    CLOSING_LATENCY,
    CLOSING_SLOT,
    CONSTANTS_WORDS,
    MEASURE_LATENCY,
    NORMALIZE_SLOT,
    POST_ISSUE,
    POST_LATENCY,
    POST_TURN,
    further_cycles,
    lookup_words,
    post_time,
    slot_cycles,
)

__all__ = ["Job"]

#: Modes with a WEIGHTS operand that the engine reads, if it has words.
WEIGHTED = (Mode.DEPTHWISE, Mode.AVERAGE, Mode.MEASURE, Mode.NORMALIZE)


class Job:
    """A command with everything it reads, in virtual memory ``words``, accumulator ``sums`` and ``places`` of pixels.

    A ``statistic`` with what is of use to it, its ``operand``, if it is not to be a random one.
    """

    def __init__(
        self, rng, config, words, sums, mode, *, kernel=(1, 1), size=(1, 1), residual=0, lookup=None, half=None,
        lines=None, places=None, statistic=Statistic.MOMENTS, first=1, closing=0, operand=None,
    ):
        if mode in PIXELWISE:
            kernel, residual = (1, 1), {Mode.MULTIPLY: 1, Mode.MEASURE: 0}.get(mode, residual)
        self.places, self.statistic, self.first, self.closing = places, statistic, first, closing
        self.config, self.words, self.sums, self.mode, self.residual = config, words, sums, mode, residual
        self.rng, self.count, self.lines = rng, size[0] * size[1], lines is not None
        anywhere = lambda: int(rng.integers(0, len(words)))  # noqa: E731
        fields = {}
        for word in (KERNEL, BOUNDS, CLAMP):
            fields |= {f.name: int(rng.integers(f.range[0], f.range[1] + 1)) for f in word.fields}
        fields |= dict(zip(("kernel_h", "kernel_w"), kernel, strict=True))
        fields |= {n: int(rng.integers(1, 4)) for n in ("stride_h", "stride_w", "dilation_h", "dilation_w")}
        if lines is not None:
            fields |= {"stride_h": lines[0], "stride_w": lines[1], "dilation_h": 1, "dilation_w": 1}
        fields |= {"blocks": 1, "height": int(rng.integers(1, 30)), "width": int(rng.integers(1, 30))}
        for side in "ab":
            fields[f"low_{side}"], fields[f"high_{side}"] = sorted((fields[f"low_{side}"], fields[f"high_{side}"]))
        pick = lambda word: {f.name: fields[f.name] for f in word.fields if f.name != "opcode"}  # noqa: E731
        self.clamp = pick(CLAMP)
        self.window = {
            "base": anywhere(), **pick(KERNEL), **pick(BOUNDS), "out_height": size[0], "out_width": size[1],
            "y": int(rng.integers(-5, 6)), "x": int(rng.integers(-5, 6)),
        }  # fmt: skip
        stride = lambda: int(rng.integers(0, 1 << 20))  # noqa: E731
        self.output = {"base": anywhere(), "run": size[1], "stride": stride(), "count": size[0]}
        # The addend's runs need not be the output's; without a residual they are anything.
        self.addend = {"base": anywhere(), "run": size[0], "stride": stride(), "count": size[1]}
        if not residual:
            self.addend = {"base": anywhere(), "run": 0, "stride": stride(), "count": 0}
        self.factors = {n: np.float32(rng.uniform(-2, 2)) for n in ("first_ratio", "second_ratio", "fixed")}
        self.half = int(rng.integers(0, 2)) if half is None else half
        self.lookup = int(rng.integers(0, 2)) if lookup is None else lookup
        self.constants, self.weights, self.table = anywhere(), anywhere(), anywhere()
        self.taps = kernel[0] * kernel[1] if mode is Mode.DEPTHWISE else int(rng.integers(0, config.window_taps + 1))

        area = kernel[0] * kernel[1]
        size_of_sums = {
            Mode.ARRAY: 2.0**18, Mode.DEPTHWISE: 5000 * area**0.5, Mode.SUM: 90 * area**0.5, Mode.MAX: 64,
            Mode.AVERAGE: 64, Mode.MULTIPLY: 5000, Mode.MEASURE: 1,
            Mode.NORMALIZE: 2**20 if statistic is Statistic.EXPONENTIALS else 2**16,
        }[mode]  # fmt: skip
        self.borders = np.zeros((0, config.rows), np.int8)
        if mode in (Mode.MEASURE, Mode.NORMALIZE):
            self.lookup = 0 if mode is Mode.MEASURE else self.lookup
            self.borders = self._operand(rng) if operand is None else operand
            self.taps = len(self.borders)
        if mode is Mode.AVERAGE:
            # A mantissa, and as float32 the sums of some windows.
            lines, mantissa = int(rng.integers(1, LINE + 1)), int(rng.integers(1 << 23, 1 << 24))
            sums = np.sort(mantissa * rng.integers(-90, 90, lines * LINE - 1) * area**0.5).astype(np.float32)
            keys = sums.view(np.int32) ^ (sums.view(np.int32) >> 31 & 0x7FFFFFFF)
            self.borders = np.array([mantissa, *keys], np.int32).view(np.int8).reshape(-1, config.rows)
            self.taps = len(self.borders)
        self.bias = rng.integers(-int(size_of_sums), int(size_of_sums), config.cols).astype(np.int32)
        self.scale = (rng.choice([-1, 1], config.cols) * rng.uniform(0.2, 2, config.cols) * 100 / size_of_sums).astype(
            np.float32
        )
        table = np.stack([self.bias, self.scale.view(np.int32)], 1).tobytes()
        self.biases = np.frombuffer(table, np.int8).reshape(CONSTANTS_WORDS, config.rows)

    def _operand(self, rng):
        """Exponentials that fall, or any; or channels and any or no epsilon; or nothing."""
        if self.statistic is Statistic.EXPONENTIALS:
            table = 65535 * np.exp(-np.arange(256) * rng.uniform(0.005, 0.5))
            raw = (rng.integers(0, 1 << 16, 256) if rng.random() < 0.25 else table).astype("<u2")
        elif self.statistic is Statistic.MOMENTS and (self.closing or self.mode is Mode.NORMALIZE):
            raw = rng.integers(0, 1 << 32, 4 * max(1, self.config.rows // 16)).astype("<u4")
            if rng.random() < 0.75:
                raw[:3] = rng.integers(1, 100), rng.integers(0, 1000), 0
        else:
            return np.zeros((0, self.config.rows), np.int8)
        return raw.view(np.int8).reshape(-1, self.config.rows)

    def payload(self):
        bits = {n: int(x.view(np.uint32)) for n, x in self.factors.items()}
        height, width = self.region() if self.lines else (0, 0)
        return {
            "mode": int(self.mode), "first": self.first, "closing": self.closing, "statistic": int(self.statistic),
            "half": self.half, "residual": self.residual, "lines": int(self.lines),
            "region": {"height": height, "width": width}, "constants": self.constants, "lookup": self.lookup,
            "table": self.table, "weights": self.weights, "taps": self.taps, "window": self.window,
            "addend": self.addend, "output": self.output, "scale": bits, "clamp": self.clamp,
        }  # fmt: skip

    def lay(self):
        """The words of borders and constants, for the memory: they may overwrite whatever was there."""
        laid = []
        for first, words in ((self.weights, self.borders), (self.constants, self.biases)):
            where = (first + np.arange(len(words))) % len(self.words)
            self.words[where] = words
            laid += [int(address) for address in where]
        return laid

    def walk(self, part):
        return [
            (part["base"] + i * part["stride"] + j) % len(self.words)
            for i in range(part["count"]) for j in range(part["run"])
        ]  # fmt: skip

    def region(self):
        """Rows and columns of the inputs that all windows reach."""
        w = self.window
        return tuple(
            (w[f"out_{size}"] - 1) * w[f"stride_{side}"] + w[f"kernel_{side}"]
            for size, side in (("height", "h"), ("width", "w"))
        )

    def raster(self):
        """Of each word of the region its address, None for padding, and whether it is a window's last."""
        w = self.window
        for row, column in np.ndindex(*self.region()):
            y, x = w["y"] + row, w["x"] + column
            inside = 0 <= y < w["height"] and 0 <= x < w["width"]
            ends = all(
                at >= w[f"kernel_{side}"] - 1 and (at - w[f"kernel_{side}"] + 1) % w[f"stride_{side}"] == 0
                for at, side in ((row, "h"), (column, "w"))
            )
            yield (w["base"] + y * w["row_stride"] + x) % len(self.words) if inside else None, ends

    def spots(self):
        """Of each window its taps' addresses, None for padding."""
        w, rows = self.window, []
        for oy in range(w["out_height"]):
            for ox in range(w["out_width"]):
                taps = []
                for ky in range(w["kernel_h"]):
                    for kx in range(w["kernel_w"]):
                        row = w["y"] + oy * w["stride_h"] + ky * w["dilation_h"]
                        col = w["x"] + ox * w["stride_w"] + kx * w["dilation_w"]
                        inside = 0 <= row < w["height"] and 0 <= col < w["width"]
                        taps.append((w["base"] + row * w["row_stride"] + col) % len(self.words) if inside else None)
                rows.append(taps)
        return rows

    def reads(self):
        """(cycle from start, address) of every read, and the cycle of each row's last one."""
        words, out, ends = len(self.words), [], []
        out += [(POST_ISSUE + i, (self.constants + i) % words) for i in range(self.biased())]
        at = POST_ISSUE + self.biased()
        if self.lookup:
            out += [(at + i, (self.table + i) % words) for i in range(lookup_words(self.config))]
            at += lookup_words(self.config)
        if self.mode in WEIGHTED:
            out += [(at + i, (self.weights + i) % words) for i in range(self.taps)]
            at += self.taps
        at += POST_TURN
        addends = self.walk(self.addend)
        if self.lines:
            kernel = self.window["kernel_h"], self.window["kernel_w"]
            for address, last in self.raster():
                out += [(at, address)] if address is not None else []
                at += slot_cycles(self.config, *kernel) + last * further_cycles(self.config, *kernel)
                if last and self.residual:
                    out.append((at, addends[len(ends)]))
                    at += 1
                ends += [at - 1] * last
            return out, ends
        rows = [[]] * self.count if self.mode is Mode.ARRAY else self.spots()
        for row, taps in enumerate(rows):
            addend = [addends[row]] if self.residual else []
            slot, turn = self.slot(), AVERAGE_TURN if self.mode is Mode.AVERAGE else 0
            if self.mode is Mode.ARRAY:
                addend = addend or [None]
            for address in taps:
                out += [(at, address)] if address is not None else []
                at += slot
            at += turn
            for address in addend:
                out += [(at, address)] if address is not None else []
                at += 1
            ends.append(at - 1)
        return out, ends

    def biased(self):
        """Words of constants."""
        return 0 if self.mode is Mode.MEASURE else CONSTANTS_WORDS

    def slot(self):
        """Cycles of a tap."""
        slots = {Mode.AVERAGE: self.config.rows, Mode.NORMALIZE: NORMALIZE_SLOT}
        slots[Mode.MEASURE] = CLOSING_SLOT if self.closing else 1
        return slots.get(self.mode, 1)

    def expected(self):
        """(cycle from start, address, word) of every write's request, one cycle before it is in the bank.

        What is known of pixels is what it is after the command.
        """
        c, known = self.clamp, self.places[: self.count]
        if self.mode is Mode.ARRAY:
            value = self.sums[self.half, : self.count]
        else:
            pad = np.full(self.config.rows, self.window["pad"], np.int8)
            taps = np.array([[pad if a is None else self.words[a] for a in taps] for taps in self.spots()])
            where = (self.weights + np.arange(self.taps)) % len(self.words)
            weights = self.words[where]
            if self.mode is Mode.MEASURE:
                measure(
                    known, taps[:, 0], self.statistic, weights, first=bool(self.first), closing=bool(self.closing),
                    lanes=self.window["lanes"],
                )  # fmt: skip
                return []
            if self.mode is Mode.NORMALIZE:
                of_lanes = numbers(known, taps[:, 0], self.statistic, weights)
                value = normalize(of_lanes, known["mantissa"], known["shift"])
            elif self.mode is Mode.MULTIPLY:
                zeros = {name: self.window[name] for name in ("zero", "other_zero")}
                value = multiply(taps[:, 0], self.words[self.walk(self.addend)], **zeros)
            elif self.mode is Mode.AVERAGE:
                value = average_windows(taps, self.window["pad"], weights.reshape(-1).view(np.int32))
            else:
                value = reduce_windows(taps, self.mode, weights if self.mode is Mode.DEPTHWISE else None)
        out = requantize(value, self.bias, self.scale, zero=c["zero_a"], low=c["low_a"], high=c["high_a"])
        if self.residual and self.mode is not Mode.MULTIPLY:
            out = add_residual(
                out, self.words[self.walk(self.addend)], zero=c["zero_b"], low=c["low_b"], high=c["high_b"],
                unsigned_a=bool(c["unsigned_a"]), unsigned_b=bool(c["unsigned_b"]), swap=bool(c["swap"]),
                **self.factors,
            )  # fmt: skip
        if self.lookup:
            out = replaced(out, self.words[(self.table + np.arange(lookup_words(self.config))) % len(self.words)])
        ends = self.reads()[1]
        return [
            (end + POST_LATENCY - 1, address, word.tolist())
            for end, address, word in zip(ends, self.walk(self.output), out, strict=True)
        ]

    def time(self):
        """The closed formula's finish."""
        words = {
            "table_words": lookup_words(self.config) if self.lookup else 0,
            "tap_words": self.taps if self.mode in WEIGHTED else 0,
        }
        if self.mode is Mode.ARRAY:
            return post_time(**words, slots=self.count)
        addends = self.count * self.residual
        if self.lines:
            kernel = self.window["kernel_h"], self.window["kernel_w"]
            slots, cycles = prod(self.region()), slot_cycles(self.config, *kernel)
            addends += self.count * further_cycles(self.config, *kernel)
            return post_time(**words, slots=slots, slot_cycles=cycles, addends=addends)
        slots = self.count * self.window["kernel_h"] * self.window["kernel_w"]
        if self.mode is Mode.MEASURE:
            latency = CLOSING_LATENCY if self.closing else MEASURE_LATENCY
            return post_time(**words, slots=slots, slot_cycles=self.slot(), constants_words=0, latency=latency)
        if self.mode is Mode.NORMALIZE:
            return post_time(**words, slots=slots, slot_cycles=NORMALIZE_SLOT, addends=addends)
        if self.mode is Mode.AVERAGE:
            turns = self.count * AVERAGE_TURN
            return post_time(**words, slots=slots, slot_cycles=self.config.rows, addends=addends + turns)
        return post_time(**words, slots=slots, addends=addends)
