"""Where the cycles of a plan go: how long each of its chains takes, and how busy bus and engines are meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.joint.plan import rearranged
from controller.joint.program import Programs
from sim.machine import Machine
from spec.isa import Mode, Queue
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.compiler import Compiled
    from controller.joint.chains import Chains

Interval = tuple[int, int]


def spans(compiled: Compiled, chains: Chains) -> list[dict[str, int]]:
    """For each chain the cycles from the end of the one before, and those in which each part of the machine is busy."""
    config = compiled.config
    found = rearranged(compiled, chains)
    run = Machine(config).run(
        found.program, found.image.copy(), policy=Policy.DIRECTED, address=found.program_address, compute_outputs=False
    )
    programs = Programs(compiled)
    commands = [command for chain in chains for unit in programs.arranged(chain).order for command in unit.commands]
    queues: dict[Queue, list[Interval]] = {queue: [] for queue in Queue}
    for one in run.commands:
        queues[one.queue].append((one.start, one.finish + 1))
    operators = {
        Queue.ARRAY: [command.operator for command in commands if command.mode is Mode.ARRAY],
        Queue.POST: [command.operator for command in commands if command.last],
    }
    done: dict[int, int] = {}
    for queue, several in operators.items():
        for operator, (_, end) in zip(several, queues[queue], strict=True):
            done[operator] = max(done.get(operator, 0), end)
    busy = {
        "bus": [(end - config.page_beats, end) for _, end in queues[Queue.READ]],
        "array": queues[Queue.ARRAY],
        "post": queues[Queue.POST],
    }
    rows: list[dict[str, int]] = []
    begin = 0
    for chain in chains:
        end = max(begin, *(done[operator] for operator in range(chain.first, chain.end)))
        parts = {name: _inside(intervals, (begin, end)) for name, intervals in busy.items()}
        rows.append({"first": chain.first, "end": chain.end, "cycles": end - begin, **parts})
        begin = end
    return rows


def _inside(intervals: Iterable[Interval], span: Interval) -> int:
    """Cycles of a span that are in any of some intervals, whose ends ascend.

    >>> _inside([(0, 4), (3, 5), (6, 9)], (2, 8))
    5
    """
    at, total = span[0], 0
    for begin, end in intervals:
        low, high = max(begin, at), min(end, span[1])
        if low < high:
            total, at = total + high - low, high
    return total
