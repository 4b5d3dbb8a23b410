"""The digits network on the RTL of every named machine under every profile: everything as the golden model says."""

from __future__ import annotations

import numpy as np
import pytest

from controller.compiler import compile_graph
from controller.network.digits import INPUT, OUTPUT, load_images, write_digits
from controller.read import read
from controller.reference import Reference
from spec.config import CONFIGS
from spec.memory import PROFILES, Memory
from tb.networks import Case, run, under

#: Images on each machine under each profile; on the smallest machine and the plainest memory as many as there.
IMAGES = {"tiny": 2, "board": 2, "default": 2, "edge": 2}
MANY = {("tiny", "flat"): 20}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The network as a file; trained once."""
    return write_digits(tmp_path_factory.mktemp("digits") / "digits.onnx")


@pytest.mark.parametrize("name", IMAGES)
def test_digits(path, name, seed):
    config = CONFIGS[name]
    compiled = compile_graph(read(path), config)
    reference = Reference(path)
    _, images = load_images()
    cases = []
    for index in range(max(IMAGES[name], *MANY.values())):
        inputs = {INPUT: images.pixels[index : index + 1]}
        [outputs] = reference.run(inputs).values()
        case = Case(f"digits on {name}, image {index}", compiled, inputs, {OUTPUT: outputs}, Memory())
        profiles = [one for one in PROFILES if index < MANY.get((name, one), IMAGES[name])]
        cases += [under(case, Memory(profile=one)) for one in profiles]
    observed = run(config, cases, seed)
    for case, seen in zip(cases, observed, strict=True):
        stored = compiled.outputs(np.frombuffer(seen.dram, np.uint8))[OUTPUT]
        assert stored.argmax() == case.reference[OUTPUT].argmax(), f"{case.name}: the class must be onnxruntime's"
    cycles = {case.memory.profile: seen.cycles for case, seen in zip(cases, observed, strict=True)}
    print(f"{name}: " + ", ".join(f"{profile} {number:,} cycles" for profile, number in cycles.items()))
