"""Operators of random programs: shapes, and the instructions of their tiles."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from spec.isa import LINE_KERNEL, LINE_STRIDE, NEVER, Mode, Opcode, Role, TensorClass
from spec.program import Instruction

if TYPE_CHECKING:
    from tb.tensors import Binder, Tensor

__all__ = ["Operators", "Part", "span"]

#: offset, run, stride, count of an operand.
Range = tuple[int, int, int, int]
_KERNEL = ("kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w", "pad")


class Part(NamedTuple):
    """A COMPUTE of a tile: its operands, BOUNDS, the fields that tell its shape, and its channel blocks."""

    operands: dict[Role, tuple[Tensor, Range]]
    bounds: dict[str, int]
    shape: dict[str, int]
    blocks: int


def span(first: int, count: int, step: int, reach: int, size: int) -> tuple[int, int, int]:
    """What a tile needs of ``size`` input rows or columns: the first, their number, its first tap.

    The tile's outputs start at input ``first``, ``step`` apart, and reach over ``reach`` inputs each. The tap is
    counted from the first needed input; at least one is needed, even if all is padding.
    """
    low = min(max(first, 0), size - 1)
    high = min(max(first + (count - 1) * step + reach - 1, 0), size - 1)
    return low, high - low + 1, first - low


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
        self._operator = 0
        self._maps: list[Tensor] = []

    def run(self) -> None:
        """One random operator: all tiles of its output."""
        rng, binder = self.rng, self.binder
        if rng.random() < 0.25:
            self._operator = (self._operator + 1) % 4096
        mode = rng.choice((Mode.ARRAY, Mode.ARRAY, Mode.ARRAY, Mode.DEPTHWISE, Mode.SUM, Mode.MAX))
        source = self._source()
        k = self._kernel(source, mode)
        blocks = rng.randint(1, 3) if mode is Mode.ARRAY else source.blocks
        height, width = k["out_height"], k["out_width"]
        shape = {"height": height, "blocks": blocks, "width": width}
        words = height * blocks * width
        addend = self._addend(shape, source)
        kind = rng.choice((TensorClass.ACTIVATION, TensorClass.ACTIVATION, TensorClass.OUTPUT))
        target = addend if addend and rng.random() < 0.5 else binder.tensor(kind, words, **shape)
        if target is not addend:
            # Without home no byte of the last page may stay unwritten: it would be whatever its frame held before.
            target.home = words % self.config.page_words != 0 or rng.random() < 0.3
        taps = k["kernel_h"] * k["kernel_w"]
        passes = taps * source.blocks
        weights = None
        if mode is Mode.ARRAY:
            weights = binder.tensor(TensorClass.WEIGHTS, blocks * passes * self.config.rows)
        elif mode is Mode.DEPTHWISE:
            weights = binder.tensor(TensorClass.WEIGHTS, blocks * taps)
        reach = {Mode.ARRAY: 5000 * int((passes * self.config.rows) ** 0.5), Mode.MAX: 127, Mode.SUM: 100 * taps}
        constants = binder.constants(blocks, reach.get(mode, 5000 * taps))
        table = binder.tensor(TensorClass.CONSTANTS, 256 // self.config.rows) if rng.random() < 0.25 else None
        tiles = [
            self._tile(mode, k, source, weights, constants, addend, target, table, band, block, column)
            for band, block, column in self._walk(height, blocks, width, mode)
        ]
        fitting = [tile for tile in tiles if all(self._fits(part.operands) for part in tile)]
        # What is left out stays as it was in DRAM.
        target.home |= len(fitting) < len(tiles)
        self.homeless |= not target.home
        self._registers(k, mode)
        dying = [t for t in (source, weights, constants) if t is not None and t is not target and rng.random() < 0.3]
        for tile in fitting:
            self._emit_tile(tile, mode, k, target, residual=addend is not None)
            self._move(tile)
        self._bury(dying, fitting)
        if rng.random() < 0.4:
            binder.bind(target)
            self._emit(Opcode.STORE, slot=target.slot, offset=0, run=words, stride=0, count=1)
        self._maps.append(target)

    def _move(self, tile: list[Part]) -> None:
        """Now and then fetch a range of pages ahead, or evict one."""
        if self.rng.random() < 0.2:
            tensor, (offset, run, stride, count) = self.rng.choice([*tile[-1].operands.values()])
            opcodes = self.rng.choice(((Opcode.PREFETCH,), (Opcode.EVICT,), (Opcode.EVICT, Opcode.PREFETCH)))
            if self.rng.random() < 0.5:
                offset, run, stride, count = 0, tensor.words, 0, 1
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

    def _addend(self, shape: dict[str, int], source: Tensor) -> Tensor | None:
        """A tensor of the output's shape to add, sometimes."""
        if self.rng.random() < 0.6:
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

    def _kernel(self, source: Tensor, mode: Mode) -> dict[str, int]:
        """A kernel with at least one output, its strides, its padding."""
        rng = self.rng
        most = self.config.window_taps if mode is Mode.DEPTHWISE else 25
        # Some that the line buffer holds, where a window engine has a choice.
        small = mode is not Mode.ARRAY and rng.random() < 0.6
        while True:
            k = {}
            for axis, size in (("h", source.height), ("w", source.width)):
                kernel = rng.choice((1, 1, 2, 3, 3, 3 if small else 4))
                stride = rng.choice((1, 1, 2, 2 if small else 3))
                dilation = rng.choice((1, 1, 1 if small else 2))
                before, after = rng.randint(0, kernel), rng.randint(0, kernel)
                reach = (kernel - 1) * dilation + 1
                out = (size + before + after - reach) // stride + 1
                k |= {f"kernel_{axis}": kernel, f"stride_{axis}": stride, f"dilation_{axis}": dilation,
                      f"reach_{axis}": reach, f"before_{axis}": before,
                      "out_height" if axis == "h" else "out_width": out}  # fmt: skip
            if k["out_height"] > 0 and k["out_width"] > 0 and k["kernel_h"] * k["kernel_w"] <= most:
                return k

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

    def _walk(self, height: int, blocks: int, width: int, mode: Mode) -> list[tuple[range, int, range]]:
        """The tiles of an output: bands of rows, blocks, ranges of columns, in a random order of loops."""
        rng = self.rng
        most = self.config.half_rows if mode is Mode.ARRAY else 200
        columns = rng.choice((width, width, rng.randint(1, width)))
        columns = min(columns, most)
        rows = max(1, min(most // columns, rng.choice((height, rng.randint(1, height), 2))))
        bands = [range(y, min(y + rows, height)) for y in range(0, height, rows)]
        ranges = [range(x, min(x + columns, width)) for x in range(0, width, columns)]
        tiles = [(band, block, column) for band in bands for block in range(blocks) for column in ranges]
        if rng.random() < 0.3:
            tiles.sort(key=lambda tile: (tile[1], tile[0].start, tile[2].start))
        elif rng.random() < 0.3:
            rng.shuffle(tiles)
        return tiles

    def _tile(
        self, mode: Mode, k: dict[str, int], source: Tensor, weights: Tensor | None, constants: Tensor,
        addend: Tensor | None, target: Tensor, table: Tensor | None, band: range, block: int, columns: range,
    ) -> list[Part]:  # fmt: skip
        """The COMPUTEs of one tile: one, or on the array a chain over channel blocks."""
        rng, rows = self.rng, self.config.rows
        taps = k["kernel_h"] * k["kernel_w"]
        out = ((band.start * target.blocks + block) * target.width + columns.start, len(columns),
               target.blocks * target.width, len(band))  # fmt: skip
        blocks = [range(block, block + 1)]
        if mode is Mode.ARRAY:
            size = rng.choice((source.blocks, source.blocks, 1))
            blocks = [range(b, min(b + size, source.blocks)) for b in range(0, source.blocks, size)]
        parts = []
        for part in blocks:
            source_range, bounds, origin = self._input(k, source, part, band, columns)
            operands: dict[Role, tuple[Tensor, Range]] = {Role.INPUT: (source, source_range)}
            if mode is Mode.ARRAY:
                assert weights is not None
                at = (block * source.blocks + part.start) * taps * rows
                # With fewer tiles than the walk has passes the walk is left early.
                tiles = taps * len(part) if rng.random() < 0.9 else rng.randint(1, taps * len(part))
                operands[Role.WEIGHTS] = weights, (at, tiles * rows, 0, 1)
            elif mode is Mode.DEPTHWISE:
                assert weights is not None
                operands[Role.WEIGHTS] = weights, (block * taps, taps, 0, 1)
            if part is blocks[-1]:
                operands[Role.CONSTANTS] = constants, (block * 8, 8, 0, 1)
                if addend is not None:
                    operands[Role.RESIDUAL] = addend, out
                operands[Role.OUTPUT] = target, out
                if table is not None:
                    operands[Role.TABLE] = table, (0, table.words, 0, 1)
            shape = {"height": len(band), "width": len(columns), **origin}
            parts.append(Part(operands, bounds, shape, len(part)))
        return parts

    def _emit_tile(self, tile: list[Part], mode: Mode, k: dict[str, int], target: Tensor, *, residual: bool) -> None:
        rng = self.rng
        for part in tile:
            self.binder.bind(*(tensor for tensor, _ in part.operands.values()))
            self._emit(Opcode.KERNEL, blocks=part.blocks, **{f: k[f] for f in _KERNEL})
            self._emit(Opcode.BOUNDS, **part.bounds)
            for role, (tensor, (offset, run, stride, count)) in part.operands.items():
                assert tensor.slot is not None
                self._emit(
                    Opcode.OPERAND, role=role, slot=tensor.slot, offset=offset, run=run, stride=stride, count=count,
                    next_use=rng.choice((NEVER, rng.randint(1, 9))), pin=rng.getrandbits(1), drop=0,
                )  # fmt: skip
            self._emit(
                Opcode.COMPUTE, mode=mode, first=int(part is tile[0]), last=int(part is tile[-1]),
                residual=int(residual), table=int(Role.TABLE in tile[-1].operands), operator=self._operator,
                lines=int(self._lines(mode, k, part)), **part.shape,
            )  # fmt: skip
            self.computes += 1
        if rng.random() < 0.15:
            offset, run, stride, count = tile[-1].operands[Role.OUTPUT][1]
            assert target.slot is not None
            self._emit(Opcode.STORE, slot=target.slot, offset=offset, run=run, stride=stride, count=count)

    def _lines(self, mode: Mode, k: dict[str, int], part: Part) -> bool:
        """Whether the tile goes through the line buffer: mostly if it may."""
        columns = (part.shape["width"] - 1) * k["stride_w"] + k["kernel_w"]
        small = all(
            k[f"kernel_{axis}"] <= LINE_KERNEL and k[f"stride_{axis}"] <= LINE_STRIDE and k[f"dilation_{axis}"] == 1
            for axis in "hw"
        )
        holds = mode is not Mode.ARRAY and small and 2 <= columns <= self.config.line_columns
        return holds and self.rng.random() < 0.8

    def _input(
        self, k: dict[str, int], source: Tensor, part: range, band: range, columns: range
    ) -> tuple[Range, dict[str, int], dict[str, int]]:
        """The input operand of a tile, its bounds, and where the tile's first tap lies."""
        row = source.blocks * source.width
        low, rows, y = span(band.start * k["stride_h"] - k["before_h"], len(band), k["stride_h"], k["reach_h"],
                            source.height)  # fmt: skip
        left, wide, x = span(columns.start * k["stride_w"] - k["before_w"], len(columns), k["stride_w"], k["reach_w"],
                             source.width)  # fmt: skip
        if len(part) > 1 or self.rng.random() < 0.5:
            # Whole rows of the channel blocks, whatever the tile's columns are.
            x, left, wide = x + left, 0, source.width
        offset = low * row + part.start * source.width + left
        run = (len(part) - 1) * source.width + wide
        operand = (offset, run, row, rows)
        if run == row and self.rng.random() < 0.5:
            operand = (offset, run * rows, 0, 1)
        bounds = {"height": rows, "width": wide, "row_stride": row, "block_stride": source.width}
        return operand, bounds, {"y": y, "x": x}

    def _fits(self, operands: dict[Role, tuple[Tensor, Range]]) -> bool:
        """Whether all pages of a COMPUTE fit into the scratchpad together."""
        words, pages = self.config.page_words, set()
        for tensor, (offset, run, stride, count) in operands.values():
            for i in range(count):
                first = offset + i * stride
                pages |= {tensor.page + p for p in range(first // words, (first + run - 1) // words + 1)}
        return len(pages) <= self.config.frames

    def _emit(self, opcode: Opcode, **fields: int) -> None:
        self.binder.instructions.append(Instruction(opcode, fields))
