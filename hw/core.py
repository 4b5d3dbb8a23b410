"""The machine without its pins: all units, and what runs between them."""

from __future__ import annotations

from amaranth import Cat, Module, ResetSignal, Signal
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.array_engine import ArrayEngine
from hw.axi import AxiLite, AxiRead, AxiWrite
from hw.commands import Commands
from hw.completions import Completions
from hw.counters import CAUSE, COUNTERS, Counters
from hw.csr import Csr
from hw.fault import FAULT, Faults
from hw.fetch import Fetch
from hw.frontend import COUNTERS as EVENTS
from hw.frontend import FrontEnd
from hw.loader import Loader
from hw.postprocess import Postprocess
from hw.queue import CommandQueue
from hw.scratchpad import Scratchpad
from hw.storer import Storer
from hw.watchdog import Watchdog
from hw.weights import WeightLoader
from spec.isa import Queue
from spec.registers import SPACE

__all__ = ["Core"]

QUEUES = tuple(queue for queue in Queue if queue is not Queue.SUMS)
_READERS = (Queue.WEIGHTS, Queue.ARRAY, Queue.POST, Queue.TAKE)
_WRITERS = (Queue.PLACE, Queue.POST)
#: Whose counts a queue's commands can wait for: for their data, and for their ports. What is not stored costs nothing.
WAITS = {
    Queue.READ: ((Queue.WRITE,), ()),
    Queue.PLACE: ((Queue.READ, *_WRITERS, *_READERS), _WRITERS),
    Queue.WEIGHTS: (_WRITERS, _READERS),
    Queue.ARRAY: (_WRITERS, _READERS),
    Queue.POST: ((Queue.SUMS, *_WRITERS, *_READERS), (*_READERS, *_WRITERS)),
    Queue.TAKE: (_WRITERS, _READERS),
    Queue.WRITE: ((Queue.TAKE,), ()),
}
#: Whose completions give back what a queue's commands take one of: page buffers and accumulator halves.
HALVES = {Queue.READ: Queue.PLACE, Queue.TAKE: Queue.WRITE, Queue.ARRAY: Queue.POST}


