"""The digits network in plain Icarus Verilog: the emitted text, a memory and a host of Verilog-2005."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from controller.compiler import compile_graph
from controller.network.digits import INPUT, load_images
from controller.quantized import quantize_inputs
from controller.read import read
from hw.delivery.plain import plain
from hw.verilog import emit
from sim.machine import Machine
from spec.config import CONFIGS
from spec.memory import Memory
from spec.registers import REGISTERS
from tb import agreement
from tb.programs import sample

HERE = Path(__file__).parent / "icarus"
TINY = CONFIGS["tiny"]
NETWORK = Path(__file__).parents[1] / "docs/data/digits.onnx"


def words(content):
    """Bytes as lines of hexadecimal words of the bus, the lowest address in the lowest digits."""
    padded = bytes(content) + bytes(-len(content) % TINY.bus_bytes)
    parts = (padded[at : at + TINY.bus_bytes] for at in range(0, len(padded), TINY.bus_bytes))
    return "".join(f"{part[::-1].hex()}\n" for part in parts)


def simulated(folder, image, settings):
    """Memory after a run of `settings`, the register writes, on `image`."""
    (folder / "pinfold.v").write_text(plain(emit(TINY)))
    (folder / "image.hex").write_text(words(image))
    writes = "".join(f"{REGISTERS[name].offset:08x}{value:08x}\n" for name, value in settings)
    (folder / "host.hex").write_text(writes)
    parameters = {"BUS_BYTES": TINY.bus_bytes, "WORDS": -(-len(image) // TINY.bus_bytes), "WRITES": len(settings),
                  "STATUS": REGISTERS["STATUS"].offset}  # fmt: skip
    compiler = ["iverilog", "-g2005", "-s", "testbench", "-o", "run"]
    compiler += [f"-Ptestbench.{name}={value}" for name, value in parameters.items()]
    sources = [str(folder / "pinfold.v"), str(HERE / "memory.v"), str(HERE / "testbench.v")]
    subprocess.run([*compiler, *sources], cwd=folder, check=True)  # noqa: S603 (ours)
    ran = subprocess.run(["vvp", "-n", "run"], cwd=folder, check=True, text=True, capture_output=True)  # noqa: S607
    assert ran.stdout.splitlines()[-1] == "pinfold: done", ran.stdout
    lines = [line for line in (folder / "result.hex").read_text().splitlines() if not line.startswith("//")]
    return b"".join(bytes.fromhex(word)[::-1] for line in lines for word in line.split())


@pytest.fixture(autouse=True)
def icarus():
    """Icarus Verilog is not among what is installed with everything else."""
    if not shutil.which("iverilog"):
        pytest.skip("Icarus Verilog is not installed")


def test_a_random_program_in_icarus(tmp_path, seed):
    """The shortest of a few; all of DRAM is the golden model's."""
    jobs = [agreement.job(sample(TINY, seed + i), Memory()) for i in range(8)]
    ran = [(*agreement.expected(TINY, job), job) for job in jobs]
    _, wanted, job = min(ran, key=lambda one: one[0].cycles)
    settings = [
        ("PROGRAM_ADDRESS", job.program_address), ("PROGRAM_LENGTH", job.program_length), ("DATA_BASE", job.data_base),
        ("READ_BASE", job.read_window[0]), ("READ_LIMIT", job.read_window[1]), ("WRITE_BASE", job.write_window[0]),
        ("WRITE_LIMIT", job.write_window[1]), ("INTERRUPT", 1), ("CONTROL", 1),
    ]  # fmt: skip
    after = simulated(tmp_path, job.image, settings)[: len(wanted)]
    for at, (got, byte) in enumerate(zip(after, wanted, strict=True)):
        assert got == byte, f"byte {at} must be {byte}, not {got}"


@pytest.mark.icarus
def test_digits_in_icarus(tmp_path):
    """Every byte of every output is the golden model's."""
    compiled = compile_graph(read(NETWORK), TINY)
    _, images = load_images()
    inputs = quantize_inputs(compiled.graph, {INPUT: images.pixels[:1]})
    dram, address = compiled.load(inputs), compiled.program_address
    settings = [
        ("PROGRAM_ADDRESS", address), ("PROGRAM_LENGTH", len(compiled.instructions) + 1), ("READ_LIMIT", len(dram)),
        ("WRITE_LIMIT", len(dram)), ("INTERRUPT", 1), ("CONTROL", 1),
    ]  # fmt: skip
    after = simulated(tmp_path, dram.tobytes().ljust(address, b"\0") + compiled.program, settings)
    assert Machine(TINY).run(compiled.program, dram, address=address).cycles
    got, wanted = compiled.outputs(np.frombuffer(after, np.uint8)), compiled.outputs(dram)
    assert wanted
    for name, values in wanted.items():
        assert np.array_equal(got[name], values), f"{name} must be {values.ravel()}, not {got[name].ravel()}"
        print(f"{name}: {values.size} outputs equal the golden model's")
