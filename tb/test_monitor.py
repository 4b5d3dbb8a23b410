"""tb/monitor.sv: every burst and every start and finish is in the files of its run, with its cycle."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from tb.build import build
from tb.conftest import count
from tb.simulation import run

HERE = Path(__file__).parent
PORTS = {"W": "aw", "R": "ar", "P": "prog_ar"}


async def play(dut: Any, rng: random.Random, number: int, cycles: int) -> tuple[list[str], list[str]]:
    """One run of random events between start and close, with others around it; the lines it must leave."""
    transactions, commands = [], []
    seen = {key: [0] * 8 for key in "FS"}
    for cycle in range(-5, cycles + 5):
        dut.start.value, dut.close.value = int(cycle == 0), int(cycle == cycles - 1)
        dut.run.value = number if cycle == 0 else rng.getrandbits(32)
        recorded = 0 <= cycle < cycles
        for kind, port in PORTS.items():
            valid, ready, address, length = (rng.getrandbits(bits) for bits in (1, 1, 32, 8))
            for name, value in (("valid", valid), ("ready", ready), ("addr", address), ("len", length)):
                getattr(dut, port + name).value = value
            if recorded and valid and ready:
                transactions.append(f"{cycle} {kind} {address} {length + 1}")
        for key, port in (("F", dut.finish_strobes), ("S", dut.start_strobes)):
            strobes = rng.getrandbits(8) & rng.getrandbits(8)
            port.value = strobes
            for queue in range(8):
                if recorded and strobes >> queue & 1:
                    commands.append(f"{queue} {key} {seen[key][queue]} {cycle}")
                    seen[key][queue] += 1
        await RisingEdge(dut.clk)
    return transactions, commands


@cocotb.test()
async def records_every_event_of_a_run(dut: Any) -> None:
    rng = random.Random(cocotb.RANDOM_SEED)
    folder = Path(os.environ["FOLDER"])
    Clock(dut.clk, 10, "ns").start()
    for number, cycles in enumerate([1, 40, 300]):
        transactions, commands = await play(dut, rng, number, cycles)
        await Timer(1, "ns")
        assert (folder / f"{number}.transactions").read_text().splitlines() == transactions
        assert (folder / f"{number}.commands").read_text().splitlines() == commands


def test_monitor(request: Any, seed: int, tmp_path: Path) -> None:
    simulator = build(top="monitor", sources=[HERE / "monitor.sv"])
    run(
        simulator, "tb.test_monitor", seed=seed, expected=count(request.module), plusargs=[f"+memory={tmp_path}"],
        environment={"FOLDER": str(tmp_path)},
    )  # fmt: skip
