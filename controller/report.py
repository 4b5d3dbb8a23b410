"""The result of `pinfold run`: the keys of its JSON, and the same for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from controller.bounds import compute_cycles, infinite_scratchpad, memory_cycles, no_management_cycles
from controller.chrome import chrome_trace
from controller.execution import Execution
from controller.occupancy_picture import occupancy_picture
from controller.run import Agreement
from controller.traffic import traffic
from controller.usage import sentence, usage
from sim.energy import Table, energy, load_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from controller.compiler import Compiled
    from controller.inference import Inference
    from controller.run import Difference, Trace
    from sim.machine import Run
    from sim.occupancy import Life

_ENGINES = ("onnxruntime", "golden", "rtl")
_CHECKS = ("outputs", "cycles", "commands", "transactions")


@dataclass(frozen=True)
class Result:
    """All that a run showed: at least one inference, with labels where the inputs came with them.

    ``unplanned`` is the compiler's program where ``compiled`` is a plan's: it is what runs without management.
    """

    model: str
    compiled: Compiled
    policy: str
    engine: str
    seed: int | None
    inferences: list[Inference]
    labels: list[list[int]] | None = None
    compile_seconds: float = 0.0
    compile_peak_bytes: int = 0
    table: Table = field(default_factory=load_table)
    unplanned: Compiled | None = None

    @property
    def differences(self) -> list[Difference]:
        """Checks that failed, inference after inference."""
        return [one for inference in self.inferences for one in inference.differences]

    def lives(self) -> Sequence[Life]:
        """When which page lay in which frame in the first inference; empty where the golden model was not asked."""
        golden = self.inferences[0].golden
        return golden.lives if golden else ()

    def trace(self) -> str:
        """Every command and burst of the first inference, as a Chrome trace."""
        return chrome_trace(self.compiled, self.inferences[0].ran, self.lives())

    def occupancy(self) -> bytes | None:
        """The pages of the first inference, as SVG; None where the golden model did not run."""
        golden, graph = self.inferences[0].golden, self.compiled.graph
        if golden is None:
            return None
        title = f"{graph.name} on {self.compiled.config.name} under {self.policy}: pages"
        return occupancy_picture(self.compiled.config, golden.cycles, golden.lives, title)

    def _no_management(self, first: Inference) -> int | None:
        if self.policy == "none" and self.unplanned is None:
            return first.ran.cycles
        return no_management_cycles(self.unplanned or self.compiled)

    def data(self) -> dict[str, Any]:
        """The keys of `run --json`: single figures are the first inference's, checks and seconds are of all."""
        compiled, config = self.compiled, self.compiled.config
        first = self.inferences[0]
        reference = sum((one.reference for one in self.inferences), Agreement(0, 0, 0))
        moved = traffic(compiled, first.ran.transactions)
        return {
            "model": self.model,
            "config": config.name,
            "config_hash": f"{config.hash:016x}",
            "policy": self.policy,
            "execution": compiled.execution.value,
            "engine": self.engine,
            "seed": self.seed,
            "macs": compiled.macs,
            "cycles": _of_both(first, _cycles),
            "utilization": self._utilization(first),
            "dram": moved,
            "match": self._match(self.inferences),
            "reference": {"engine": "onnxruntime", "checked": _checked(self.inferences), **asdict(reference)},
            "inferences": [self._inference(index) for index in range(len(self.inferences))],
            "bounds": {
                "compute_cycles": compute_cycles(compiled),
                "memory_cycles": memory_cycles(compiled),
                "infinite_scratchpad_cycles": _least(infinite_scratchpad(compiled), first.ran.cycles),
                "no_management_cycles": self._no_management(first),
            },
            "usage": self._usage(first, moved),
            "energy_pj": self._energy(first),
            "seconds": {
                "compile": self.compile_seconds,
                "golden": sum(one.golden.seconds for one in self.inferences if one.golden) if first.golden else None,
                "rtl_build": first.rtl.build_seconds if first.rtl else None,
                "rtl_run": sum(one.rtl.seconds for one in self.inferences if one.rtl) if first.rtl else None,
            },
            "peak_memory_bytes": {
                "compile": self.compile_peak_bytes,
                "golden": max(one.golden.peak_bytes for one in self.inferences if one.golden) if first.golden else None,
                "rtl_build": first.rtl.build_peak_bytes if first.rtl else None,
                "rtl_run": max(one.rtl.peak_bytes for one in self.inferences if one.rtl) if first.rtl else None,
            },
        }

    def _usage(self, one: Inference, moved: dict[str, Any]) -> dict[str, Any] | None:
        """None if the golden model did not run: it counts."""
        if one.golden is None or one.golden.activity is None:
            return None
        return usage(self.compiled.config, one.golden.cycles, one.golden.activity, moved)

    def _energy(self, one: Inference) -> dict[str, Any]:
        """Nulls likewise."""
        if one.golden is None or one.golden.activity is None:
            return {"total": None, "by_part": None}
        parts = energy(self.compiled.config, one.golden.activity.events, self.table)
        return {"total": sum(parts.values()), "by_part": parts}

    def _inference(self, index: int) -> dict[str, Any]:
        one = self.inferences[index]
        return {
            "labels": self.labels[index] if self.labels and one.classes else None,
            "classes": {name: one.classes.get(name) for name in _ENGINES} if one.classes else None,
            "cycles": _of_both(one, _cycles),
            "bursts": _of_both(one, _bursts),
            "utilization": self._utilization(one),
            "match": self._match([one]),
            "reference": {"engine": "onnxruntime", "checked": one.checked, **asdict(one.reference)},
        }

    def _utilization(self, one: Inference) -> float:
        config = self.compiled.config
        return self.compiled.macs / (config.rows * config.cols * one.ran.cycles)

    @staticmethod
    def _match(inferences: Sequence[Inference]) -> dict[str, bool | None]:
        found = [one.between() for one in inferences]
        return {name: all(one[name] is None for one in found) if found[0] else None for name in _CHECKS}


