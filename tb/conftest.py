"""One fixture: turn a unit into Verilog, Verilate it once per text, run this file's benches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from amaranth.back import verilog

from tb.build import build
from tb.simulation import Results, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from amaranth.lib.wiring import Component


#: What make sim runs: benches that build quickly and together touch every part; all operators on a whole machine.
REGRESSION = {
    "test_queue", "test_stream[taps]", "test_array[4]", "test_requantize", "test_depthwise",
    "test_scratchpad[two_banks]", "test_loader[equal]", "test_storer[equal]", "test_fetch[narrow]",
    "test_csr", "test_memory", "test_protocol[lawful]", "test_hazards", "test_operators[tiny]",
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the benches of REGRESSION."""
    for item in items:
        if item.name in REGRESSION:
            item.add_marker(pytest.mark.regression)


def count(module: object, benches: tuple[str, ...] = ()) -> int:
    """How many benches a module defines, each value of a parameter counted; of the named ones if any are."""
    return sum(
        len(list(thing.generate_tests()))
        for name, thing in vars(module).items()
        if hasattr(thing, "generate_tests") and thing.module == module.__name__ and (not benches or name in benches)
    )


@pytest.fixture
def seed() -> int:
    """The seed of this run: SEED of the environment, else 1."""
    return int(os.environ.get("SEED") or 1)


@pytest.fixture
def simulate(request: pytest.FixtureRequest, seed: int) -> Callable[..., Results]:
    """Run this file's benches, or the named ones, on a unit; all of them must run and pass."""

    def simulate(
        unit: Component, *benches: str, environment: Mapping[str, str] | None = None, waves: bool = False
    ) -> Results:
        name = request.path.stem.removeprefix("test_")
        text = verilog.convert(unit, name=name, emit_src=False, strip_internal_attrs=True)
        simulator = build(top=name, verilog=text, waves=waves)
        expected = count(request.module, benches)
        results = run(
            simulator, f"tb.{request.path.stem}", seed=seed, benches=benches, expected=expected,
            environment={"UNIT": name, **(environment or {})}, waves=waves,
        )  # fmt: skip
        print(f"{name}: {len(results.benches)} benches, seed {seed}, built in {simulator.seconds:.1f} s, "
              f"ran in {results.seconds:.1f} s")  # fmt: skip
        return results

    return simulate
