"""Measures the full-size networks on the golden model: cycles, what they were lost to, seconds and memory.

``make bench`` writes docs/data/networks.jsonl, from which ``make docs`` makes the tables of docs/performance.md. Policy
`none`; the machine is `default` with at most one of array, scratchpad and bus changed.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.graph import Graph, Pool, Port
from controller.inputs import random_inputs
from controller.peak import peak_bytes
from controller.read import read
from controller.run import Activity, agreement, expected_outputs, run_golden
from controller.traffic import traffic
from controller.usage import sentence, usage
from docs.kept import Kept, sources
from docs.networks import NAMES, TOKENS, network
from sim.energy import energy, load_table
from sim.events import count_events
from sim.machine import Machine
from spec.config import CONFIGS
from spec.isa import Mode, Queue
from spec.registers import CAUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.compiler import Compiled
    from sim.machine import Run
    from spec.config import Config

FILE = "networks.jsonl"
#: The network whose dense layers, bound by memory, are also left away; with outputs it takes minutes.
DENSE = "vgg16"
#: Those that are measured on other machines too, and what is changed there.
VARIED = ("resnet50", "mobilenetv2")
ARRAYS, KIB, BUSES = (8, 32), (128, 256, 1024, 2048), (4, 16)
#: How often a time without outputs is taken, and one with them; the median counts.
RUNS, RUNS_WITH_OUTPUTS = 5, 3


def machine(array: int = 16, kib: int = 512, bus: int = 8) -> Config:
    """`default` with another array, scratchpad and bus; its virtual pages are four times the scratchpad or more."""
    base = CONFIGS["default"]
    pages = max(base.virtual_pages, 4 * kib * 1024 // base.page_bytes)
    return replace(
        base, name=f"{array}x{array} {kib}KiB {bus}B", rows=array, cols=array, bank_bytes=kib * 1024 // base.banks,
        bus_bytes=bus, virtual_pages=pages,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network on `default` with so many rows and columns, KiB of scratchpad and bytes of bus.

    Of `convolutions` only those and the pools between them run. Where it is `timed`, times are taken often; those of
    `outputs` too, if these are wanted.
    """

    network: str
    array: int = 16
    kib: int = 512
    bus: int = 8
    convolutions: bool = False
    timed: bool = False
    outputs: bool = False

    @property
    def key(self) -> str:
        """What tells it from the others."""
        part = " convolutions" if self.convolutions else ""
        return f"{self.network}{part} {self.array} {self.kib} {self.bus}"

    @property
    def graph(self) -> Graph:
        """The network, or what of it comes before the dense layers: all up to its last pool."""
        graph = read(network(self.network))
        if not self.convolutions:
            return graph
        last = max(index for index, node in enumerate(graph.nodes) if isinstance(node, Pool))
        result = graph.nodes[last].result
        return replace(graph, nodes=graph.nodes[: last + 1], outputs=(Port(result.name, result.shape, result),))


def cases() -> dict[str, Case]:
    """All that is measured, by key: every network, then those of images on other buses, then two on other machines."""
    found = [Case(name, timed=True, outputs=name != DENSE) for name in NAMES]
    found += [Case(DENSE, convolutions=True)]
    found += [Case(name, timed=True, outputs=True) for name in TOKENS]
    found += [Case(name, bus=bus) for bus in BUSES for name in NAMES]
    for name in VARIED:
        found += [Case(name, array=array) for array in ARRAYS] + [Case(name, kib=kib) for kib in KIB]
    return {case.key: case for case in found}


def measure(case: Case) -> dict[str, Any]:
    """Cycles and transactions without outputs, and with them where they are wanted; seconds are of the processor."""
    config, graph = machine(case.array, case.kib, case.bus), case.graph
    compiling, compiled = _timed(1, lambda: compile_graph(graph, config))
    seconds, peaks = {"compile": round(compiling, 1)}, {"compile": peak_bytes() >> 20}

    def cycles_alone() -> Run:
        return Machine(config).run(
            compiled.program, compiled.image, address=compiled.program_address, compute_outputs=False
        )

    taken, run = _timed(RUNS if case.timed else 1, cycles_alone)
    assert run.cycles, f"{case.key}: {run.error.name} at {run.error_address:#x}"
    seconds["cycles"], peaks["cycles"] = round(taken, 2), peak_bytes() >> 20
    row = {"network": case.network, "array": case.array, "kib": case.kib, "bus": case.bus} | _figures(compiled, run)
    if case.outputs:
        inputs = random_inputs(graph, 1)
        taken, trace = _timed(RUNS_WITH_OUTPUTS, lambda: run_golden(compiled, inputs))
        seconds["outputs"], peaks["outputs"] = round(taken, 1), peak_bytes() >> 20
        assert not agreement(expected_outputs(graph, inputs), trace.outputs).differing, case.key
    return row | {"seconds": seconds, "peak_mib": peaks}


def _timed(times: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """The median of the processor seconds that it takes, and what it gives."""
    seconds = []
    for _ in range(times):
        started = process_time()
        found = work()
        seconds.append(process_time() - started)
    return median(seconds), found


def _figures(compiled: Compiled, run: Run) -> dict[str, Any]:
    config, counters = compiled.config, run.counters
    activity, moved = Activity(counters, count_events(config, run)), traffic(compiled, run.transactions)
    assert run.cycles is not None
    used = usage(config, run.cycles, activity, moved)
    elements = config.rows * config.cols
    slots = activity.events.array_products // elements
    multiplying = sum(one.operator.macs for one in compiled.tiled if one.operator.mode is Mode.ARRAY) / elements
    return {
        "config_hash": f"{config.hash:016x}",
        "macs": compiled.macs,
        "cycles": run.cycles,
        "utilization": round(compiled.macs / (elements * run.cycles), 4),
        "dram": moved,
        "energy_pj": {part: round(cost) for part, cost in energy(config, activity.events, load_table()).items()},
        "binds": used["binds"],
        "usage": sentence(used),
        # Of the array's busy cycles: what it multiplies for the network, for lanes that have no channel and for taps
        # that meet padding, and what passes wait for the next tile of weights.
        "array_busy": {
            "multiplying": round(multiplying),
            "padding": slots - round(multiplying),
            "fill": counters["ARRAY_BUSY"] - slots,
        },
        "queues": {
            queue.name: {cause: counters[f"{queue.name}_{cause.upper()}"] for cause in CAUSES}
            for queue in Queue
            if queue is not Queue.SUMS
        },
    }


def main() -> int:
    """Measure what is not kept, each case in a process of its own: seconds and memory are part of it."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")))
    for name in (*NAMES, *TOKENS):
        network(name)
    missing = [case for key, case in cases().items() if key not in kept]
    with ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
        for number, case in enumerate(missing, 1):
            row = pool.submit(measure, case).result()
            kept.keep(case.key, row, cases())
            print(f"{number} of {len(missing)}: {case.key}: {row['cycles']:,} cycles, {row['seconds']}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