def _checked(inferences: Sequence[Inference]) -> str | None:
    """What had to be onnxruntime's in all of them: the weaker, where they differ."""
    found = {one.checked for one in inferences}
    return None if None in found else "nodes" if "nodes" in found else "outputs"


def _least(infinite: Run | None, cycles: int) -> int | None:
    """The bound: a run with an infinite scratchpad, or this machine's own run where that is faster."""
    return None if infinite is None or infinite.cycles is None else min(infinite.cycles, cycles)


def _of_both(one: Inference, figure: Callable[[Trace], int]) -> dict[str, int | None]:
    return {
        "golden": figure(one.golden) if one.golden else None,
        "rtl": figure(one.rtl) if one.rtl else None,
    }


def _cycles(trace: Trace) -> int:
    return trace.cycles


def _bursts(trace: Trace) -> int:
    """All bursts, of data and of the program."""
    return len(trace.transactions)


def _microjoules(parts: dict[str, float]) -> str:
    """The total, and the parts that are a hundredth of it or more, the largest first."""
    total = sum(parts.values())
    large = sorted((part for part in parts if parts[part] >= total / 100), key=parts.__getitem__, reverse=True)
    listed = ", ".join(f"{part.replace('_', ' ')} {100 * parts[part] / total:.0f} %" for part in large)
    return f"{total / 1e6:,.1f} uJ ({listed})"


def summary(data: dict[str, Any]) -> Iterator[str]:
    """Lines for people, from the keys of `run --json`."""
    come = "" if data["execution"] == Execution.graph.value else f", {data['execution']}"
    yield f"{data['model']} on {data['config']}, policy {data['policy']}{come}: {data['macs']:,} multiplications"
    for engine, cycles in data["cycles"].items():
        if cycles is not None:
            yield f"  {engine:<11} {cycles:,} cycles"
    if data["policy"] == "eager" and len(data["inferences"]) > 1:
        cold, warm = (next(filter(None, data["inferences"][i]["cycles"].values())) for i in (0, -1))
        yield f"  learning    {cold:,} cycles in the first inference, {warm:,} in the last"
    yield f"  utilization {100 * data['utilization']:.1f} %"
    dram = data["dram"]
    yield f"  DRAM        {dram['read_bytes']:,} bytes read, {dram['write_bytes']:,} written"
    bounds = {name.removesuffix("_cycles"): value for name, value in data["bounds"].items() if value is not None}
    yield "  bounds      " + ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in bounds.items())
    if data["usage"] is not None:
        yield f"  binds       {sentence(data['usage'])}"
    if data["energy_pj"]["total"] is not None:
        yield f"  energy      {_microjoules(data['energy_pj']['by_part'])}"
    if data["match"]["outputs"] is not None:
        held = [f"{name} {'equal' if same else 'DIFFER'}" for name, same in data["match"].items()]
        yield f"  golden=rtl  {', '.join(held)}"
    one = data["reference"]
    yield f"  onnxruntime {one['differing']} of {one['elements']} outputs differ, by {one['max_abs_diff']} at most"