class Core(wiring.Component):
    """Everything between the AXI ports.

    A start that is taken is cycle 0: ``trace_start`` is high in it. The run is busy from cycle 1 to the cycle of the
    front end's done strobe, which are as many cycles as CYCLES says. An error stops the front end, which still waits
    for all that was pushed; then the run is done, and another can start. If nothing moves any more, the watchdog sets
    done and error while the run stays busy: only a reset helps.

    Parameters
    ----------
    config : Config
        The machine.

    Members
    -------
    read : Out(AxiRead), write : Out(AxiWrite)
        The data port.
    program : Out(AxiRead)
        The program port.
    host : In(AxiLite)
        The registers.
    irq : Out(1)
        Done, if INTERRUPT lets it through.
    trace_start : Out(1)
        Cycle 0 of a run.
    trace_starts, trace_finishes : Out(8)
        Commands that start and finish in this cycle; bit q belongs to ``Queue(q)``. SUMS only finishes.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "read": Out(AxiRead(config.bus_bytes)),
            "write": Out(AxiWrite(config.bus_bytes)),
            "program": Out(AxiRead(config.bus_bytes)),
            "host": In(AxiLite(ceil_log2(SPACE))),
            "irq": Out(1),
            "trace_start": Out(1),
            "trace_starts": Out(len(Queue)),
            "trace_finishes": Out(len(Queue)),
        })

    def elaborate(self, platform):
        m = Module()
        c, k = self.config, Commands(self.config)
        m.submodules.csr = csr = Csr(config=c)
        m.submodules.fetch = fetch = Fetch(config=c)
        m.submodules.frontend = frontend = FrontEnd(config=c)
        m.submodules.loader = loader = Loader(config=c)
        m.submodules.weights = weights = WeightLoader(config=c)
        m.submodules.array = array = ArrayEngine(config=c)
        m.submodules.post = post = Postprocess(config=c)
        m.submodules.storer = storer = Storer(config=c)
        m.submodules.scratchpad = scratchpad = Scratchpad(config=c)
        m.submodules.completions = completions = Completions()
        m.submodules.counters = counters = Counters()
        m.submodules.watchdog = watchdog = Watchdog()
        settings = csr.settings

        # Pins.
        wiring.connect(m, wiring.flipped(self.host), csr.bus)
        wiring.connect(m, loader.axi, wiring.flipped(self.read))
        wiring.connect(m, storer.axi, wiring.flipped(self.write))
        wiring.connect(m, fetch.axi, wiring.flipped(self.program))

        # The scratchpad's users, and the array between weights and sums.
        wiring.connect(m, weights.read, scratchpad.weights)
        wiring.connect(m, array.read, scratchpad.array)
        wiring.connect(m, post.read, scratchpad.post)
        wiring.connect(m, post.write, scratchpad.post_write)
        wiring.connect(m, loader.port, scratchpad.place)
        wiring.connect(m, storer.port, scratchpad.take)
        wiring.connect(m, frontend.map, scratchpad.map)
        wiring.connect(m, weights.tile, array.tile)
        wiring.connect(m, post.drain, array.drain)
        wiring.connect(m, fetch.instructions, frontend.fetch)

        # Queues in front of the engines; all wait for the same counts.
        engines = {
            Queue.READ: (loader, "read_"), Queue.PLACE: (loader, "place_"), Queue.WEIGHTS: (weights, ""),
            Queue.ARRAY: (array, ""), Queue.POST: (post, ""), Queue.TAKE: (storer, "take_"),
            Queue.WRITE: (storer, "write_"),
        }  # fmt: skip
        paged = (Queue.READ, Queue.PLACE, Queue.TAKE, Queue.WRITE)
        starts, finishes, pushes = (Signal(len(Queue), name=name) for name in ("starts", "finishes", "pushes"))
        m.d.comb += [
            completions.finish.eq(finishes),
            completions.clear.eq(frontend.clear),
            finishes[Queue.SUMS].eq(array.sums_finish),
        ]
        for which, (unit, prefix) in engines.items():
            name = which.name.lower()
            data_waits, port_waits = WAITS[which]
            m.submodules[f"{name}_queue"] = queue = CommandQueue(
                payload=getattr(k, name), depth=c.page_queue_depth if which in paged else c.queue_depth, own=which,
                half_queue=HALVES.get(which), data_waits=data_waits, port_waits=port_waits,
            )  # fmt: skip
            push = getattr(frontend, name)
            wiring.connect(m, push, queue.push)
            of = {part: getattr(unit, prefix + part) for part in ("start", "payload", "ready", "finish")}
            m.d.comb += [
                queue.counts.eq(completions.counts),
                queue.ready.eq(of["ready"]),
                queue.extra.eq(weights.tile.ready if which is Queue.ARRAY else 1),
                of["start"].eq(queue.start),
                of["payload"].eq(queue.payload),
                starts[which].eq(queue.start),
                finishes[which].eq(of["finish"]),
                pushes[which].eq(queue.push.valid & queue.push.ready),
                *(counters.causes[which][cause].eq(getattr(queue, cause)) for cause in CAUSE.members),
            ]
            # A count that the queue does not look at must not be waited for.
            for waits, kept in ((push.payload.data, data_waits), (push.payload.port, port_waits)):
                unseen = [waits[q] for q in Queue if q not in kept and q is not which]
                with m.If(push.valid & ~ResetSignal()):
                    m.d.sync += Assert(~Cat(unseen).any(), f"{which.name} must wait for queues that it knows only")

        # What moves, and what the watchdog says of it.
        late, domain = watchdog.fault, m.d.comb
        if c.control_stages:
            late, domain = Signal(FAULT), m.d.sync
            m.d.sync += late.eq(watchdog.fault)
        taken = fetch.instructions.valid & fetch.instructions.ready
        domain += [
            watchdog.progress.eq(taken | frontend.map.valid | starts.any()),
            watchdog.pushes.eq(pushes),
            watchdog.finishes.eq(finishes),
        ]

        # A run.
        busy, done, ready = Signal(), Signal(), Signal()
        m.d.comb += [
            ready.eq(frontend.ready_for_start & fetch.idle & ~busy),
            csr.busy.eq(busy),
            csr.ready.eq(ready),
            self.trace_start.eq(csr.start),
            self.trace_starts.eq(starts),
            self.trace_finishes.eq(finishes),
            self.irq.eq(done & settings.INTERRUPT[0]),
        ]
        with m.If(csr.clear | csr.start):
            m.d.sync += done.eq(0)
        with m.If(frontend.done | late.valid):
            m.d.sync += done.eq(1)
        with m.If(csr.start):
            m.d.sync += busy.eq(1)
        with m.If(frontend.done):
            m.d.sync += busy.eq(0)
        m.d.comb += [
            fetch.start.eq(csr.start),
            fetch.stop.eq(frontend.done),
            fetch.base.eq(settings.PROGRAM_ADDRESS),
            fetch.length.eq(settings.PROGRAM_LENGTH),
            frontend.start.eq(csr.start),
            frontend.program_address.eq(settings.PROGRAM_ADDRESS),
            frontend.length.eq(settings.PROGRAM_LENGTH),
            frontend.data_base.eq(settings.DATA_BASE),
            frontend.policy.eq(settings.POLICY),
            frontend.counts.eq(completions.counts),
            loader.base.eq(settings.READ_BASE),
            loader.limit.eq(settings.READ_LIMIT),
            storer.base.eq(settings.WRITE_BASE),
            storer.limit.eq(settings.WRITE_LIMIT),
        ]

        # Errors: the first is kept, and stops the front end.
        refused = frontend.fault
        if c.control_stages:
            refused = Signal(FAULT)
            m.d.sync += refused.eq(frontend.fault)
        reports = (refused, fetch.fault, loader.fault, storer.fault, late)
        m.submodules.faults = faults = Faults(sources=len(reports))
        m.d.comb += [
            *(kept.eq(report) for kept, report in zip(faults.reports, reports, strict=True)),
            faults.clear.eq(csr.clear | csr.start),
            frontend.abort.eq(faults.error),
        ]
        m.d.comb += [
            watchdog.limit.eq(settings.WATCHDOG),
            watchdog.start.eq(csr.start),
            watchdog.run.eq(busy),
        ]

        # What the host sees.
        m.d.comb += [
            counters.start.eq(csr.start),
            counters.run.eq(busy),
            counters.events.READ_BURSTS.eq(self.read.arvalid & self.read.arready),
            counters.events.WRITE_BURSTS.eq(self.write.awvalid & self.write.awready),
            counters.events.FETCH_BURSTS.eq(self.program.arvalid & self.program.arready),
            csr.values.STATUS.eq(Cat(busy, done, faults.error, ready)),
            csr.values.ERROR_CODE.eq(faults.code),
            csr.values.ERROR_ADDRESS.eq(faults.address),
            *(csr.values[name].eq(counters.values[name]) for name in COUNTERS.members),
            *(
                csr.values[name.upper()].eq(getattr(frontend, name))
                for name in EVENTS
            ),
        ]
        return m
