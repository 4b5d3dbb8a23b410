"""The commands of a COMPUTE: what they wait for, which ports they use, what they do."""

from __future__ import annotations

from amaranth import Array, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hw.check import weighs
from hw.commands import COUNT_BITS, COUNTS, Commands
from hw.hazards import READERS, USER, hazard_request
from hw.layout import layout
from hw.queue import entry
from spec.isa import BOUNDS, CLAMP, COMPUTE, KERNEL, OPERAND, SCALE, Mode, Queue, Role

__all__ = ["QUEUES", "Dispatch"]

QUEUES = (Queue.WEIGHTS, Queue.ARRAY, Queue.POST)


class Dispatch(wiring.Component):
    """Gathers waits while operands are settled; then looks at all banks, one a cycle; then pushes, one a cycle.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    begin : In(1)
        A COMPUTE: nothing is gathered yet.
    compute, kernel, bounds, scale, clamp, operands, windows, region : In
        The instruction, the registers, and what Check says of them; must hold from ``begin`` to ``done``.
    role : In(3)
        The operand that is settled.
    user : Out(USER)
        The command that uses it.
    avoid : Out(banks)
        Banks that the array reads through its other port: weights those of this COMPUTE's inputs, inputs those of the
        weights of the one before.
    fold : In(1)
        Add the hazards that stand at the outputs of Hazards, and the bank of ``frame``.
    frame : In(frame)
        See ``fold``.
    go : In(1)
        All operands are settled: begin with bank 0 in the next cycle.
    before_reading, before_writing, before_read_port, before_write_port : In(COUNTS)
        From Hazards.
    hazards : Out(hazard_request)
        To Hazards.
    weights, array, post : Out(stream)
        Commands.
    pushed : Out(COUNTS)
        Commands pushed, of these three queues.
    clear : In(1)
        Nothing is pushed yet.
    serial : Out(1)
        Strobe: the array's command is serial.
    done : Out(1)
        The last cycle.
    """

    def __init__(self, *, config):
        self.config = config
        k = Commands(config)
        before = ("before_reading", "before_writing", "before_read_port", "before_write_port")
        super().__init__({
            "begin": In(1),
            **{w.name.lower(): In(layout(w)) for w in (COMPUTE, KERNEL, BOUNDS, SCALE, CLAMP)},
            "operands": In(layout(OPERAND)).array(len(Role)),
            "windows": In(k.page_bits).array(len(Role)),
            "region": In(k.region),
            "role": In(range(len(Role))),
            "user": Out(USER),
            "avoid": Out(config.banks),
            "fold": In(1),
            "frame": In(k.frame),
            "go": In(1),
            **{name: In(COUNTS) for name in before},
            "hazards": Out(hazard_request(config)),
            **{q.name.lower(): Out(stream.Signature(entry(getattr(k, q.name.lower())))) for q in QUEUES},
            "pushed": Out(COUNTS),
            "clear": In(1),
            "serial": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c, k, compute = self.config, Commands(self.config), self.compute
        array = compute.mode == Mode.ARRAY
        pushes = {q: getattr(self, q.name.lower()) for q in QUEUES}
        counts = {q: Signal(COUNT_BITS, name=f"next_{q.name.lower()}") for q in QUEUES}
        data, port, reads = (
            {q: Signal(shape, name=f"{name}_{q.name.lower()}") for q in QUEUES}
            for name, shape in (("data", COUNTS), ("port", COUNTS), ("reads", c.banks))
        )
        writes, before = Signal(c.banks), Signal(c.banks)
        half, drained = Signal(), Array(Signal(COUNT_BITS, name=f"drained_{i}") for i in range(2))

        for queue in QUEUES:
            m.d.comb += counts[queue].eq(self.pushed[queue] + 1)
            with m.If(pushes[queue].valid & pushes[queue].ready):
                m.d.sync += self.pushed[queue].eq(counts[queue])
            with m.If(self.clear):
                m.d.sync += self.pushed[queue].eq(0)

        def gather(waits, queue, before, others):
            """Raise waits to the counts of other queues where those are higher."""
            for q in others:
                if q != queue:
                    with m.If(before[q] > waits[q]):
                        m.d.sync += waits[q].eq(before[q])

        def fold(now, queue, before, others):
            """Raise what a command waits for, with ``control_stages`` in the next cycle: long before the push."""
            if not c.control_stages:
                gather(data[queue], queue, before, others)
                return
            folded = now & self.fold & (self.user.queue == queue)
            later.append((Signal(), Signal(COUNTS), folded, queue, before, others))

        later = []
        # Who reads or writes an operand: weights and inputs have engines of their own in mode ARRAY.
        writing = Signal()
        m.d.comb += [writing.eq(self.role == Role.OUTPUT), self.user.queue.eq(Queue.POST)]
        with m.If(array):
            with m.Switch(self.role):
                with m.Case(Role.INPUT):
                    m.d.comb += self.user.queue.eq(Queue.ARRAY)
                with m.Case(Role.WEIGHTS):
                    m.d.comb += self.user.queue.eq(Queue.WEIGHTS)
        bank = self.frame >> exact_log2(c.bank_frames)
        for queue in QUEUES:
            with m.If(self.user.queue == queue):
                m.d.comb += self.user.count.eq(counts[queue])
                with m.If(self.fold):
                    with m.If(writing):
                        m.d.sync += writes.bit_select(bank, 1).eq(1)
                        if queue == Queue.POST:
                            fold(writing, queue, self.before_writing, (Queue.PLACE, *READERS))
                    with m.Else():
                        m.d.sync += reads[queue].bit_select(bank, 1).eq(1)
                        fold(~writing, queue, self.before_reading, (Queue.PLACE, Queue.POST))

        for folded, kept, now, queue, counted, others in later:
            m.d.sync += [folded.eq(now), kept.eq(counted)]
            with m.If(folded):
                gather(data[queue], queue, kept, others)

        # Sums go to the halves in turn.
        with m.If(self.begin):
            m.d.sync += [s.eq(0) for q in QUEUES for s in (data[q], port[q], reads[q])]
            m.d.sync += [writes.eq(0), half.eq(half ^ (array & compute.first)), before.eq(reads[Queue.WEIGHTS])]
        with m.If(self.clear):
            m.d.sync += [half.eq(0), drained[0].eq(0), drained[1].eq(0), reads[Queue.WEIGHTS].eq(0)]
        with m.If(self.user.queue == Queue.ARRAY):
            m.d.comb += self.avoid.eq(before)
        with m.If(self.user.queue == Queue.WEIGHTS):
            m.d.comb += self.avoid.eq(reads[Queue.ARRAY])

        place = Signal(range(c.banks))
        shared = Signal()
        m.d.comb += shared.eq((reads[Queue.WEIGHTS] & reads[Queue.ARRAY]).any())
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.go):
                    m.d.comb += self.hazards.look_bank.eq(1)
                    m.next = "BANKS"
            with m.State("BANKS"):
                m.d.comb += [self.hazards.look_bank.eq(1), self.hazards.bank.eq(place + 1)]
                m.d.sync += place.eq(place + 1)
                # The last of the users, in the order of the queues, is the one that the next user waits for.
                for queue in QUEUES:
                    with m.If(reads[queue].bit_select(place, 1)):
                        gather(port[queue], queue, self.before_read_port, READERS)
                        m.d.comb += [
                            self.hazards.takes_read.eq(1),
                            self.hazards.reader.queue.eq(queue),
                            self.hazards.reader.count.eq(counts[queue]),
                        ]
                with m.If(writes.bit_select(place, 1)):
                    gather(port[Queue.POST], Queue.POST, self.before_write_port, (Queue.PLACE,))
                    m.d.comb += [
                        self.hazards.takes_write.eq(1),
                        self.hazards.writer.queue.eq(Queue.POST),
                        self.hazards.writer.count.eq(counts[Queue.POST]),
                    ]
                with m.If(place == c.banks - 1):
                    m.next = "POST"
                    with m.If(array):
                        m.next = "WEIGHTS"
            with m.State("WEIGHTS"):
                m.d.comb += self.weights.valid.eq(1)
                with m.If(self.weights.ready):
                    m.d.comb += self.serial.eq(shared)
                    m.next = "ARRAY"
            with m.State("ARRAY"):
                m.d.comb += self.array.valid.eq(1)
                with m.If(self.array.ready):
                    m.d.comb += self.done.eq(~compute.last)
                    m.next = "IDLE"
                    with m.If(compute.last):
                        m.next = "POST"
            with m.State("POST"):
                m.d.comb += self.post.valid.eq(1)
                with m.If(self.post.ready):
                    m.d.comb += self.done.eq(1)
                    with m.If(array):
                        m.d.sync += drained[half].eq(counts[Queue.POST])
                    m.next = "IDLE"

        # What the commands wait for.
        for queue in QUEUES:
            m.d.comb += [pushes[queue].payload.data.eq(data[queue]), pushes[queue].payload.port.eq(port[queue])]
        with m.If(compute.first):
            m.d.comb += self.array.payload.half.eq(drained[half])
        with m.If(array):
            m.d.comb += self.post.payload.data[Queue.SUMS].eq(self.pushed[Queue.ARRAY])

        # What they do.
        base = {
            r: Cat(self.operands[r].offset[: k.word_bits],
                   (self.windows[r] + (self.operands[r].offset >> k.word_bits))[: k.page_bits])
            for r in Role
        }  # fmt: skip
        weights, sums, post = (pushes[q].payload.payload for q in QUEUES)
        for window in (sums.window, post.window):
            m.d.comb += [
                window.base.eq(base[Role.INPUT]),
                *(window[f.name].eq(self.kernel[f.name]) for f in KERNEL.fields if f.name != "opcode"),
                *(window[f.name].eq(self.bounds[f.name]) for f in BOUNDS.fields if f.name != "opcode"),
                window.out_height.eq(compute.height),
                window.out_width.eq(compute.width),
                window.y.eq(compute.y),
                window.x.eq(compute.x),
            ]
        m.d.comb += [
            weights.zero.eq(self.kernel.other_zero),
            weights.turned.eq(compute.turned),
            weights.serial.eq(shared),
            sums.half.eq(half),
            sums.first.eq(compute.first),
            sums.serial.eq(shared),
            *(post[name].eq(compute[name]) for name in ("mode", "first", "closing", "statistic")),
            post.half.eq(half),
            post.residual.eq(compute.last & compute.residual),
            post.lines.eq(compute.lines),
            post.region.eq(self.region),
            post.constants.eq(base[Role.CONSTANTS]),
            post.lookup.eq(compute.last & compute.table),
            post.table.eq(base[Role.TABLE]),
            post.weights.eq(base[Role.WEIGHTS]),
            *(post.scale[f.name].eq(self.scale[f.name]) for f in SCALE.fields if f.name != "opcode"),
            *(post.clamp[f.name].eq(self.clamp[f.name]) for f in CLAMP.fields if f.name != "opcode"),
        ]
        with m.If(weighs(compute) & ~array):
            m.d.comb += post.taps.eq(self.operands[Role.WEIGHTS].run)
        ranges = ((weights.range, Role.WEIGHTS), (post.addend, Role.RESIDUAL), (post.output, Role.OUTPUT))
        for run, role in ranges:
            m.d.comb += run.base.eq(base[role])
            m.d.comb += [run[name].eq(self.operands[role][name]) for name in ("run", "stride", "count")]
        return m
