"""The engine for what leaves: drains sums or reduces windows, and writes requantized rows."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, ResetSignal, Signal
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.accumulator import DrainPort
from hw.average import MORE, Average
from hw.commands import Commands
from hw.depthwise import Depthwise
from hw.factor import Factor
from hw.float32 import FLOAT
from hw.lookup import Lookup
from hw.normalize import Normalize
from hw.pixelwise import Pixelwise
from hw.ports import ReadPort, WritePort, read_stages
from hw.requantize import Requantize
from hw.walker import Walker
from hw.windows import Windows
from spec.isa import Mode

__all__ = ["Postprocess"]

#: Words of an output block's constants: 8 bytes for each of ``cols`` channels, ``rows`` = ``cols`` bytes a word.
CONSTANTS_WORDS = 8
#: Cycles by which the last lane of an average is later than a total.
AVERAGE_TURN = Average.latency - Depthwise.latency


class Postprocess(wiring.Component):
    """Runs one command of the post queue at a time.

    Timing is that of ``post`` in docs/machine.md. A row in mode ARRAY begins when its addend is read; its sums are read
    from the accumulator later, just in time to meet the way of a window's totals, so that nothing has to wait. Averages
    are later than totals: their rows begin as many cycles after their windows' last ones. A normalized word's total is
    there in time, because its slot is so long; a product's too, for its addend is its last cycle. Nothing is drained or
    written of what is measured. With ``omit_tokens`` nothing is multiplied, measured or normalized.

    ::

        cycle from a row's last one   0        3     4       5      6         7         7+27     7+28    7+29
                                      address  word  window  terms  part sum  totals..  look-up  write   in the bank
                                      addend   word                 drain     sums..

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    start : In(1), payload : In(Commands.post)
        Take this command in this cycle; only when ready.
    ready : Out(1)
        Idle: a command can be taken in this cycle.
    finish : Out(1)
        The command's last word is written into its bank in this cycle.
    read : Out(ReadPort)
        Constants, tables, tap weights, taps, addends.
    drain : Out(DrainPort)
        Rows of sums.
    write : Out(WritePort)
        Rows of activations.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "start": In(1),
            "payload": In(Commands(config).post),
            "ready": Out(1),
            "finish": Out(1),
            "read": Out(ReadPort(config)),
            "drain": Out(DrainPort(config)),
            "write": Out(WritePort(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c, k = self.config, Commands(self.config)

        m.submodules.windows = windows = Windows(config=c)
        m.submodules.addends = addends = Walker(config=c)
        m.submodules.rows = rows = Walker(config=c)
        m.submodules.outputs = outputs = Walker(config=c)
        m.submodules.depthwise = depthwise = Depthwise(config=c)
        m.submodules.average = average = Average(config=c)
        m.submodules.pixels = pixels = Pixelwise(config=c)
        command, averaging, multiplying, measuring, normalizing = Signal(k.post), *(Signal() for _ in range(4))
        modes, slots = {Mode.AVERAGE: averaging}, {Mode.AVERAGE: c.rows - 1}
        # With `data_stages` the generators of addresses begin a cycle later, with the command in its register.
        begin, new = self.start, self.payload
        if c.data_stages:
            begin, new = Signal(), command
            m.d.sync += begin.eq(self.start)
        if not c.omit_tokens:
            # Else they never come: their signals stay 0.
            modes |= {Mode.MULTIPLY: multiplying, Mode.MEASURE: measuring, Mode.NORMALIZE: normalizing}
            slots[Mode.MEASURE] = Mux(new.closing, Factor.interval - 1, 0)
            slots[Mode.NORMALIZE] = Normalize.slot - 1
        # With `data_stages` these are registers: a command is there for some cycles before they are asked.
        domain = m.d.sync if c.data_stages else m.d.comb
        domain += [which.eq(command.mode == mode) for mode, which in modes.items()]
        # With them it takes what is offered as long as it is idle, so that a start enables nothing but its states.
        with m.If(self.ready if c.data_stages else self.start):
            m.d.sync += command.eq(self.payload)
        m.d.comb += [getattr(windows, name).eq(new[name]) for name in ("window", "lines", "region")]
        with m.Switch(new.mode):
            for mode, slot in slots.items():
                with m.Case(mode):
                    m.d.comb += windows.slot.eq(slot)
        m.d.comb += [addends.range.eq(new.addend), rows.range.eq(new.output), outputs.range.eq(new.output)]
        m.submodules.lookup = lookup = Lookup(config=c)
        m.d.comb += [unit.load.eq(begin) for unit in (windows, addends, rows, outputs)]
        m.d.comb += [lookup.start.eq(begin), lookup.used.eq(command.lookup)]
        m.d.comb += [
            depthwise.start.eq(begin),
            depthwise.mode.eq(command.mode),
            depthwise.lines.eq(command.lines),
            depthwise.kernel_h.eq(command.window.kernel_h),
            depthwise.kernel_w.eq(command.window.kernel_w),
            depthwise.columns.eq(command.region.width),
            depthwise.pad.eq(windows.pad),
            average.start.eq(begin),
            average.pad.eq(windows.pad),
            pixels.start.eq(begin),
            pixels.command.eq(command),
        ]

        # Issue: what is asked for in this cycle, and what it will be when it is here.
        biases, entries, weights, tap, row = Signal(), Signal(), Signal(), Signal(), Signal()
        most = max(c.window_taps, CONSTANTS_WORDS, k.average_words)
        pointer, left = Signal(k.address_width), Signal(range(most + 1))
        turn = AVERAGE_TURN + MORE * c.data_stages
        pause, more, ended = Signal(range(turn + 2)), Signal(range(turn + 2)), Signal()
        m.d.comb += more.eq(Mux(averaging, turn, 0) + command.residual)
        reading = read_stages(c)
        lanes = [Requantize(config=c) for _ in range(c.cols)]
        requantizing = lanes[0].latency
        flow = Signal(reading + Depthwise.latency + requantizing + Lookup.latency)

        def after_entries():
            """Tap weights come next, if there are any."""
            m.d.sync += [pointer.eq(command.weights), left.eq(command.taps)]
            m.next = "TURN"
            with m.If(((command.mode == Mode.DEPTHWISE) | averaging | normalizing) & command.taps.any()):
                m.next = "WEIGHTS"

        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += self.ready.eq(1)
                m.d.sync += [pointer.eq(self.payload.constants), left.eq(CONSTANTS_WORDS)]
                with m.If(self.start):
                    m.next = "CONSTANTS"
                    if Mode.MEASURE in modes:
                        with m.If(self.payload.mode == Mode.MEASURE):
                            m.d.sync += [pointer.eq(self.payload.weights), left.eq(self.payload.taps)]
                            m.next = "TURN"
                            with m.If(self.payload.taps.any()):
                                m.next = "WEIGHTS"
                            if c.data_stages:
                                m.next = "BEGIN"
            if c.data_stages and Mode.MEASURE in modes:
                # Without constants the first address would not be ready.
                with m.State("BEGIN"):
                    m.next = "TURN"
                    with m.If(command.taps.any()):
                        m.next = "WEIGHTS"
            with m.State("CONSTANTS"):
                m.d.comb += biases.eq(1)
                m.d.sync += [pointer.eq(pointer + 1), left.eq(left - 1)]
                with m.If(left == 1):
                    after_entries()
                    with m.If(command.lookup):
                        m.d.sync += [pointer.eq(command.table), left.eq(256 // c.rows)]
                        m.next = "TABLE"
            with m.State("TABLE"):
                m.d.comb += entries.eq(1)
                m.d.sync += [pointer.eq(pointer + 1), left.eq(left - 1)]
                with m.If(left == 1):
                    after_entries()
            with m.State("WEIGHTS"):
                m.d.comb += weights.eq(1)
                m.d.sync += [pointer.eq(pointer + 1), left.eq(left - 1)]
                with m.If(left == 1):
                    m.next = "TURN"
            # The last weights must be in their memory before the first tap asks for its own.
            with m.State("TURN"):
                with m.If(command.mode == Mode.ARRAY):
                    m.next = "SUMS"
                with m.Else():
                    m.next = "WINDOWS"
            with m.State("SUMS"):
                m.d.comb += row.eq(1)
                with m.If(rows.done):
                    m.next = "DRAIN"
            with m.State("WINDOWS"):
                # After a window its average may have to become ready, and its addend is read.
                m.d.comb += [tap.eq(pause == 0), row.eq(Mux(tap, windows.ends & (more == 0), pause == 1))]
                with m.If(~tap):
                    m.d.sync += pause.eq(pause - 1)
                with m.Elif(windows.ends):
                    m.d.sync += [pause.eq(more), ended.eq(windows.done)]
                with m.If(row & Mux(tap, windows.done, ended)):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                with m.If(self.finish):
                    m.next = "IDLE"
        addend = row & command.residual
        m.d.comb += [
            windows.step.eq(tap),
            rows.step.eq(row),
            addends.step.eq(addend),
            self.read.valid.eq(biases | entries | weights | addend | (tap & windows.reads & ~windows.padded)),
            self.read.address.eq(Mux(biases | entries | weights, pointer, Mux(tap, windows.address, addends.address))),
        ]

        # Arrival: the word is there, and goes where it was asked for.
        issued = Cat(biases, entries, weights, tap, addend, tap & windows.last, windows.padded, windows.part)
        arriving = Signal(len(issued) * reading)
        m.d.sync += arriving.eq(Cat(arriving[len(issued) :], issued))
        biases_here, entries_here, weights_here, tap_here, addend_here, *of_tap = arriving[: len(issued)]
        last_here, padded_here, *part_here = of_tap
        constants = Signal(64 * c.cols)
        word = self.read.data.as_value()
        with m.If(biases_here):
            m.d.sync += constants.eq(Cat(constants[len(word) :], word))
        m.d.comb += [
            lookup.load.eq(entries_here),
            lookup.word.eq(self.read.data),
            depthwise.load.eq(weights_here & ~averaging),
            depthwise.tap.eq(tap_here & ~averaging),
            depthwise.last.eq(last_here),
            depthwise.part.eq(Cat(part_here)),
            depthwise.padded.eq(padded_here),
            depthwise.word.eq(self.read.data),
            average.load.eq(weights_here & averaging),
            average.tap.eq(tap_here & averaging),
            average.last.eq(last_here),
            average.part.eq(Cat(part_here)),
            average.padded.eq(padded_here),
            average.word.eq(self.read.data),
            pixels.load.eq(weights_here),
            pixels.tap.eq(tap_here & ~Cat(part_here).any()),
            pixels.other.eq(addend_here),
            pixels.padded.eq(padded_here),
            pixels.word.eq(self.read.data),
        ]

        # Rows: bit i of the flow is a row whose last address was i + 1 cycles ago. Sums and totals come together.
        m.d.sync += flow.eq(Cat(row & ~measuring, flow))
        meeting = reading + Depthwise.latency - 1
        summing = command.mode == Mode.ARRAY
        m.d.comb += [self.drain.valid.eq(flow[meeting - 1] & summing), self.drain.half.eq(command.half)]
        with m.If(begin):
            m.d.sync += self.drain.row.eq(0)
        with m.Elif(self.drain.valid):
            m.d.sync += self.drain.row.eq(self.drain.row + 1)
        waiting = Signal(len(word) * Depthwise.latency)
        with m.If(command.residual):
            m.d.sync += waiting.eq(Cat(waiting[len(word) :], word))

        totals = [Mux(averaging, *pair) for pair in zip(average.averages, depthwise.totals, strict=True)]
        totals = [Mux(multiplying | normalizing, *pair) for pair in zip(pixels.totals, totals, strict=True)]
        m.d.comb += pixels.take.eq(flow[meeting - 1] & (multiplying | normalizing))
        for index, lane in enumerate(lanes):
            m.submodules[f"lane_{index}"] = lane
            m.d.comb += [
                lane.value.eq(Mux(summing, self.drain.sums[index], totals[index])),
                lane.addend.eq(waiting[8 * index : 8 * index + 8]),
                lane.enable.eq(flow[meeting : meeting + requantizing]),
                lane.bias.eq(constants[64 * index : 64 * index + 32]),
                lane.scale.eq(FLOAT(constants[64 * index + 32 : 64 * index + 64])),
                lane.residual.eq(command.residual & ~multiplying),
                lane.factors.eq(command.scale),
                lane.clamp.eq(command.clamp),
                lookup.bytes[index].eq(lane.activation),
            ]
        m.d.comb += lookup.enable.eq(flow[meeting + requantizing])

        # The last row is the one behind which nothing flows when nothing more is issued.
        m.d.comb += [
            self.write.valid.eq(flow[-1]),
            self.write.data.eq(lookup.replaced),
            self.write.address.eq(outputs.address),
            outputs.step.eq(self.write.valid),
        ]
        ending = Mux(measuring, pixels.finish, flow[-1] & ~flow[:-1].any())
        m.d.sync += self.finish.eq(fsm.ongoing("DRAIN") & ending)

        with m.If(~ResetSignal()):
            m.d.sync += Assert(~self.start | self.ready, "a command must start only when the engine is ready")
        return m
