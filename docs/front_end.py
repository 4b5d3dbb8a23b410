"""Measures what the front end costs on five networks under every policy: cycles by instruction, and what they delay.

``python -m docs.front_end [NETWORK...]`` writes docs/data/front_end.jsonl for docs/policies.md. The machine is `edge`.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from controller.compiler import compile_graph
from controller.read import read
from docs.kept import Kept, sources
from docs.networks import NAMES, network
from docs.rerun import rerun, retimed
from sim.steps import Spend, Take
from spec.config import CONFIGS
from spec.isa import Opcode
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.compiler import Compiled
    from sim.steps import Step

FILE = "front_end.jsonl"
CONFIG = CONFIGS["edge"]
#: Instructions that have a column; all others only set registers.
KINDS = (Opcode.COMPUTE, Opcode.BIND, Opcode.RELEASE, Opcode.STORE, Opcode.END)


def measure(compiled: Compiled, policy: Policy) -> dict[str, Any]:
    """Cycles of each kind of instruction, the array's share without work, and cycles if no step took any.

    Under `eager` it is the second inference.
    """
    run = rerun(compiled, "eager warm" if policy is Policy.EAGER else policy.name.lower(), CONFIG, compiled.program)
    instant = retimed(compiled, (step for step in run.steps if not isinstance(step, Spend)))
    opcodes = [instruction.opcode for instruction in compiled.instructions]
    return {
        "cycles": run.cycles, "array_empty": run.counters["ARRAY_EMPTY"], "instant_cycles": instant,
        "instructions": {one.name: opcodes.count(one) for one in KINDS},
        "spent": {name: cycles for name, cycles in spent(run.steps, opcodes).items() if cycles},
    }  # fmt: skip


def spent(steps: Sequence[Step], opcodes: Sequence[Opcode]) -> Counter[str]:
    """Cycles that the front end spends on each kind of instruction, without those in which it waits."""
    found, kind = Counter[str](), ""
    for step in steps:
        if isinstance(step, Take):
            # The header comes before all instructions.
            opcode = opcodes[step.instruction - 1] if step.instruction else None
            kind = opcode.name if opcode in KINDS else "registers"
        found[kind] += step.cycles if isinstance(step, Spend) else 1
    return found


def main() -> int:
    """Measure the networks that are named, or all that are not kept."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")))
    for name in sys.argv[1:] or NAMES:
        if name not in kept:
            compiled = compile_graph(read(network(name)), CONFIG)
            found = {policy.name.lower(): measure(compiled, policy) for policy in Policy}
            kept.keep(name, {"network": name, "policies": found}, NAMES)
            print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
