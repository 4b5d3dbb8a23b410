"""Random programs for the front end: legal ones that crowd a small scratchpad, and refused ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spec.errors import Error
from spec.isa import LINE, LINE_STRIDE, NEVER, PIXELWISE, WORDS, Mode, Opcode, Role, Statistic, TensorClass
from spec.program import Instruction, assemble
from spec.timing import CONSTANTS_WORDS, border_words, exponential_words, lookup_words, moments_words
from tb.tiles import LINED, those_of

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from spec.config import Config

__all__ = ["REFUSED", "Author"]

Range = dict[str, int]
#: What can be made to go wrong in the last instruction of a program.
REFUSED = (
    Error.NOT_A_PROGRAM, Error.OTHER_CONFIGURATION, Error.ILLEGAL_OPCODE, Error.TRUNCATED_PROGRAM, Error.SLOT_NOT_BOUND,
    Error.WINDOW_OUT_OF_RANGE, Error.OPERAND_OUT_OF_RANGE, Error.BAD_SHAPE, Error.OPERANDS_DO_NOT_FIT,
)  # fmt: skip

#: Fields that decide whether a shape is legal.
SHAPED = {
    Opcode.OPERAND: ("run", "count", "slot"),
    Opcode.KERNEL: ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w", "blocks"),
    Opcode.COMPUTE: ("height", "width", "residual", "table", "last", "mode", "lines", "statistic", "closing"),
}


class Author:
    """Writes programs.

    Parameters
    ----------
    config
        The machine. COMPUTEs name at most ``room`` pages, so that all fit.
    random
        Where choices come from.
    """

    def __init__(self, config: Config, random: random.Random) -> None:
        self.config, self.random = config, random
        self.room = config.frames
        self.lines: list[Instruction] = []
        self.windows: dict[int, tuple[int, int]] = {}
        self.operator = 1
        #: How likely a hint is to pin: where most tensors are pinned, pins yield.
        self.pinning = random.choice((0.1, 0.95, 0.95))

    def add(self, opcode: Opcode, **fields: int) -> None:
        """Append an instruction; fields that are not named are 0."""
        names = [f.name for f in WORDS[opcode].fields if f.name != "opcode"]
        self.lines.append(Instruction(opcode, {n: fields.pop(n, 0) for n in names}))
        assert not fields, f"{opcode.name} has no {fields}"

    def bytes(self) -> bytes:
        """The program."""
        return assemble(self.config, self.lines)

    def bind(self, slot: int) -> None:
        """Bind ``slot`` to a window that no other slot has."""
        c, rng = self.config, self.random
        taken = {v for s, (w, n) in self.windows.items() if s != slot for v in range(w, w + n)}
        most = rng.choice((3, max(3, c.frames // 2)))
        for _ in range(100):
            pages = rng.randint(0 if rng.random() < 0.1 else 1, most)
            window = rng.randint(0, c.virtual_pages - pages)
            if rng.random() < 0.5 and slot in self.windows:
                window = min(self.windows[slot][0], c.virtual_pages - pages)
            if not taken & set(range(window, window + pages)):
                break
        else:
            return
        self.windows[slot] = window, pages
        self.add(
            Opcode.BIND, slot=slot, tensor_class=rng.choice(list(TensorClass)), colour=rng.randrange(16), window=window,
            pages=pages, page=rng.getrandbits(32), home=rng.randrange(2),
        )  # fmt: skip

    def _span(self, slot: int, *, run: int = 0, count: int = 0, most: int = 8) -> Range | None:
        """A range in ``slot``; of a given run and count if they are not 0."""
        rng, words = self.random, self.windows[slot][1] * self.config.page_words
        run = run or rng.randint(1, rng.choice((2, self.config.page_words * 2)))
        count = count or rng.choice((1, 1, rng.randint(1, most)))
        if run > words:
            return None
        stride = 0
        if count > 1:
            furthest = (words - run) // (count - 1)
            stride = rng.randint(0, furthest) if rng.random() < 0.3 else min(run, furthest)
        return {"run": run, "stride": stride, "count": count,
                "offset": rng.randint(0, words - run - stride * (count - 1)), "slot": slot}  # fmt: skip

    def _pages(self, span: Range) -> set[int]:
        size, window = self.config.page_words, self.windows[span["slot"]][0]
        firsts = [span["offset"] + i * span["stride"] for i in range(span["count"])]
        return {window + p for f in firsts for p in range(f // size, (f + span["run"] - 1) // size + 1)}

    def _spans(
        self, mode: Mode, taps: int, height: int, width: int, *, last: bool, statistic: Statistic, closing: bool
    ) -> dict[Role, Range] | None:
        c, rng = self.config, self.random
        slots = [s for s, (_, pages) in self.windows.items() if pages]
        wanted = {Role.INPUT: {}}
        if mode == Mode.ARRAY:
            count = rng.choice((1, 1, 2, 3))
            wanted[Role.WEIGHTS] = {"run": c.rows * rng.randint(1, 2 * c.page_words // c.rows // count), "count": count}
        elif mode == Mode.DEPTHWISE:
            wanted[Role.WEIGHTS] = {"run": taps, "count": 1}
        elif mode == Mode.AVERAGE:
            wanted[Role.WEIGHTS] = {"run": border_words(c) * rng.choice((1, 2, rng.randint(1, LINE))), "count": 1}
        elif mode == Mode.NORMALIZE or (mode == Mode.MEASURE and (closing or statistic is Statistic.EXPONENTIALS)):
            words = exponential_words(c) if statistic is Statistic.EXPONENTIALS else moments_words(c)
            wanted[Role.WEIGHTS] = {"run": words, "count": 1}
        if last:
            wanted[Role.CONSTANTS] = {"run": CONSTANTS_WORDS, "count": 1}
            wanted[Role.RESIDUAL] = wanted[Role.OUTPUT] = {"run": width, "count": height}
            if rng.random() < 0.3:
                wanted[Role.TABLE] = {"run": lookup_words(c), "count": 1}
        chosen = {role: rng.choice(slots) for role in wanted} if slots else {}
        if Role.WEIGHTS in chosen and rng.random() < 0.45:
            # Within one tensor they often share a bank.
            chosen[Role.WEIGHTS] = chosen[Role.INPUT]
        spans = {role: self._span(slot, **wanted[role]) for role, slot in chosen.items()}
        return spans if spans and None not in spans.values() else None

    def compute(self, modes: Sequence[Mode] = (), **changes: int) -> bool:
        """A legal COMPUTE with its registers, if one is found quickly.

        ``changes`` make it illegal, and so may ``modes``; without these it has one of the machine's.
        """
        c, rng = self.config, self.random
        modes = modes or those_of(c, list(Mode))
        for _ in range(50):
            mode, last = rng.choice(modes), rng.random() < 0.7
            last = last if mode == Mode.ARRAY else mode != Mode.MEASURE
            lines = mode in LINED and rng.random() < 0.5
            kernel_h, kernel_w = (rng.randint(1, c.line_kernel if lines else 4) for _ in range(2))
            if mode in PIXELWISE:
                kernel_h = kernel_w = 1
            statistic = Statistic(rng.randrange(mode == Mode.NORMALIZE, len(Statistic)))
            closing = rng.random() < 0.5 and statistic is not Statistic.LARGEST
            height, width = rng.randint(1, 6), rng.randint(1, 2 * c.page_words)
            spans = self._spans(
                mode, kernel_h * kernel_w, height, width, last=last, statistic=statistic, closing=closing
            )
            limited = mode in (Mode.ARRAY, Mode.MEASURE, Mode.NORMALIZE)
            if spans is None or (limited and height * width > c.half_rows):
                continue
            if mode == Mode.DEPTHWISE and kernel_h * kernel_w > c.window_taps:
                continue
            stride_h, stride_w = (rng.randint(1, LINE_STRIDE if lines else 15) for _ in range(2))
            if lines and not 2 <= (width - 1) * stride_w + kernel_w <= c.line_columns:
                continue
            if len(set().union(*map(self._pages, spans.values()))) <= self.room:
                break
        else:
            return False
        for role, span in spans.items():
            hints = {"next_use": rng.choice((NEVER, 0, rng.randint(1, 20))), "pin": rng.random() < self.pinning,
                     "drop": rng.random() < 0.1}  # fmt: skip
            self.add(Opcode.OPERAND, role=role, **{**span, **{k: v for k, v in changes.items() if k in span}, **hints})
        self.add(
            Opcode.KERNEL, kernel_h=kernel_h, kernel_w=kernel_w, stride_h=stride_h, stride_w=stride_w,
            dilation_h=int(lines), dilation_w=1 if lines else rng.randint(1, 9),
            blocks=rng.randint(1, 9) if mode == Mode.ARRAY else 1,
            **{name: rng.randint(-128, 127) for name in ("pad", "zero", "other_zero")}, lanes=rng.getrandbits(6),
        )  # fmt: skip
        self.add(Opcode.BOUNDS, height=rng.getrandbits(14), width=rng.getrandbits(14),
                 row_stride=rng.getrandbits(20), block_stride=rng.getrandbits(20))  # fmt: skip
        if rng.random() < 0.3:
            self.add(Opcode.SCALE, **{n: rng.getrandbits(32) for n in ("first_ratio", "second_ratio", "fixed")})
            self.add(Opcode.CLAMP, zero_a=rng.randint(-256, 255), low_b=rng.randint(-128, 127), unsigned_b=1)
        if rng.random() < 0.15:
            self.operator += 1
        shape = {"height": height, "width": width, "y": rng.randint(-99, 99), "x": rng.randint(-99, 99)}
        self.add(
            Opcode.COMPUTE, mode=mode, last=last, operator=self.operator & 0xFFF,
            residual=1 if mode == Mode.MULTIPLY else rng.randrange(2), table=int(Role.TABLE in spans),
            first=rng.random() < 0.6, lines=lines, turned=rng.getrandbits(1), statistic=statistic, closing=closing,
            **{**shape, **{k: v for k, v in changes.items() if k in shape}},
        )  # fmt: skip
        return True

    def range(self, opcode: Opcode) -> None:
        """A STORE, PREFETCH or EVICT of some range; now and then one of no words."""
        slot = self.random.choice(list(self.windows))
        if (span := self._span(slot)) is not None:
            if self.random.random() < 0.2:
                span[self.random.choice(("run", "count"))] = 0
            self.add(opcode, **span)

    def program(self, computes: int) -> bytes:
        """A legal program of about so many COMPUTEs."""
        c, rng = self.config, self.random
        for slot in rng.sample(range(c.slots), min(c.slots, 6)):
            self.bind(slot)
        for _ in range(computes):
            self.compute()
            what = rng.random()
            if what < 0.2:
                self.bind(rng.randrange(c.slots))
            elif what < 0.35:
                self.range(Opcode.STORE)
            elif what < 0.45:
                self.range(rng.choice((Opcode.PREFETCH, Opcode.EVICT)))
            elif what < 0.55:
                self.add(Opcode.RELEASE, slot=rng.randrange(c.slots), first=rng.choice((0, 0, rng.randint(0, 4))),
                         pages=rng.choice((rng.randint(0, 4), c.virtual_pages)))  # fmt: skip
        self.add(Opcode.END)
        return self.bytes()

    def refused(self, error: Error, computes: int) -> bytes:
        """A program that is legal up to its last instruction, which is refused with ``error``."""
        c, rng = self.config, self.random
        self.program(computes)
        self.lines.pop()
        slot = rng.randrange(c.slots)
        if error is Error.WINDOW_OUT_OF_RANGE:
            self.add(Opcode.BIND, slot=slot, window=c.virtual_pages - 2, pages=rng.choice((3, 1 << 17)))
        elif error is Error.SLOT_NOT_BOUND:
            self.add(Opcode.STORE, slot=rng.choice([*range(c.slots, 64), *set(range(c.slots)) - set(self.windows)]),
                     run=1, count=1)  # fmt: skip
        elif error is Error.OPERAND_OUT_OF_RANGE:
            slot, (_, pages) = rng.choice(list(self.windows.items()))
            self.add(Opcode.STORE, slot=slot, offset=rng.choice((0, pages * c.page_words)), run=1, count=2,
                     stride=pages * c.page_words)  # fmt: skip
        elif error is Error.BAD_SHAPE:
            while not self._misshapen():
                pass
        elif error is Error.OPERANDS_DO_NOT_FIT:
            self._crowd()
        raw = bytearray(self.bytes())
        if error is Error.NOT_A_PROGRAM:
            raw[rng.randrange(4)] ^= 1 << rng.randrange(8)
        elif error is Error.OTHER_CONFIGURATION:
            raw[4 + rng.randrange(8)] ^= 1 << rng.randrange(8)
        elif error is Error.ILLEGAL_OPCODE:
            word = rng.choice((0, 13, 14, 15, Opcode.OPERAND | 7 << 86, Opcode.OPERAND | 6 << 86))
            raw += word.to_bytes(16, "little")
        return bytes(raw)

    def _misshapen(self) -> bool:
        """A COMPUTE without pixels or words, or of a mode that the machine leaves out; if one is found quickly."""
        if self.config.omit_tokens and self.random.random() < 0.5:
            return self.compute(PIXELWISE)
        return self.compute(**self.random.choice(({"run": 0}, {"count": 0}, {"height": 0}, {"width": 0})))

    def spoil(self) -> str | None:
        """A legal COMPUTE, then the same one with one field changed; which, or None if no COMPUTE was found."""
        rng, start = self.random, len(self.lines)
        if not self.compute():
            return None
        again = self.lines[start:]
        index = rng.choice([i for i, line in enumerate(again) if line.opcode in SHAPED])
        line = again[index]
        name = rng.choice(SHAPED[line.opcode])
        if name not in line.fields:
            return None
        (width,) = (f.width for f in WORDS[line.opcode].fields if f.name == name)
        value = rng.choice((0, line.fields[name] ^ 1, line.fields[name] + 1)) & (1 << width) - 1
        changed = {**line.fields, name: value}
        again[index] = Instruction(line.opcode, changed)
        self.lines += again
        self.add(Opcode.END)
        return f"{line.opcode.name} with {name} {changed[name]} instead of {line.fields[name]}"

    def _crowd(self) -> None:
        """A COMPUTE whose input alone has more pages than there are frames."""
        c = self.config
        self.add(Opcode.BIND, slot=0, window=0, pages=c.frames + 1)
        self.add(Opcode.BIND, slot=1, window=c.frames + 1, pages=2)
        for role in Role:
            self.add(Opcode.OPERAND, role=role, slot=1, run=CONSTANTS_WORDS, count=1)
        self.add(Opcode.OPERAND, role=Role.INPUT, slot=0, run=c.page_words * (c.frames + 1), count=1)
        self.add(Opcode.KERNEL, kernel_h=1, kernel_w=1, blocks=1)
        self.add(Opcode.COMPUTE, mode=Mode.SUM, last=1, height=1, width=CONSTANTS_WORDS, operator=4095)
