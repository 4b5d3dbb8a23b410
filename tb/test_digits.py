"""The digits network on the RTL of every named machine under every profile: everything as the golden model says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controller.compiler import compile_graph
from controller.network.digits import INPUT, OUTPUT, load_images, write_digits
from controller.read import read
from controller.reference import Reference
from spec.config import CONFIGS
from spec.memory import PROFILES, Memory
from spec.registers import Policy
from tb.agreement import expected
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
        stored = compiled.outputs(np.frombuffer(seen.dram, np.uint8))[compiled.graph.outputs[0].tensor.name]
        assert stored.argmax() == case.reference[OUTPUT].argmax(), f"{case.name}: the class must be onnxruntime's"
    cycles = {case.memory.profile: seen.cycles for case, seen in zip(cases, observed, strict=True)}
    print(f"{name}: " + ", ".join(f"{profile} {number:,} cycles" for profile, number in cycles.items()))


def test_digits_where_the_units_for_tokens_are_left_out(path, seed):
    """As the golden model says, which says the same of the machine that has them, but for the hash."""
    config = replace(CONFIGS["tiny"], name="less", omit_tokens=1)
    _, images = load_images()
    inputs = {INPUT: images.pixels[:1]}
    [outputs] = Reference(path).run(inputs).values()
    whole, less = (
        Case(f"digits on {one.name}", compile_graph(read(path), one), inputs, {OUTPUT: outputs}, Memory())
        for one in (CONFIGS["tiny"], config)
    )
    assert less.compiled.instructions == whole.compiled.instructions
    assert less.compiled.program != whole.compiled.program
    [seen] = run(config, [less], seed)
    assert seen.cycles == expected(whole.compiled.config, whole.job)[0].cycles


def test_digits_under_every_policy(path, seed):
    """Two images each, the second without a reset; keeping data saves bursts, and what `eager` learned is used."""
    config = CONFIGS["tiny"]
    compiled = compile_graph(read(path), config)
    reference = Reference(path)
    _, images = load_images()
    cases = []
    for policy in Policy:
        for index in range(2):
            inputs = {INPUT: images.pixels[index : index + 1]}
            [outputs] = reference.run(inputs).values()
            name = f"digits under {policy.name.lower()}, image {index}"
            cases.append(Case(name, compiled, inputs, {OUTPUT: outputs}, Memory(), policy, reset=index == 0))
    observed = run(config, cases, seed)
    bursts = {}
    for case, seen in zip(cases, observed, strict=True):
        bursts[case.policy] = seen.registers["READ_BURSTS"] + seen.registers["WRITE_BURSTS"]
        print(f"{case.name}: {seen.cycles:,} cycles, {bursts[case.policy]} bursts of data")
    assert all(bursts[policy] < bursts[Policy.NONE] for policy in Policy if policy is not Policy.NONE), bursts
