"""The command line keeps its promises: keys, files, exit statuses, one sentence for what the user got wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import controller.inference
from controller.compiler import compile_graph
from controller.inputs import random_inputs
from controller.quantized import quantize_inputs
from controller.read import read
from controller.reference import Reference, saturates
from controller.run import first_record_difference, run_golden
from controller.zoo import ZOO
from sim.energy import TABLE
from spec.config import CONFIGS, Config
from spec.registers import Policy
from tb.build import BuildError
from tb.simulation import BenchError
from tests.controller.fake_runner import fake_runner
from tests.controller.models import QdqModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from controller.rtl import RtlRun

KEYS = {
    "model", "config", "config_hash", "policy", "engine", "seed", "macs", "cycles", "utilization", "dram", "match",
    "reference", "bounds", "energy_pj", "seconds", "inferences", "usage", "peak_memory_bytes",
}  # fmt: skip
Pinfold = "Callable[..., tuple[int, str, str]]"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A convolution with an open batch."""
    made = QdqModel(True, np.random.default_rng(0))
    source = made.input(["batch", 3, 6, 5])
    made.output(made.node("Conv", [source, *made.dense((5, 3, 3, 3), 0, source, per_channel=True)]))
    return made.save(tmp_path / "one.onnx")


def test_json_has_exactly_the_promised_keys(pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """To a file or to the output, the same but for seconds; nothing else is printed with `-`."""
    status, out, err = pinfold("run", model, "--config", "tiny", "--seed", 3, "--json", "-")
    assert (status, err) == (0, "")
    data = json.loads(out)
    assert set(data) >= KEYS
    assert set(data["cycles"]) == {"golden", "rtl"}
    assert data["cycles"]["golden"] > data["bounds"]["compute_cycles"]
    assert data["cycles"]["rtl"] is None
    assert set(data["match"].values()) == {None}
    assert data["reference"] == {
        "engine": "onnxruntime", "checked": None if saturates() else "outputs", "max_abs_diff": 0, "differing": 0,
        "elements": 60,
    }  # fmt: skip
    assert set(data["bounds"]) == {
        "compute_cycles", "memory_cycles", "infinite_scratchpad_cycles", "no_management_cycles",
    }  # fmt: skip
    assert set(data["dram"]["by_class"]) == {
        "program", "weights", "constants", "input", "activation_fill", "activation_spill", "output",
    }  # fmt: skip
    moved = sum(size for name, size in data["dram"]["by_class"].items() if name != "program")
    assert moved == data["dram"]["read_bytes"] + data["dram"]["write_bytes"]
    assert data["utilization"] == data["macs"] / (16 * data["cycles"]["golden"])
    assert data["energy_pj"]["total"] == pytest.approx(sum(data["energy_pj"]["by_part"].values()))
    assert min(data["energy_pj"]["by_part"].values()) >= 0
    for name in ("seconds", "peak_memory_bytes"):
        assert [key for key, value in data[name].items() if value is None] == ["rtl_build", "rtl_run"]
        assert data[name]["compile"] > 0
        assert data[name]["golden"] > 0
    file = tmp_path / "deep" / "result.json"
    status, out, _ = pinfold("run", model, "--config", "tiny", "--seed", 3, "--json", file, "--quiet")
    assert (status, out) == (0, "")
    again = json.loads(file.read_text())
    took = {"seconds": None, "peak_memory_bytes": None}
    assert {**again, **took} == {**data, **took}
    assert list(file.parent.iterdir()) == [file]


def test_energy_is_by_the_table_that_is_given(pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """Bytes of DRAM at twice the price; everything else as it was."""
    table = tmp_path / "mine.toml"
    table.write_text(TABLE.read_text().replace("pj = 64", "pj = 128"))
    ours, mine = (
        json.loads(pinfold("run", model, "--config", "tiny", "--json", "-", *more)[1])["energy_pj"]["by_part"]
        for more in ((), ("--energy", table))
    )
    assert mine == {**ours, "dram": 2 * ours["dram"]}


@pytest.mark.parametrize(("batch", "inferences"), [(3, 2), (2, 3), (1, 6), (None, 6)])
def test_inputs_are_cut_into_inferences(
    batch: int | None, inferences: int, pinfold: Any, model: Path, tmp_path: Path  # noqa: ANN401
) -> None:
    """The model leaves its batch open; the array has six images, whatever the batch."""
    np.savez(tmp_path / "in.npz", x0=np.random.default_rng(0).normal(size=(6, 3, 6, 5)).astype(np.float32))
    more = [] if batch is None else ["--batch", batch]
    status, out, _ = pinfold("run", model, "--config", "tiny", "--inputs", tmp_path / "in.npz", "--json", "-", *more)
    data = json.loads(out)
    assert (status, data["reference"]["elements"], data["seed"]) == (0, 360, None)
    assert len(data["inferences"]) == inferences


def test_a_trace_has_every_command_and_burst(pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """Each command once, when it started and for as long as it took; each burst once; a picture beside it."""
    file = tmp_path / "trace.json"
    status, _, _ = pinfold("run", model, "--config", "tiny", "--policy", "lru", "--trace", file)
    assert status == 0
    events = json.loads(file.read_text())["traceEvents"]
    compiled = compile_graph(read(model), CONFIGS["tiny"])
    ran = run_golden(compiled, random_inputs(compiled.graph, 1), policy=Policy.LRU)
    whole = [one for one in events if one["ph"] == "X"]
    commands = [(one["tid"], one["args"]["index"], one["ts"], one["dur"]) for one in whole if one["pid"] == 1]
    assert sorted(commands) == sorted((int(c.queue), c.index, c.start, c.finish - c.start + 1) for c in ran.commands)
    bursts = [(one["ts"], one["name"], one["dur"]) for one in whole if one["pid"] == 2]
    assert sorted(bursts) == sorted((t.cycle, f"{t.address:#010x}", t.beats) for t in ran.transactions)
    picture = file.with_suffix(".svg").read_text()
    assert picture.startswith("<svg ")
    assert picture.endswith("</svg>\n")
    assert {one.name for one in tmp_path.iterdir()} >= {"trace.json", "trace.svg"}


def test_a_trace_is_no_svg(pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """The picture would take its place."""
    status, _, err = pinfold("run", model, "--config", "tiny", "--trace", tmp_path / "trace.svg")
    assert (status, len(err.splitlines())) == (2, 1)
    assert not (tmp_path / "trace.svg").exists()


def test_compile_writes_program_constants_and_listing(pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """Whole files and no others."""
    folder = tmp_path / "out"
    status, out, _ = pinfold("compile", model, "--config", "tiny", "-o", folder)
    assert status == 0
    assert {file.name for file in folder.iterdir()} == {"program.bin", "constants.bin", "listing.txt"}
    assert len(out.splitlines()) == 3
    assert (folder / "program.bin").read_bytes() == compile_graph(read(model), CONFIGS["tiny"]).program


def test_configs_shows_every_field(pinfold: Any) -> None:  # noqa: ANN401
    """For people and for machines."""
    _, out, _ = pinfold("configs")
    for field in (*Config.machine_fields(),):
        assert field.name in out
    _, out, _ = pinfold("configs", "--json", "-")
    assert set(json.loads(out)) == set(CONFIGS)


def test_a_toml_file_and_settings_make_a_machine(pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """The file builds on a named configuration; --set comes last."""
    file = tmp_path / "mine.toml"
    file.write_text('base = "tiny"\nbanks = 8\n[memory]\nprofile = "shared"\nrate_beats = 1\nrate_cycles = 2\n')
    _, out, _ = pinfold("run", model, "--config", file, "--set", "slots=16", "--json", "-")
    data = json.loads(out)
    assert data["config"] == "mine"
    assert data["config_hash"] == f"{replace(CONFIGS['tiny'], banks=8, slots=16).hash:016x}"


def _float_model(folder: Path) -> Path:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "float", value[:1], value[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), folder / "float.onnx")
    return folder / "float.onnx"


REFUSALS: dict[str, tuple[Callable[[Path, Path], list[object]], str]] = {
    "missing": (lambda _m, d: [d / "none.onnx"], "there is no such file"),
    "broken": (lambda _m, d: [_written(d / "bad.onnx", b"nonsense")], "not a valid ONNX model"),
    "float": (lambda _m, d: [_float_model(d)], "not quantized"),
    "configuration": (lambda m, _d: [m, "--config", "huge"], "configuration must be one of"),
    "field": (lambda m, _d: [m, "--set", "colour=3"], "there is no field 'colour'"),
    "value": (lambda m, _d: [m, "--set", "rows=3"], "rows must be a power of two in 2..32, not 3"),
    "number": (lambda m, _d: [m, "--set", "banks=many"], "banks must be a whole number, not 'many'"),
    "setting": (lambda m, _d: [m, "--set", "banks"], "--set must be KEY=VALUE"),
    "toml": (lambda m, d: [m, "--config", _written(d / "a.toml", b"= 3")], "this is not TOML"),
    "policy": (lambda m, _d: [m, "--policy", "mru"], "policy must be one of none, static, lru"),
    "energy": (lambda m, d: [m, "--energy", _written(d / "e.toml", b"")], "e.toml: there is no event.int8_multiply.pj"),
    "engine": (lambda m, _d: [m, "--engine", "quantum"], "quantum"),
    "option": (lambda m, _d: [m, "--nonsense"], "--nonsense"),
    "two inputs": (lambda m, d: [m, "--seed", 1, "--inputs", d / "x.npz"], "must not both be given"),
    "no arrays": (lambda m, d: [m, "--inputs", _written(d / "x.npz", b"zip")], "not a .npz file"),
    "shape": (
        lambda m, d: [m, "--inputs", _arrays(d, x0=np.zeros((1, 3, 6, 6)))],
        "array 'x0' must have shape (images, 3, 6, 5), not (1, 3, 6, 6)",
    ),
    "half a batch": (
        lambda m, d: [m, "--batch", 2, "--inputs", _arrays(d, x0=np.zeros((3, 3, 6, 5)))],
        "array 'x0' must have shape (2, 3, 6, 5) or a multiple of 2 images, not (3, 3, 6, 5)",
    ),
    "labels": (
        lambda m, d: [m, "--inputs", _arrays(d, x0=np.zeros((3, 3, 6, 5)), labels=np.zeros(2))],
        "all arrays must have equally many images, but 'x0' has 3, 'labels' has 2",
    ),
    "too few": (
        lambda m, d: [m, "--inferences", 2, "--inputs", _arrays(d, x0=np.zeros((1, 3, 6, 5)))],
        "inferences must be at most the 1 of the file, not 2",
    ),
    "name": (lambda m, d: [m, "--inputs", _arrays(d, y=np.zeros((1, 3, 6, 5)))], "there is no input 'y'"),
    "execution": (lambda m, _d: [m, "--execution", "lazy"], "lazy"),
    "eager plan": (
        lambda m, d: [m, "--execution", "eager", "--plan", d / "plan.json"],
        "--plan must not be given with --execution eager: it is made of the graph",
    ),
    "no model": (lambda _m, _d: [], "MODEL.onnx"),
    "place": (lambda m, d: [m, "--json", _written(d / "file", b"") / "x.json"], "cannot be written"),
}  # fmt: skip


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _arrays(folder: Path, **arrays: np.ndarray[Any, Any]) -> Path:
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    return folder / "arrays.npz"


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_wrong_is_one_line_and_exit_two(case: str, pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """No traceback, nothing on the output, a sentence that says what."""
    arguments, sentence = REFUSALS[case]
    status, out, err = pinfold("run", *arguments(model, tmp_path), "--quiet")
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert sentence in err


@pytest.mark.parametrize("execution", ["graph", "eager", "eager-untold"])
def test_operators_come_as_is_asked_for(execution: str, pinfold: Any, model: Path, tmp_path: Path) -> None:  # noqa: ANN401
    """The JSON of a run and of a comparison say how, and what is printed does where it is not the graph."""
    more = ["--execution", execution]
    status, out, err = pinfold("run", model, "--config", "tiny", "--policy", "eager", "--inferences", 2, *more)
    assert (status, err) == (0, "")
    assert (f", {execution}:" in out) == (execution != "graph")
    assert pinfold("run", model, "--config", "tiny", "--json", tmp_path / "run.json", "--quiet", *more)[0] == 0
    data = json.loads((tmp_path / "run.json").read_text())
    assert (data["execution"], data["reference"]["differing"]) == (execution, 0)
    status, out, _ = pinfold("compare", model, "--configs", "tiny", "--json", "-", *more)
    [found] = json.loads(out)
    assert (status, found["execution"]) == (0, execution)
    assert found["bounds"]["infinite_scratchpad_cycles"] <= min(one["cycles"] for one in found["policies"])
    none = next(one for one in found["policies"] if one["policy"] == "none")
    assert none["cycles"] == data["cycles"]["golden"]
    assert pinfold("compile", model, "-o", tmp_path, "--config", "tiny", "--quiet", *more)[0] == 0


CHANGES: dict[str, Callable[[RtlRun], RtlRun]] = {
    "nothing": lambda run: run,
    "cycles": lambda run: replace(run, cycles=run.cycles + 1),
    "commands": lambda run: replace(run, commands=[*run.commands[:-1], run.commands[-1]._replace(start=0)]),
    "transactions": lambda run: replace(run, transactions=run.transactions[:-1]),
    "outputs": lambda run: replace(run, dram=np.zeros_like(run.dram)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("inferences", [1, 3])
def test_both_engines_are_compared_in_everything(
    change: str, inferences: int, pinfold: Any, model: Path, monkeypatch: pytest.MonkeyPatch  # noqa: ANN401
) -> None:
    """A difference is exit status 1, its first place and the line that repeats it."""
    monkeypatch.setattr("controller.run_command.runner", lambda: fake_runner(CHANGES[change]))
    more = ["--inferences", inferences]
    status, out, err = pinfold("run", model, "--config", "tiny", "--engine", "both", "--json", "-", *more)
    data = json.loads(out)
    wanted = {name: name != change for name in ("outputs", "cycles", "commands", "transactions")}
    assert data["match"] == data["inferences"][-1]["match"] == wanted
    assert inferences == 1 or all(data["inferences"][0]["match"].values())
    assert status == (change != "nothing")
    assert (change in err) == (change != "nothing")
    assert ("repeat with: pinfold run" in err) == (change != "nothing")


@pytest.mark.parametrize(
    ("failure", "status", "sentence"),
    [
        (BenchError("run 1 must finish the program: trouble"), 1, "the RTL fails: run 1 must finish"),
        (BenchError("1 of 1 benches failed\n[20] %Error: a.sv:3: must hold\nlast"), 1, "[20] %Error: a.sv:3: must"),
        (BuildError("make failed with 2\na.cpp:1: fatal error: no such file\nmake: gone"), 2, "a.cpp:1: fatal error"),
    ],
)
def test_an_rtl_that_fails_is_one_sentence(
    failure: Exception, status: int, sentence: str, pinfold: Any, model: Path, monkeypatch: pytest.MonkeyPatch  # noqa: ANN401
) -> None:
    """A machine that does not work is a failed check; one that cannot be built here is the environment's fault."""

    def fail(*_arguments: object, **_more: object) -> None:
        raise failure

    monkeypatch.setattr("tb.engine.run_rtl", fail)
    got, out, err = pinfold("run", model, "--config", "tiny", "--engine", "rtl")
    assert (got, out) == (status, "")
    assert len(err.splitlines()) == 1
    assert sentence in err
    assert ("repeat with: pinfold run" in err) == (status == 1)


def test_several_inferences_of_a_classifier_are_a_table(
    pinfold: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: ANN401
) -> None:
    """A line for each inference, then totals; without labels there is no such column."""
    made = QdqModel(True, np.random.default_rng(0))
    source = made.input(["batch", 7])
    made.output(made.node("Gemm", [source, *made.dense((5, 7), 0, source, per_channel=True)], transB=1))
    model = made.save(tmp_path / "classifier.onnx")
    images = np.random.default_rng(1).normal(size=(4, 7)).astype(np.float32)
    labels = Reference(model).run({"x0": images}).popitem()[1].argmax(axis=1)
    labels[0] += 1
    file = _arrays(tmp_path, x0=images, labels=labels)
    monkeypatch.setattr("controller.run_command.runner", lambda: fake_runner(lambda run: run))
    command = ["run", model, "--config", "tiny", "--engine", "both", "--inputs", file, "--json", tmp_path / "out.json"]
    status, out, _ = pinfold(*command)
    data = json.loads((tmp_path / "out.json").read_text())
    assert status == 0
    for index, one in enumerate(data["inferences"]):
        assert one["labels"] == [int(labels[index])]
        wanted = [int(labels[index]) - (index == 0)]
        assert one["classes"] == {"onnxruntime": wanted, "golden": wanted, "rtl": wanted}
        assert one["bursts"]["golden"] == one["bursts"]["rtl"] > 0
        cells = [index, labels[index], *wanted * 3, *one["cycles"].values(), *one["bursts"].values()]
        assert any(line.split()[:9] == [str(cell) for cell in cells] for line in out.splitlines())
    assert "3 of 4" in out
    assert f"{4 * data['cycles']['rtl']:,}" in out


def test_zoo_writes_a_network_with_images_and_labels(pinfold: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """The digits run as they are written, and nine of ten are right."""
    status, out, _ = pinfold("zoo", "digits", "-o", tmp_path / "zoo")
    assert (status, len(out.splitlines())) == (0, 2)
    assert {file.name for file in (tmp_path / "zoo").iterdir()} == {"digits.onnx", "digits.npz"}
    command = ["run", tmp_path / "zoo/digits.onnx", "--inputs", tmp_path / "zoo/digits.npz", "--inferences", 10]
    status, out, err = pinfold(*command, "--json", "-")
    assert (status, err) == (0, "")
    inferences = json.loads(out)["inferences"]
    assert sum(one["classes"]["golden"] == one["labels"] for one in inferences) >= 9


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["resnet9", "-o", "."], f"network must be one of {', '.join(ZOO)}, not 'resnet9'"),
        (["digits"], "-o must name the folder where the files go"),
    ],
)
def test_zoo_refuses(arguments: list[str], sentence: str, pinfold: Any) -> None:  # noqa: ANN401
    status, out, err = pinfold("zoo", *arguments)
    assert (status, out, err) == (2, "", f"pinfold: {sentence}\n")


def test_zoo_lists_what_there_is(pinfold: Any) -> None:  # noqa: ANN401
    status, out, _ = pinfold("zoo", "--list")
    assert status == 0
    assert out.startswith("digits: ")


def test_a_golden_model_that_errs_is_exit_one(
    pinfold: Any, model: Path, monkeypatch: pytest.MonkeyPatch  # noqa: ANN401
) -> None:
    """Outputs that are not the graph's are a failed check, not a crash."""
    real = run_golden

    def wrong(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401
        trace = real(*arguments, **more)
        return replace(trace, outputs={name: array ^ 1 for name, array in trace.outputs.items()})

    monkeypatch.setattr(controller.inference, "run_golden", wrong)
    status, _, err = pinfold("run", model, "--config", "tiny")
    assert status == 1
    assert "outputs of the graph's integers and the machine differ" in err


def test_each_field_of_a_record_is_compared(model: Path) -> None:
    """One field changed in one record is found and named."""
    compiled = compile_graph(read(model), CONFIGS["tiny"])
    inputs = random_inputs(compiled.graph, 1)
    assert quantize_inputs(compiled.graph, inputs)
    trace = run_golden(compiled, inputs)
    for records in (trace.commands, trace.transactions):
        for field in records[0]._fields:
            changed: list[Any] = list(records)
            value = getattr(changed[3], field)
            changed[3] = changed[3]._replace(**{field: "X" if isinstance(value, str) else value + 1})
            found = first_record_difference("records", records, changed)
            assert found is not None
            assert found.where.endswith(field)
        assert first_record_difference("records", records, records[:-1]) is not None
        assert first_record_difference("records", records, records) is None
