"""The result of `pinfold run`: the keys of its JSON, and the same for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from controller.bounds import compute_cycles, infinite_scratchpad_cycles, memory_cycles
from controller.run import Agreement, Difference, first_output_difference, first_record_difference
from spec.isa import TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from controller.compiler import Compiled
    from controller.run import Trace
    from spec.trace import Transaction

_READ_CLASSES = {
    TensorClass.WEIGHTS: "weights",
    TensorClass.CONSTANTS: "constants",
    TensorClass.INPUT: "input",
    TensorClass.ACTIVATION: "activation_fill",
    TensorClass.OUTPUT: "activation_fill",
}
_WRITE_CLASSES = {TensorClass.ACTIVATION: "activation_spill", TensorClass.OUTPUT: "output"}
_CLASSES = ("program", "weights", "constants", "input", "activation_fill", "activation_spill", "output")


@dataclass
class Result:
    """All that a run showed.

    `golden` and `rtl` are those of the first inference, or None where the engine did not run. `differences` are
    checks that failed.
    """

    model: str
    compiled: Compiled
    policy: str
    engine: str
    seed: int | None
    inferences: int
    golden: Trace | None = None
    rtl: Trace | None = None
    reference: Agreement | None = None
    differences: list[Difference] = field(default_factory=list)
    compile_seconds: float = 0.0

    def compare(self) -> None:
        """Compare the golden model with the RTL, if both ran; differences are added."""
        for difference in (self._outputs(), self._cycles(), self._commands(), self._transactions()):
            if difference:
                self.differences.append(difference)

    def _outputs(self) -> Difference | None:
        if not self.golden or not self.rtl:
            return None
        return first_output_difference(self.golden.outputs, self.rtl.outputs)

    def _cycles(self) -> Difference | None:
        if not self.golden or not self.rtl or self.golden.cycles == self.rtl.cycles:
            return None
        return Difference("cycles", "the whole run", self.golden.cycles, self.rtl.cycles)

    def _commands(self) -> Difference | None:
        if not self.golden or not self.rtl:
            return None
        return first_record_difference("commands", self.golden.commands, self.rtl.commands)

    def _transactions(self) -> Difference | None:
        if not self.golden or not self.rtl:
            return None
        return first_record_difference("transactions", self.golden.transactions, self.rtl.transactions)

    def trace(self) -> str:
        """Every command and burst of the first inference, a line each."""
        ran = self.golden or self.rtl
        assert ran is not None
        lines = [f"command {one.queue.name} {one.index} {one.start} {one.finish}" for one in ran.commands]
        lines += [f"burst {one.cycle} {one.kind} {one.address:#010x} {one.beats}" for one in ran.transactions]
        return "\n".join(lines) + "\n"

    def inexact(self) -> list[dict[str, Any]]:
        """Operators that the machine may round to a neighbour: additions of rare pairs, averages on a border."""
        found: list[dict[str, Any]] = []
        for one in self.compiled.tiled:
            pairs = one.operator.residual.differing if one.operator.residual else 0
            if pairs or not one.operator.exact:
                found.append({"operator": one.operator.name, "pairs": pairs if one.operator.exact else None})
        return found

    def data(self) -> dict[str, Any]:
        """The keys of `run --json`."""
        compiled, config = self.compiled, self.compiled.config
        ran = self.rtl or self.golden
        both = self.golden is not None and self.rtl is not None
        return {
            "model": self.model,
            "config": config.name,
            "config_hash": f"{config.hash:016x}",
            "policy": self.policy,
            "engine": self.engine,
            "seed": self.seed,
            "inferences": self.inferences,
            "macs": compiled.macs,
            "cycles": {name: trace.cycles if trace else None for name, trace in self._traces()},
            "utilization": compiled.macs / (config.rows * config.cols * ran.cycles) if ran else None,
            "dram": traffic(compiled, ran.transactions) if ran else None,
            "match": {
                "outputs": self._outputs() is None if both else None,
                "cycles": self._cycles() is None if both else None,
                "commands": self._commands() is None if both else None,
                "transactions": self._transactions() is None if both else None,
            },
            "reference": None if self.reference is None else {
                "engine": "onnxruntime",
                "max_abs_diff": self.reference.max_abs_diff,
                "differing": self.reference.differing,
                "elements": self.reference.elements,
            },
            "inexact": self.inexact(),
            "bounds": {
                "compute_cycles": compute_cycles(compiled),
                "memory_cycles": memory_cycles(compiled),
                "infinite_scratchpad_cycles": infinite_scratchpad_cycles(compiled),
                "no_management_cycles": self.golden.cycles if self.golden and self.policy == "none" else None,
            },
            "energy_pj": {"total": None, "by_part": None},
            "seconds": {
                "compile": self.compile_seconds,
                "golden": self.golden.seconds if self.golden else None,
                "rtl_build": self.rtl.build_seconds if self.rtl else None,
                "rtl_run": self.rtl.seconds if self.rtl else None,
            },
        }  # fmt: skip

    def _traces(self) -> Iterator[tuple[str, Trace | None]]:
        yield "golden", self.golden
        yield "rtl", self.rtl


def traffic(compiled: Compiled, transactions: Sequence[Transaction]) -> dict[str, Any]:
    """Bursts and bytes on the data port, and bytes by class; the program's, of its own port, are a class alone."""
    config = compiled.config
    starts = sorted((page * config.page_bytes, buffer) for buffer, page in compiled.placement.pages.items())
    by_class = dict.fromkeys(_CLASSES, 0)
    totals = {"read_bytes": 0, "write_bytes": 0, "read_bursts": 0, "write_bursts": 0}
    kinds: dict[int, TensorClass] = {}
    for start, buffer in starts:
        for page in range(start // config.page_bytes, start // config.page_bytes + buffer.pages(config.page_words)):
            kinds[page] = buffer.kind
    for one in transactions:
        size = one.beats * config.bus_bytes
        if one.kind == "P":
            by_class["program"] += size
            continue
        direction, classes = ("read", _READ_CLASSES) if one.kind == "R" else ("write", _WRITE_CLASSES)
        totals[f"{direction}_bytes"] += size
        totals[f"{direction}_bursts"] += 1
        by_class[classes[kinds[one.address // config.page_bytes]]] += size
    return {**totals, "by_class": by_class}


def summary(data: dict[str, Any]) -> Iterator[str]:
    """Lines for people, from the keys of `run --json`."""
    yield f"{data['model']} on {data['config']}, policy {data['policy']}: {data['macs']:,} multiplications"
    for engine, cycles in data["cycles"].items():
        if cycles is not None:
            yield f"  {engine:<11} {cycles:,} cycles"
    if data["utilization"] is not None:
        yield f"  utilization {100 * data['utilization']:.1f} %"
    if data["dram"] is not None:
        dram = data["dram"]
        yield f"  DRAM        {dram['read_bytes']:,} bytes read, {dram['write_bytes']:,} written"
    bounds = {name.removesuffix("_cycles"): value for name, value in data["bounds"].items() if value is not None}
    yield "  bounds      " + ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in bounds.items())
    if data["match"]["outputs"] is not None:
        held = [f"{name} {'equal' if same else 'DIFFER'}" for name, same in data["match"].items()]
        yield f"  golden=rtl  {', '.join(held)}"
    if data["reference"] is not None:
        one = data["reference"]
        yield f"  onnxruntime {one['differing']} of {one['elements']} outputs differ, by {one['max_abs_diff']} at most"
