"""What each package may import, and which files mirror each other."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("spec", "hw", "sim", "controller", "tb")
# Beside the standard library and the package itself; google is protobuf, whose errors onnx lets through.
ALLOWED = {
    "spec": set(),
    "hw": {"spec", "amaranth"},
    "sim": {"spec", "numpy"},
    "controller": {
        "spec", "sim", "google", "islpy", "ml_dtypes", "numpy", "onnx", "onnxruntime", "ortools", "rich", "sklearn",
        "threadpoolctl", "typer",
    },
    "tb": {"spec", "hw", "sim", "amaranth", "cocotb", "cocotb_tools", "cocotbext", "find_libpython", "numpy", "pytest"},
}  # fmt: skip
# Benches of compiled networks need the compiler, and models that its tests make; nothing else in tb does.
SYSTEM_BENCHES = {
    "tb/networks.py", "tb/test_digits.py", "tb/test_eager.py", "tb/test_icarus.py", "tb/test_operators.py",
}  # fmt: skip

# Units without a mirror, each with its reason. A file of hw that elaborates nothing is a definition, not a unit.
_ENGINE = "an engine moves data in time: sim.datapath has the data, sim.engines the times"
_CONTROL = "a step that sim.allocator or sim.operands takes as a whole; the front end's bench runs it"
ONLY_HW = {
    "core": "joins the units; the system benches run it",
    "top": "renames the ports of the core; the system benches run it",
    "accumulator": "sums are an array of sim.datapath",
    "array_engine": _ENGINE,
    "loader": _ENGINE,
    "pixelwise": "joins multiply, statistics and normalize; the bench of post-processing runs it",
    "postprocess": _ENGINE,
    "storer": _ENGINE,
    "conversion": "numpy rounds; sim.requantize uses it, and the bench of float32 compares",
    "product": "numpy rounds; sim.requantize uses it, and the bench of float32 compares",
    "fused": "a function of sim.requantize; the bench of its own compares it with exact integers",
    "multiple": "a function that numpy has; the benches of stream and average run it",
    "windows": "an order of cycles, of which the model has the sum; the bench of post-processing runs it",
    "walker": "a strided range is a slice of numpy; the benches of the engines run it",
    "pagebuffer": "a page on its way is bytes to the model; the benches of loader and storer run it",
    "turn": "a transposition to sim.weights; the loader's bench runs it",
    "pe": "a cell of the array, which is one product to the model; the array's bench runs it",
    "pagetable": "a dictionary to the model; the scratchpad's bench runs it",
    "counters": "the model counts what it has recorded, in sim.machine",
    "csr": "a bus to be driven; the model is called",
    "fault": "an exception to the model",
    "watchdog": "the model cannot hang",
    "wipe": "a new model begins empty; the front end's bench resets in mid-run",
    "freelist": _CONTROL,
    "pagewalk": _CONTROL,
    "bind": _CONTROL,
    "flight": _CONTROL,
    "release": _CONTROL,
    "settle": _CONTROL,
    "quota": _CONTROL,
}
# Models whose unit is checked by the bench of another.
_DRIVEN = "the front end's bench drives it, instruction by instruction"
BENCHED_ELSEWHERE = {
    **dict.fromkeys(("decode", "operands", "dispatch", "transfers"), _DRIVEN),
    **dict.fromkeys(("allocator", "directory", "eviction", "rank"), _DRIVEN),
    "check": "the front end's bench spoils programs field by field",
}
ONLY_SIM = {
    "datapath": "the order of effects on data, which hardware spreads over its engines",
    "engines": "the times of all engines together; each engine's bench measures its own",
    "invariants": "checks of the model's tables; the hardware's are assertions in its units",
    "schedule": "when the front end's steps happen; hardware has the clock",
    "machine": "the whole, program in, events out; the system benches compare it with the core",
    "memory": "its counterpart is tb/memory.sv, whose bench quotes the same rules",
    "energy": "a count of events times a table; hardware has no such unit",
    "occupancy": "a record for people, told by sim.allocator; hardware keeps none",
    "events": "a count over the record of a run; hardware has counters of its own",
    "errors": "hardware's refusals are codes in a register; here they are an exception",
    "steps": "the record of the front end's decisions, which the schedule reads",
}


def files(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py")


def imports(path: Path) -> set[str]:
    """The top-level packages a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}:{node.lineno} must import by full name"
            found.add((node.module or "").split(".")[0])
    return found


def units(package: str) -> dict[str, Path]:
    return {path.stem: path for path in files(package) if path.parent == ROOT / package}


def summary(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


@pytest.mark.parametrize("package", OURS)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    for path in files(package):
        name = path.relative_to(ROOT).as_posix()
        allowed = ALLOWED[package] | {package, "__future__"}
        allowed |= {"controller", "tests"} if name in SYSTEM_BENCHES else set()
        wrong = {other for other in imports(path) if other not in allowed and other not in sys.stdlib_module_names}
        assert not wrong, f"{name} must not import {', '.join(sorted(wrong))}"


def test_a_module_opens_with_one_sentence() -> None:
    for package in OURS:
        for path in files(package):
            assert summary(path).endswith("."), f"{path.relative_to(ROOT)} must open with one sentence"


def test_every_hardware_unit_has_a_model_and_a_bench() -> None:
    hw, sim = units("hw"), units("sim")
    for name, path in hw.items():
        if name in ONLY_HW or "def elaborate(" not in path.read_text():
            continue
        assert name in sim, f"hw/{name}.py must have its model in sim/{name}.py"
        bench = ROOT / "tb" / f"test_{name}.py"
        assert bench.exists() or name in BENCHED_ELSEWHERE, f"hw/{name}.py must have its bench in tb/test_{name}.py"
        assert summary(path) == summary(sim[name]), f"hw/{name}.py and sim/{name}.py must open with the same sentence"


def test_every_model_has_its_hardware_unit() -> None:
    extra = set(units("sim")) - set(units("hw")) - set(ONLY_SIM)
    assert not extra, f"sim must not have {', '.join(sorted(extra))} without hw"


def test_exceptions_are_needed() -> None:
    mirrored = (set(ONLY_HW) | set(ONLY_SIM)) & set(units("hw")) & set(units("sim"))
    assert not mirrored, f"{', '.join(sorted(mirrored))} must not be excepted: hw and sim both have it"
    gone = set(ONLY_HW) - set(units("hw"))
    assert not gone, f"{', '.join(sorted(gone))} must not be excepted: hw has no such unit"
    benched = {name for name in BENCHED_ELSEWHERE if (ROOT / "tb" / f"test_{name}.py").exists()}
    assert not benched, f"{', '.join(sorted(benched))} must not be excepted: they have a bench"
