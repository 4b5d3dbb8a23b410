"""Runs full-size networks on the RTL against the golden model: every output, cycle, command and burst.

``make nightly`` writes docs/data/nightly.jsonl and builds.jsonl, from which ``make docs`` makes tables of
docs/performance.md. It goes on where it was interrupted. A run of the RTL follows from its hardware, its program and
its inputs alone, so what is kept of one stays true as long as these are the same: then only the golden model runs
again, and must show what the RTL showed. ``python -m docs.nightly WORDS...`` does what has all words in its key.
"""

from __future__ import annotations

import hashlib
import resource
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.display import display
from controller.inference import infer
from controller.inputs import random_inputs
from controller.quantized import quantize_inputs
from controller.read import read
from controller.reference import Reference
from controller.rtl import runner
from docs.bench import machine
from docs.kept import Kept, sources
from docs.networks import TOKENS, network
from sim.machine import Machine
from spec.config import CONFIGS
from spec.registers import Policy
from tb.engine import MEMORY_BYTES
from tb.system import hardware, simulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from controller.compiler import Compiled
    from controller.inputs import Floats
    from controller.rtl import RtlRun
    from controller.run import Trace
    from sim.machine import Run
    from spec.config import Config

FILE, BUILDS = "nightly.jsonl", "builds.jsonl"
#: Networks and machines that run under every policy.
MANAGED, MACHINES = ("mobilenetv2", "resnet18"), ("default", "edge")
#: Machines that a small network is compiled for; on the corners it also runs on the RTL.
ARRAYS, KIB = (4, 8, 16, 32), (64, 256, 1024, 4096)
CORNERS = {(4, 64), (4, 4096), (8, 256), (16, 1024), (32, 64)}
SIDE = 96


@dataclass(frozen=True)
class Case:
    """A network on a machine under a policy: on the golden model, and perhaps on the RTL.

    Its images are of some side, of a network of tokens of no other than its own.
    """

    network: str
    config: Config
    policy: Policy = Policy.NONE
    side: int = 224
    rtl: bool = True

    @property
    def key(self) -> str:
        """What tells it from the others."""
        return f"{self.network} {self.side} {self.config.name} {self.policy.name.lower()}"

    @property
    def inferences(self) -> int:
        """One, or a second one where the first teaches."""
        return 2 if self.policy is Policy.EAGER else 1


def cases() -> dict[str, Case]:
    """Everything that runs, by key; what has the same program stands together, what takes longest stands last."""
    default = CONFIGS["default"]
    found = [Case(name, CONFIGS[on], policy) for name in MANAGED for on in MACHINES for policy in Policy]
    found += [
        Case("mobilenetv2", machine(array, kib), side=SIDE, rtl=(array, kib) in CORNERS)
        for array in ARRAYS
        for kib in KIB
    ]
    found += [Case(name, default) for name in ("squeezenet", "shufflenetv2")]
    found += [Case("ssd300", default, side=300), *(Case(name, default) for name in TOKENS)]
    found += [Case(name, CONFIGS["edge"], Policy.DIRECTED) for name in TOKENS]
    found += [Case(name, default) for name in ("mobilenetv1", "resnet50", "vgg16")]
    return {case.key: case for case in found}


@lru_cache(maxsize=1)
def _compiled(name: str, side: int, config: Config) -> Compiled:
    return compile_graph(read(network(name, side)), config)


