"""Weights on their way into the array: the next tile is loaded while the last one works."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.commands import Commands
from hw.ports import ReadPort, read_stages
from hw.turn import Turn
from hw.walker import Walker

__all__ = ["TilePort", "WeightLoader"]


class TilePort(wiring.Signature):
    """How tiles of weights come to the array.

    Members
    -------
    ready : Out(1)
        A tile is in the shadow registers, or so near that a pass may start with it in this cycle.
    last : Out(1)
        With ``ready``: it is its command's last tile.
    load : Out(1)
        Row 0 of a tile is at ``weights``; row r follows r cycles later.
    weights : Out(Commands.factors)
        A row of a tile, less the command's zero.
    swap : In(1)
        A pass starts in this cycle and takes the tile that is ready: this is the cycle of its first pixel's address.
    finish : In(1)
        This is the cycle of the last pixel's address of a pass.
    """

    def __init__(self, config):
        super().__init__({
            "ready": Out(1),
            "last": Out(1),
            "load": Out(1),
            "weights": Out(Commands(config).factors),
            "swap": In(1),
            "finish": In(1),
        })


class WeightLoader(wiring.Component):
    r"""Runs one command of the weights queue at a time: tiles of ``rows`` words, one after another in strided runs.

    A tile is read when the shadow registers are free, one word a cycle: from ``spec.timing.WEIGHTS_ISSUE`` cycles after
    the start or the swap that freed them. In serial mode, where weights and inputs share a bank, a tile other than the
    first also waits for the end of the pass of the tile before (``WEIGHTS_TURN``). ``WEIGHTS_LATENCY`` cycles after the
    last row's address a pass may start: its first pixel is as long under way as the weights are, so it follows them.
    A turned tile goes through a square of lanes, in word by word and out column by column: ``rows`` cycles more.

    ::

        cycle        t       t + 1   t + 2        t + rows   t + rows + 1
        start        1
        read.valid           1       1       ...  1
        read.address         base    base+1       base+rows-1
        finish (one tile)                         1
        tile.ready                                           1

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1)
        A command begins.
    payload : In(Commands.weights)
        The command.
    ready : Out(1)
        No command runs.
    finish : Out(1)
        The last row of the command's last tile is asked for; if it is turned, its last column comes.
    read : Out(ReadPort)
        The scratchpad.
    tile : Out(TilePort)
        The array.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        super().__init__({
            "start": In(1),
            "payload": In(k.weights),
            "ready": Out(1),
            "finish": Out(1),
            "read": Out(ReadPort(config)),
            "tile": Out(TilePort(config)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.walker = walker = Walker(config=self.config)
        m.submodules.turn = turn = Turn(config=self.config)

        running, serial, turned, zero = Signal(), Signal(), Signal(), Signal(signed(8))
        # Full: the shadow registers hold a tile that no pass has taken. Held: its pass has not ended.
        full, held = Signal(), Signal()
        # Turning: a tile's words are asked for, its columns come. Ended: its words were the command's last.
        turning, ended = Signal(), Signal()
        row = Signal(ceil_log2(self.config.rows))
        issue, asked, final, loaded = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            self.ready.eq(~running),
            issue.eq(running & ~full & ~held & ~turning),
            asked.eq(issue & row.all()),
            loaded.eq(Mux(turned, turning & row.all(), asked)),
            final.eq(Mux(turning, ended, walker.done)),
            self.finish.eq(loaded & final),
            self.read.valid.eq(issue),
            self.tile.ready.eq(full),
        ]

        # Words follow each other in their runs, whichever tile they belong to. With `data_stages` a range is taken as
        # long as nothing runs.
        m.d.comb += [
            walker.range.eq(self.payload.range),
            walker.load.eq(self.ready if self.config.data_stages else self.start),
            walker.step.eq(issue),
            self.read.address.eq(walker.address),
        ]
        with m.If(self.start):
            m.d.sync += [
                running.eq(1),
                serial.eq(self.payload.serial),
                turned.eq(self.payload.turned),
                zero.eq(self.payload.zero),
            ]
        with m.If(issue | turning):
            m.d.sync += row.eq(row + 1)
        with m.If(asked):
            m.d.sync += [turning.eq(turned), ended.eq(walker.done)]
        with m.If(loaded):
            m.d.sync += turning.eq(0)

        # A pass that ends while the tile before it still waits is an earlier one, and frees nothing.
        with m.If(self.tile.swap):
            m.d.sync += full.eq(0)
        with m.If(self.tile.finish & (~full | self.tile.swap)):
            m.d.sync += held.eq(0)
        with m.If(loaded):
            m.d.sync += [full.eq(1), held.eq(serial & ~final), self.tile.last.eq(final)]
        with m.If(self.finish):
            m.d.sync += running.eq(0)

        # The first row is announced when its word is here; the others follow without a gap. What becomes of a word is
        # told beside it: the next command may begin before.
        reading = read_stages(self.config)
        first, take, give = (Signal(reading, name=name) for name in ("first", "take", "give"))
        zeros = Signal(reading * len(zero))
        m.d.sync += [
            first.eq(Cat(Mux(turned, turning, issue) & (row == 0), first)),
            take.eq(Cat(issue & turned, take)),
            give.eq(Cat(turning, give)),
            zeros.eq(Cat(zero, zeros)),
        ]
        m.d.comb += [turn.take.eq(take[-1]), turn.word.eq(self.read.data), turn.give.eq(give[-1])]
        m.d.comb += self.tile.load.eq(first[-1])
        less = zeros[-len(zero) :].as_signed()
        for weight, column, word in zip(self.tile.weights, turn.column, self.read.data, strict=True):
            m.d.comb += weight.eq(Mux(turn.give, column, word) - less)

        return m
