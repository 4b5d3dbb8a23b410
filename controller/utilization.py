"""How busy networks keep the array: a table of cycles and waits from the golden model, without outputs."""

from __future__ import annotations

import sys
from time import process_time
from typing import TYPE_CHECKING

from controller.compiler import compile_graph
from controller.configuration import configured
from controller.read import read
from sim.machine import Machine
from spec.isa import Queue
from spec.registers import CAUSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Queues of the engines that compute, and the one that fetches.
_QUEUES = (Queue.ARRAY, Queue.POST, Queue.WEIGHTS, Queue.READ)


def rows(paths: Sequence[str], machine: str, settings: Sequence[str]) -> Iterator[str]:
    """Lines of Markdown: two tables, a row for each network, then one for each network and queue."""
    waits: list[str] = []
    yield "| network | multiplications | cycles | utilization | read bursts | write bursts | compile s | cycles s |"
    yield "|---|---|---|---|---|---|---|---|"
    for path in paths:
        graph, config = read(path), configured(machine, settings)
        started = process_time()
        compiled = compile_graph(graph, config)
        compiling, started = process_time() - started, process_time()
        run = Machine(config).run(
            compiled.program, compiled.image, address=compiled.program_address, compute_outputs=False
        )
        running = process_time() - started
        assert run.cycles, f"{path}: {run.error.name} at {run.error_address:#x}"
        counters, share = run.counters, 100 * compiled.macs / (config.rows * config.cols * run.cycles)
        yield (
            f"| {graph.name} | {compiled.macs:,} | {run.cycles:,} | {share:.1f} % | {counters['READ_BURSTS']:,} | "
            f"{counters['WRITE_BURSTS']:,} | {compiling:.1f} | {running:.1f} |"
        )
        for queue in _QUEUES:
            parts = [100 * counters[f"{queue.name}_{cause.upper()}"] / run.cycles for cause in CAUSES]
            waits.append(f"| {graph.name} | {queue.name} | {' | '.join(f'{part:.1f}' for part in parts)} |")
    yield ""
    yield f"| network | queue | {' | '.join(CAUSES)} |"
    yield "|---|---|" + "---|" * len(CAUSES)
    yield from waits


def main() -> int:
    """Print the tables for the model files named after a configuration; ``field=value`` among them changes it."""
    machine, *rest = sys.argv[1:]
    settings = [one for one in rest if "=" in one]
    for row in rows([one for one in rest if one not in settings], machine, settings):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
