"""A run as a Chrome trace: a track for each queue, one for each port, and one for the pages that are resident."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from spec.isa import Mode, Opcode, Queue, TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.compiler import Compiled
    from controller.run import Trace
    from sim.occupancy import Life

_ENGINES, _PORTS, _SCRATCHPAD = 1, 2, 3
_PROCESSES = {_ENGINES: "engines", _PORTS: "DRAM ports", _SCRATCHPAD: "scratchpad"}
_TRACKS = {"R": "data read", "W": "data write", "P": "program read"}


def chrome_trace(compiled: Compiled, trace: Trace, lives: Sequence[Life]) -> str:
    """Trace-event JSON, which chrome://tracing and Perfetto show; a microsecond there is a cycle here.

    A command that computes has the name of its operator. A burst stands at its address handshake, for as long as its
    beats would take without a wait. Resident pages are counted by class where the golden model ran.
    """
    events = [*_names(), *_commands(compiled, trace), *_bursts(trace), *_resident(lives)]
    return json.dumps({"traceEvents": events, "otherData": {"cycles": trace.cycles}}, separators=(",", ":")) + "\n"


def _names() -> Iterator[dict[str, Any]]:
    tracks = [(_ENGINES, int(queue), queue.name) for queue in Queue if queue is not Queue.SUMS]
    tracks += [(_PORTS, number, name) for number, name in enumerate(_TRACKS.values())]
    for process, name in _PROCESSES.items():
        yield {"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}
    for process, track, name in tracks:
        yield {"ph": "M", "name": "thread_name", "pid": process, "tid": track, "args": {"name": name}}


def _commands(compiled: Compiled, trace: Trace) -> Iterator[dict[str, Any]]:
    operators = _operators(compiled)
    for one in trace.commands:
        named = operators.get(one.queue)
        yield {
            "ph": "X", "name": named[one.index] if named else f"{one.queue.name} {one.index}", "pid": _ENGINES,
            "tid": int(one.queue), "ts": one.start, "dur": one.finish - one.start + 1, "args": {"index": one.index},
        }  # fmt: skip


def _operators(compiled: Compiled) -> dict[Queue, list[str]]:
    """The operator of each command of the queues that compute, from the COMPUTEs that make them."""
    names = [one.operator.name for one in compiled.tiled]
    found: dict[Queue, list[str]] = {Queue.WEIGHTS: [], Queue.ARRAY: [], Queue.POST: []}
    for one in compiled.instructions:
        if one.opcode is Opcode.COMPUTE:
            name = names[one.fields["operator"]]
            queues = [Queue.WEIGHTS, Queue.ARRAY] if one.fields["mode"] == Mode.ARRAY else []
            for queue in [*queues, *[Queue.POST] * one.fields["last"]]:
                found[queue].append(name)
    return found


def _bursts(trace: Trace) -> Iterator[dict[str, Any]]:
    tracks = {kind: number for number, kind in enumerate(_TRACKS)}
    for one in trace.transactions:
        yield {
            "ph": "X", "name": f"{one.address:#010x}", "pid": _PORTS, "tid": tracks[one.kind], "ts": one.cycle,
            "dur": one.beats, "args": {"beats": one.beats},
        }  # fmt: skip


def _resident(lives: Sequence[Life]) -> Iterator[dict[str, Any]]:
    """Pages by class, whenever their number changes."""
    changes = sorted(
        change
        for life in lives
        for change in ((life.start, life.tensor_class, 1), (life.finish + 1, life.tensor_class, -1))
    )
    resident: Counter[int] = Counter()
    for cycle, group in groupby(changes, key=lambda change: change[0]):
        for _, tensor_class, step in group:
            resident[tensor_class] += step
        counted = {one.name.lower(): resident[one] for one in TensorClass}
        yield {"ph": "C", "name": "resident pages", "pid": _SCRATCHPAD, "ts": cycle, "args": counted}
