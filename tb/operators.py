"""Operators of random programs, as instructions."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from spec.isa import LINE, NEVER, Mode, Opcode, Role, Statistic, TensorClass
from spec.program import Instruction
from tb.pixels import Pixels, everywhere
from tb.tiles import Part, Tiler, those_of

if TYPE_CHECKING:
    from tb.tensors import Binder, Tensor

__all__ = ["Operators"]

_MODES = (*[Mode.ARRAY] * 4, Mode.DEPTHWISE, Mode.SUM, Mode.MAX, Mode.AVERAGE, Mode.MULTIPLY, Mode.NORMALIZE)
_KERNEL = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w", "pad")


class Operators:
    """Emits operators one after the other into a binder's instructions.

    Parameters
    ----------
    binder
        Makes and binds the tensors.

    Attributes
    ----------
    computes
        COMPUTEs so far.
    homeless
        Outputs without home were among them: a page of theirs may have been stored before all of it was written.
    """

    def __init__(self, binder: Binder) -> None:
        self.binder, self.config, self.rng = binder, binder.config, binder.rng
        self.computes, self.homeless = 0, False
        self._tiler = Tiler(self.config, self.rng)
        self._operator = 0
        self._maps: list[Tensor] = []
        self._known = False

    def run(self) -> None:
        """One random operator: all tiles of its output."""
        rng, binder = self.rng, self.binder
        if rng.random() < 0.25:
            self._operator = (self._operator + 1) % 4096
        mode = rng.choice(those_of(self.config, _MODES))
        source = self._source()
        k = self._tiler.kernel(source, mode)
        blocks = rng.randint(1, 3) if mode is Mode.ARRAY else source.blocks
        height, width = k["out_height"], k["out_width"]
        shape = {"height": height, "blocks": blocks, "width": width}
        words = height * blocks * width
        addend = self._addend(shape, source, needed=mode is Mode.MULTIPLY)
        kind = rng.choice((TensorClass.ACTIVATION, TensorClass.ACTIVATION, TensorClass.OUTPUT))
        target = addend if addend and rng.random() < 0.5 else binder.tensor(kind, words, **shape)
        if target is not addend:
            # Without home no byte of the last page may stay unwritten: it would be whatever its frame held before.
            target.home = words % self.config.page_words != 0 or rng.random() < 0.3
        taps = k["kernel_h"] * k["kernel_w"]
        passes = taps * source.blocks
        weights = pixels = None
        if mode is Mode.ARRAY:
            weights = self._factor(target) or binder.tensor(TensorClass.WEIGHTS, blocks * passes * self.config.rows)
        elif mode is Mode.DEPTHWISE:
            weights = binder.tensor(TensorClass.WEIGHTS, blocks * taps)
        elif mode is Mode.AVERAGE:
            weights = binder.borders(rng.choice((1, 2, rng.randint(1, LINE))), taps)
        elif mode is Mode.NORMALIZE:
            pixels = Pixels(binder, rng, source.blocks * self.config.rows - rng.randrange(self.config.rows))
        reach = {Mode.ARRAY: 5000 * int((passes * self.config.rows) ** 0.5), Mode.SUM: 100 * taps}
        reach |= dict.fromkeys((Mode.MAX, Mode.AVERAGE), 127)
        reach[Mode.NORMALIZE] = rng.choice((1 << 17, 1 << 22))
        constants = binder.constants(blocks, reach.get(mode, 5000 * taps))
        table = binder.tensor(TensorClass.CONSTANTS, 256 // self.config.rows) if rng.random() < 0.25 else None
        tiles = [
            self._tiler.tile(mode, k, source, weights, constants, addend, target, table, band, block, column)
            for band, block, column in self._tiler.walk(height, blocks, width, mode)
        ]
        if pixels is not None:
            tiles = self._chains(pixels, k, source, [part for tile in tiles for part in tile])
        fitting = [tile for tile in tiles if all(self._tiler.fits(part.operands) for part in tile)]
        # What is left out stays as it was in DRAM.
        target.home |= len(fitting) < len(tiles)
        self.homeless |= not target.home
        self._registers(k, mode)
        named = dict.fromkeys(
            [t for t in (source, weights, constants) if t is not None]
            + list(pixels.operands.values() if pixels else [])
        )
        dying = [t for t in named if t is not target and rng.random() < 0.3]
        for tile in fitting:
            self._emit_tile(tile, mode, k, target, residual=addend is not None)
            self._move(tile)
        self._bury(dying, fitting)
        if rng.random() < 0.4:
            binder.bind(target)
            self._emit(Opcode.STORE, slot=target.slot, offset=0, run=words, stride=0, count=1)
        self._maps.append(target)

    def _chains(self, pixels: Pixels, k: dict[str, int], source: Tensor, parts: list[Part]) -> list[list[Part]]:
        """All blocks of the same pixels together; before the first of a program, something of every pixel."""
        tiles: dict[tuple[int, ...], list[Part]] = {}
        for part in parts:
            offset, run, stride, count = part.operands[Role.OUTPUT][1]
            row, column = divmod(offset, stride)
            tiles.setdefault((row, column % k["out_width"], run, count), []).append(part)
        if not self._known:
            line = pixels.operands[Statistic.MOMENTS]
            zeros = {f"{name}_{side}": 0 for name in ("stride", "dilation") for side in "hw"}
            self._emit_tile(everywhere(self.config, source, line), Mode.MEASURE, {**k, **zeros, "pad": 0}, source,
                            residual=False)  # fmt: skip
            self._known = True
        return [pixels.chain(tile) for tile in tiles.values()]

    def _move(self, tile: list[Part]) -> None:
        """Now and then fetch a range of pages ahead, or evict one; or whole tensors, which may be more than fit."""
        if self.rng.random() < 0.2:
            operands = [*tile[-1].operands.values()]
            ranges = [self.rng.choice(operands)]
            opcodes = self.rng.choice(((Opcode.PREFETCH,), (Opcode.EVICT,), (Opcode.EVICT, Opcode.PREFETCH)))
            if self.rng.random() < 0.5:
                ranges = [(tensor, (0, tensor.words, 0, 1)) for tensor, _ in operands]
            for tensor, (offset, run, stride, count) in ranges:
                assert tensor.slot is not None
                for opcode in opcodes:
                    self._emit(opcode, slot=tensor.slot, offset=offset, run=run, stride=stride, count=count)

    def _bury(self, dying: list[Tensor], tiles: list[list[Part]]) -> None:
        """Tensors that nobody names again: their pages are released, all or some; or the last COMPUTE drops them."""
        for tensor in dying:
            tensor.dead = True
            if tensor in self._maps:
                self._maps.remove(tensor)
            if tensor.slot is None:
                continue
            ways = ["whole", "part", "page by page"]
            last = {t: role for role, (t, _) in tiles[-1][-1].operands.items()} if tiles else {}
            if tensor in last:
                ways.append("drop")
            way = self.rng.choice(ways)
            if way == "drop":
                # The hint stands in an OPERAND; to say it once more before the COMPUTE is as good.
                self._drop(last[tensor])
                continue
            first = self.rng.randrange(tensor.pages) if way == "part" else 0
            step = 1 if way == "page by page" else tensor.pages
            for page in range(first, first + 1 if way == "part" else tensor.pages, step):
                count = self.rng.randint(1, tensor.pages - first) if way == "part" else step
                self._emit(Opcode.RELEASE, slot=tensor.slot, first=page, pages=count)

    def _drop(self, role: Role) -> None:
        """Have the last COMPUTE drop one of its operands."""
        instructions = self.binder.instructions
        compute = max(i for i, one in enumerate(instructions) if one.opcode is Opcode.COMPUTE)
        at = max(i for i, one in enumerate(instructions[:compute])
                 if one.opcode is Opcode.OPERAND and one.fields["role"] == role)  # fmt: skip
        instructions[at] = Instruction(Opcode.OPERAND, {**instructions[at].fields, "drop": 1})

    def _source(self) -> Tensor:
        if self._maps and self.rng.random() < 0.7:
            return self.rng.choice(self._maps[-3:])
        shape = {"height": self.rng.randint(1, 11), "blocks": self.rng.randint(1, 4), "width": self.rng.randint(1, 9)}
        words = shape["height"] * shape["blocks"] * shape["width"]
        made = self.binder.tensor(TensorClass.INPUT, words, **shape)
        self._maps.append(made)
        return made

    def _factor(self, target: Tensor) -> Tensor | None:
        """A feature map to multiply by, sometimes: any but the one that is written."""
        maps = [t for t in self._maps[-3:] if t is not target and t.words >= self.config.rows]
        return self.rng.choice(maps) if maps and self.rng.random() < 0.35 else None

    def _addend(self, shape: dict[str, int], source: Tensor, *, needed: bool) -> Tensor | None:
        """A tensor of the output's shape to add, sometimes; or one that is needed."""
        if self.rng.random() < 0.6 and not needed:
            return None
        same = [
            t for t in self._maps
            if t is not source and t.tensor_class is TensorClass.ACTIVATION
            and (t.height, t.blocks, t.width) == (shape["height"], shape["blocks"], shape["width"])
        ]  # fmt: skip
        if same:
            return self.rng.choice(same)
        words = shape["height"] * shape["blocks"] * shape["width"]
        return self.binder.tensor(TensorClass.ACTIVATION, words, **shape)

    def _registers(self, k: dict[str, int], mode: Mode) -> None:
        rng = self.rng
        ratios = [struct.unpack("<I", struct.pack("<f", f))[0]
                  for f in (rng.uniform(0.1, 1.5), rng.uniform(-1.5, 1.5), rng.uniform(-40, 40))]  # fmt: skip
        self._emit(Opcode.SCALE, first_ratio=ratios[0], second_ratio=ratios[1], fixed=ratios[2])
        low = [rng.choice((-128, -128, rng.randint(-128, 0))) for _ in range(2)]
        high = [rng.choice((127, 127, rng.randint(0, 127))) for _ in range(2)]
        self._emit(
            Opcode.CLAMP, zero_a=rng.randint(-128, 127), low_a=low[0], high_a=high[0], zero_b=rng.randint(-128, 127),
            low_b=low[1], high_b=high[1], unsigned_a=rng.getrandbits(1), unsigned_b=rng.getrandbits(1),
            swap=rng.getrandbits(1),
        )  # fmt: skip
        k["pad"] = -128 if mode is Mode.MAX else rng.randint(-128, 127)

    def _emit_tile(self, tile: list[Part], mode: Mode, k: dict[str, int], target: Tensor, *, residual: bool) -> None:
        rng = self.rng
        for part in tile:
            self.binder.bind(*(tensor for tensor, _ in part.operands.values()))
            zeros = self._zeros() if mode in {Mode.ARRAY, Mode.MULTIPLY} else {}
            self._emit(Opcode.KERNEL, blocks=part.blocks, **{f: k[f] for f in _KERNEL}, **zeros, lanes=part.lanes)
            self._emit(Opcode.BOUNDS, **part.bounds)
            for role, (tensor, (offset, run, stride, count)) in part.operands.items():
                assert tensor.slot is not None
                self._emit(
                    Opcode.OPERAND, role=role, slot=tensor.slot, offset=offset, run=run, stride=stride, count=count,
                    next_use=rng.choice((NEVER, rng.randint(1, 9))), pin=rng.getrandbits(1), drop=0,
                )  # fmt: skip
            fields = {
                "mode": mode, "first": int(part is tile[0]), "last": int(part is tile[-1]), "residual": int(residual),
                "table": int(any(Role.TABLE in one.operands for one in tile)), "operator": self._operator,
                "lines": int(self._tiler.lines(mode, k, part)),
                "turned": int(mode is Mode.ARRAY and rng.random() < 0.3),
            }  # fmt: skip
            self._emit(Opcode.COMPUTE, **{**fields, **part.shape})
            self.computes += 1
        if rng.random() < 0.15 and Role.OUTPUT in tile[-1].operands:
            offset, run, stride, count = tile[-1].operands[Role.OUTPUT][1]
            assert target.slot is not None
            self._emit(Opcode.STORE, slot=target.slot, offset=offset, run=run, stride=stride, count=count)

    def _zeros(self) -> dict[str, int]:
        """What is subtracted from both factors; mostly little of one, lest all sums be beyond a byte."""
        rng = self.rng
        some = [rng.choice((0, rng.randint(-128, 127))), rng.choice((0, rng.randint(-9, 9), rng.choice((-128, 127))))]
        rng.shuffle(some)
        return dict(zip(("zero", "other_zero"), some, strict=True))

    def _emit(self, opcode: Opcode, **fields: int) -> None:
        self.binder.instructions.append(Instruction(opcode, fields))
