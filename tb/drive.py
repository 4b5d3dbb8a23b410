"""The bench inside the simulator that runs the jobs of a folder; Python sleeps while a program runs."""

from __future__ import annotations

import json
import os
import random
import resource
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge, Timer

from spec.memory import PROFILES
from spec.registers import REGISTERS

PERIOD = 10
#: Cycles between two looks at a long run.
GLANCE = 500_000
_TIMING = (
    "read_latency", "write_latency", "rate_beats", "rate_cycles", "banks", "row_bytes",
    "t_cl", "t_cwl", "t_rcd", "t_rp", "t_ras", "t_wr", "t_wtr", "t_rtw", "t_refi", "t_rfc",
)  # fmt: skip


async def write(dut: Any, name: str, value: int) -> None:
    """Write a register over AXI4-Lite."""
    dut.awaddr.value, dut.wdata.value = REGISTERS[name].offset, value & 0xFFFFFFFF
    dut.awvalid.value = dut.wvalid.value = 1
    address = data = False
    while not (address and data):
        await RisingEdge(dut.clk)
        if not address and dut.awready.value:
            address, dut.awvalid.value = True, 0
        if not data and dut.wready.value:
            data, dut.wvalid.value = True, 0
    dut.bready.value = 1
    while True:
        await RisingEdge(dut.clk)
        if dut.bvalid.value:
            break
    assert dut.bresp.value == 0, f"write of {name} refused"
    dut.bready.value = 0


async def read(dut: Any, name: str) -> int:
    """Read a register over AXI4-Lite."""
    dut.araddr.value, dut.arvalid.value, dut.rready.value = REGISTERS[name].offset, 1, 1
    while True:
        await RisingEdge(dut.clk)
        if dut.arready.value:
            dut.arvalid.value = 0
        if dut.rvalid.value:
            break
    assert dut.rresp.value == 0, f"read of {name} refused"
    dut.rready.value = dut.arvalid.value = 0
    return int(dut.rdata.value)


async def strobe(dut: Any, name: str) -> None:
    """Hold a control high for one cycle."""
    getattr(dut, name).value = 1
    await RisingEdge(dut.clk)
    getattr(dut, name).value = 0
    await RisingEdge(dut.clk)


async def reset(dut: Any) -> None:
    """Two cycles of reset."""
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


async def ready(dut: Any) -> None:
    """Wait until a start would be taken."""
    for _ in range(200_000):
        if await read(dut, "STATUS") & 8:
            return
    raise AssertionError("the machine must become ready for a start")


async def prepare(dut: Any, job: dict[str, Any], index: int) -> None:
    """Fill the memory, set the profile and the registers."""
    memory = job["memory"]
    dut.run.value, dut.load_address.value = index, job["load_address"]
    dut.profile.value = PROFILES.index(memory["profile"])
    for name in _TIMING:
        getattr(dut, name).value = memory[name]
    dut.stall.value, dut.stall_seed.value = job["stall_seed"] is not None, job["stall_seed"] or 0
    dut.error.value, dut.error_page.value = job["error_page"] is not None, job["error_page"] or 0
    if job["reset"]:
        await reset(dut)
    await strobe(dut, "load")
    await ready(dut)
    for name, value in (
        ("PROGRAM_ADDRESS", job["program_address"]),
        ("PROGRAM_LENGTH", job["program_length"]),
        ("DATA_BASE", job["data_base"]),
        ("READ_BASE", job["read_window"][0]),
        ("READ_LIMIT", job["read_window"][1]),
        ("WRITE_BASE", job["write_window"][0]),
        ("WRITE_LIMIT", job["write_window"][1]),
        ("WATCHDOG", job["watchdog"]),
        ("POLICY", job["policy"]),
        ("INTERRUPT", 1),
    ):
        await write(dut, name, value)


async def pause(dut: Any, at: int, cycles: int) -> None:
    """Let the memory do nothing for a while."""
    await ClockCycles(dut.clk, at)
    dut.hold.value = 1
    await ClockCycles(dut.clk, cycles)
    dut.hold.value = 0


async def meddle(dut: Any, seed: int) -> None:
    """Write registers until the interrupt: other settings, other starts; reads in between."""
    rng = random.Random(seed)
    names = [name for name, register in REGISTERS.items() if name not in {"CONTROL", "INTERRUPT"}]
    while not dut.irq.value:
        if rng.random() < 0.2:
            await write(dut, *rng.choice((("CONTROL", 1), ("INTERRUPT", 1))))
        else:
            await write(dut, rng.choice(names), rng.getrandbits(32))
        await read(dut, rng.choice(names))


def note(index: int, cycles: int) -> None:
    """Say how far the jobs are, to whoever watches: the number of this one, and the cycles of all so far."""
    if progress := os.environ.get("PINFOLD_PROGRESS"):
        Path(progress).write_text(f"{index} {cycles}\n")


async def wait(dut: Any, index: int, limit: int, before: int) -> bool:
    """Sleep until the interrupt; false if the limit comes first."""
    interrupt = RisingEdge(dut.irq)
    left = limit
    while left > 0:
        nap = Timer(min(left, GLANCE) * PERIOD, "ns")
        if await First(interrupt, nap) is interrupt:
            return True
        left -= GLANCE
        note(index, before + int(dut.cycle.value))
    return False


@cocotb.test()
async def runs_the_jobs(dut: Any) -> None:
    """Every job of the folder, in order."""
    folder = Path(os.environ["PINFOLD_JOBS"])
    jobs = json.loads((folder / "jobs.json").read_text())
    for name in ("awvalid", "wvalid", "bready", "arvalid", "rready", "load", "dump", "close", "hold", "stall", "error"):
        getattr(dut, name).value = 0
    Clock(dut.clk, PERIOD, "ns").start()
    await reset(dut)
    cycles = 0
    for index, job in enumerate(jobs):
        await prepare(dut, job, index)
        await write(dut, "CONTROL", 1)
        if job["reset_after"]:
            await ClockCycles(dut.clk, job["reset_after"])
            await reset(dut)
            finished = False
        else:
            if job["pause"][1]:
                await pause(dut, *job["pause"])
            if job["meddle_seed"] is not None:
                await meddle(dut, job["meddle_seed"])
            finished = bool(dut.irq.value) or await wait(dut, index, job["limit"], cycles)
        registers = {}
        for name, register in REGISTERS.items():
            if "r" in register.access:
                registers[name] = await read(dut, name)
        cycles += registers["CYCLES"]
        note(index, cycles)
        await strobe(dut, "close")
        if job["dump_bytes"]:
            dut.dump_address.value, dut.dump_bytes.value = job["dump_address"], job["dump_bytes"]
            await strobe(dut, "dump")
        if finished:
            await write(dut, "CONTROL", 2)
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        state = {"finished": finished, "registers": registers, "peak_bytes": peak_bytes}
        (folder / f"{index}.json").write_text(json.dumps(state))