def measure(case: Case, before: dict[str, Any] | None) -> dict[str, Any]:
    """What the case showed, or `before` where that is still true.

    Raises
    ------
    AssertionError
        If any check fails: golden model against RTL, and both against onnxruntime.
    """
    compiled = _compiled(case.network, case.side, case.config)
    inputs = [random_inputs(compiled.graph, 1 + number) for number in range(case.inferences)]
    made_of = {
        # Without RTL it is the model that the outputs depend on.
        **({"hardware": hardware(case.config)} if case.rtl else {"model": sources(("sim", "spec"))}),
        "program": _program(compiled, inputs),
    }
    if before is not None and made_of.items() <= before.items():
        assert _record(_golden(case, compiled)) == before["record"], f"{case.key}: the golden model is not as the RTL"
        return before
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with display(quiet=False) as shown:
        found = infer(
            compiled, inputs, Reference(network(case.network, case.side)), golden=True,
            runner=_fast if case.rtl else None, display=shown, policy=case.policy,
        )  # fmt: skip
    wrong = [difference for one in found for difference in one.differences]
    assert not wrong, f"{case.key}: {wrong[0]}"
    return {
        "network": case.network, "side": case.side, "config": case.config.name,
        "config_hash": f"{case.config.hash:016x}", "policy": case.policy.name.lower(), **made_of,
        "record": _record(one.ran for one in found),
        "cycles": [one.ran.cycles for one in found],
        "commands": sum(len(one.ran.commands) for one in found),
        "bursts": sum(len(one.ran.transactions) for one in found),
        "equal": list(found[0].between()),
        "macs": compiled.macs,
        "differing": sum(one.reference.differing for one in found),
        "most": max(one.reference.max_abs_diff for one in found),
        "elements": sum(one.reference.elements for one in found),
        **(_taken([one.rtl for one in found if one.rtl], used) if case.rtl else {}),
    }  # fmt: skip


def _fast(*given: Any, short: bool = False, **named: Any) -> list[RtlRun]:  # noqa: ARG001, ANN401 (as Runner has it)
    """Run the RTL, short or not, on the simulator that serves all networks."""
    return runner()(*given, **named)


def _program(compiled: Compiled, inputs: Sequence[Floats]) -> str:
    """A digest of what the machine is given."""
    found = hashlib.sha256(compiled.program)
    for one in inputs:
        found.update(compiled.load(quantize_inputs(compiled.graph, one)).tobytes())
    return found.hexdigest()[:16]


def _golden(case: Case, compiled: Compiled) -> Iterator[Run]:
    """The inferences of a case, without their outputs."""
    model = Machine(case.config)
    for _ in range(case.inferences):
        yield model.run(
            compiled.program, compiled.image, policy=case.policy, address=compiled.program_address,
            compute_outputs=False,
        )  # fmt: skip


def _record(runs: Iterable[Run | Trace]) -> str:
    """A digest of every cycle: of the whole, of commands and of bursts."""
    found = hashlib.sha256()
    for run in runs:
        found.update(f"{run.cycles}\n".encode())
        for records in (run.commands, run.transactions):
            found.update("".join(f"{' '.join(map(str, one))}\n" for one in records).encode())
    return found.hexdigest()[:16]


def _taken(runs: Sequence[Trace], before: resource.struct_rusage) -> dict[str, Any]:
    """Seconds of the simulation, by the clock and of the processor, and its memory.

    A process counts what the one that it was forked from had, so the memory is none's unless it is more than ours.
    """
    after, ours = (resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    peak = max(run.peak_bytes for run in runs)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(sum(run.seconds for run in runs), 1), "processor_seconds": round(processor, 1),
        "peak_mib": peak >> 20 if peak > ours.ru_maxrss << 10 else None,
    }  # fmt: skip


def build(name: str) -> dict[str, Any]:
    """Make the simulator of a machine, though it may be there; memory is that of the largest process."""
    config = CONFIGS[name]
    made = simulator(config, MEMORY_BYTES)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    if not made.seconds:
        shutil.rmtree(made.folder)
        simulator.cache_clear()
        made = simulator(config, MEMORY_BYTES)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used, processor = after, after.ru_utime + after.ru_stime - processor
    return {
        "config": name, "config_hash": f"{config.hash:016x}", "hardware": hardware(config),
        "seconds": round(made.seconds, 1), "processor_seconds": round(processor, 1), "peak_mib": used.ru_maxrss >> 10,
    }  # fmt: skip


def main() -> int:
    """Build and run what is not kept; check what is."""
    builds, kept = Kept(BUILDS, None), Kept(FILE, None)
    wanted = {key: case for key, case in cases().items() if all(word in key.split() for word in sys.argv[1:])}
    with ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
        for name in (name for name in MACHINES if any(case.config.name == name for case in wanted.values())):
            row = builds.get(name)
            if row is None or row["hardware"] != hardware(CONFIGS[name]):
                builds.keep(name, pool.submit(build, name).result(), MACHINES)
    for number, (key, case) in enumerate(wanted.items(), 1):
        row = measure(case, kept.get(key))
        kept.keep(key, row, cases())
        print(f"{number} of {len(wanted)}: {key}: {row['cycles']}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
