"""tb/memory.sv against its own numbered rules: the cycle of every beat and response, and the data."""

from __future__ import annotations

import os
import random
from collections import deque
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from spec.memory import PROFILES, Memory
from tb.build import build
from tb.bursts import BUS_BYTES, BYTES, Burst, check_cycles, check_data, traffic
from tb.conftest import count
from tb.simulation import run

HERE = Path(__file__).parent


class Master:
    """Plays bursts at their stamps, records what comes, and keeps what memory must hold."""

    def __init__(self, dut: Any, memory: Memory, *, stall: bool = False, patience: float = 1.0) -> None:
        self.dut, self.memory, self.patience = dut, memory, patience
        self.random = random.Random(cocotb.RANDOM_SEED)
        for name in ("start", "load", "dump", "run", "error", "arvalid", "awvalid", "wvalid", "prog_arvalid"):
            getattr(dut, name).value = 0
        dut.rready.value = dut.bready.value = dut.prog_rready.value = 1
        dut.wstrb.value = (1 << BUS_BYTES) - 1
        dut.stall.value, dut.stall_seed.value = int(stall), cocotb.RANDOM_SEED & 0xFFFFFFFF
        for name, value in vars(memory).items():
            getattr(dut, name).value = PROFILES.index(value) if name == "profile" else value
        Clock(dut.clk, 10, "ns").start()

    async def reset(self) -> None:
        """Reset, and let ready rise."""
        self.dut.rst.value = 1
        await RisingEdge(self.dut.clk)
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)
        await RisingEdge(self.dut.clk)

    async def strobe(self, name: str, **values: int) -> None:
        """One cycle of a strobe, with what it reads."""
        for port, value in values.items():
            getattr(self.dut, port).value = value
        getattr(self.dut, name).value = 1
        await RisingEdge(self.dut.clk)
        getattr(self.dut, name).value = 0

    async def play(self, bursts: list[Burst], *, deaf: int = 0, limit: int = 60_000) -> None:
        """One run: cycle 0 is the cycle of start. A burst that finds its channel not ready waits.

        Nothing is taken before the cycle ``deaf``.
        """
        dut = self.dut
        ask = {kind: deque(b for b in bursts if b.kind == kind) for kind in "RWP"}
        read = {kind: deque(b for b in bursts if b.kind == kind) for kind in "RP"}
        write = deque(b for b in bursts if b.kind == "W")
        answer = deque(write)
        ports = {"R": "ar", "W": "aw", "P": "prog_ar"}
        for cycle in range(limit):
            if not (any(read.values()) or answer):
                break
            dut.start.value = int(cycle == 0)
            for kind, port in ports.items():
                now = bool(ask[kind]) and ask[kind][0].stamp <= cycle
                getattr(dut, f"{port}valid").value = int(now)
                if now:
                    getattr(dut, f"{port}addr").value = ask[kind][0].address
                    getattr(dut, f"{port}len").value = len(ask[kind][0].data) - 1
            if write:
                if not dut.wvalid.value or dut.wready.value:
                    dut.wvalid.value = int(self.random.random() < self.patience)
                dut.wdata.value = write[0].data[len(write[0].beats)]
            else:
                dut.wvalid.value = 0
            for port in ("rready", "bready", "prog_rready"):
                getattr(dut, port).value = int(cycle >= deaf and self.random.random() < self.patience)

            await RisingEdge(dut.clk)
            for kind, port in ports.items():
                if getattr(dut, f"{port}valid").value and getattr(dut, f"{port}ready").value:
                    ask[kind].popleft().stamp = cycle
            for kind, port in (("R", "r"), ("P", "prog_r")):
                if getattr(dut, f"{port}valid").value and getattr(dut, f"{port}ready").value:
                    burst = read[kind][0]
                    burst.data[len(burst.beats)] = int(getattr(dut, f"{port}data").value)
                    burst.beats.append(cycle)
                    burst.responses.add(int(getattr(dut, f"{port}resp").value))
                    assert bool(getattr(dut, f"{port}last").value) == (len(burst.beats) == len(burst.data))
                    if len(burst.beats) == len(burst.data):
                        read[kind].popleft()
            if dut.wvalid.value and dut.wready.value:
                write[0].beats.append(cycle)
                if len(write[0].beats) == len(write[0].data):
                    write.popleft()
            if dut.bvalid.value and dut.bready.value:
                answer[0].answer = cycle
                answer.popleft().responses.add(int(dut.bresp.value))
        else:
            raise AssertionError(f"the bursts are not done in {limit} cycles")


@cocotb.test()
@cocotb.parametrize(
    memory=[
        Memory(),
        Memory(read_latency=1, write_latency=1),
        Memory(profile="shared", rate_beats=2, rate_cycles=3),
        Memory(profile="shared", read_latency=3, rate_beats=1, rate_cycles=1),
        Memory(profile="ddr4"),
        Memory(profile="ddr4", banks=2, row_bytes=4096, t_rp=13, t_ras=40, t_wr=17, t_wtr=5, t_rtw=7, t_refi=400),
    ],
    gap=[3, 120],
)
async def takes_the_cycles_of_its_rules(dut: Any, memory: Memory, gap: int) -> None:
    master = Master(dut, memory)
    await master.reset()
    for _ in range(3):
        # Fewer than the queues hold, so that addresses are taken at their stamps. Sixteen rows make hits and misses.
        bursts = traffic(master.random, 50, gap, span=1 << 16)
        stamps = [burst.stamp for burst in bursts]
        await master.play(bursts)
        assert stamps == [burst.stamp for burst in bursts], "an address had to wait"
        check_cycles(memory, bursts)
        for burst in bursts:
            if burst.kind != "W":
                assert burst.responses == {0}


@cocotb.test()
async def refreshes_before_the_bursts_of_the_same_cycle(dut: Any) -> None:
    memory = Memory(profile="ddr4")
    for late in (-1, 0, 1):
        master = Master(dut, memory)
        await master.reset()
        # All in one row, so that only the refresh decides whether it is open.
        bursts = [Burst(memory.t_refi + when, kind, 0, [0]) for when in (-200, late) for kind in "WR"]
        await master.play(bursts)
        check_cycles(memory, bursts)
        expected = memory.t_refi + memory.t_rfc + memory.t_rcd if late >= 0 else memory.t_refi + late
        assert bursts[2].beats == [expected + memory.t_cwl]


@cocotb.test()
async def moves_the_rest_by_what_a_master_delays(dut: Any) -> None:
    master = Master(dut, Memory(profile="shared", read_latency=5, rate_beats=1, rate_cycles=4))
    await master.reset()
    bursts = [Burst(1, "R", 0, [0] * 4), Burst(2, "R", 64, [0] * 2)]
    await master.play(bursts, deaf=9)
    assert bursts[0].beats == [9, 13, 17, 21]
    assert bursts[1].beats == [25, 29]


@cocotb.test()
@cocotb.parametrize(profile=PROFILES, stall=[False, True], patience=[1.0, 0.4])
async def keeps_data_and_order_under_stalls(dut: Any, profile: str, stall: bool, patience: float) -> None:
    master = Master(dut, Memory(profile=profile, rate_beats=3, rate_cycles=4), stall=stall, patience=patience)
    await master.reset()
    content = bytearray(master.random.randbytes(BYTES))
    folder = Path(os.environ["FOLDER"])
    (folder / "7.bin").write_bytes(content)
    await master.strobe("load", run=7, load_address=0)
    bursts = traffic(master.random, 60, 30, span=1 << 14)
    await master.play(bursts)
    assert all(burst.responses == {0} for burst in bursts)
    check_data(bursts, content)
    await master.strobe("dump", run=8, dump_address=0, dump_bytes=BYTES)
    await Timer(1, "ns")
    assert (folder / "8.out").read_bytes() == content


@cocotb.test()
async def loads_and_dumps_parts(dut: Any) -> None:
    """Guard bytes on both sides stay; files of several runs in one simulation."""
    master = Master(dut, Memory())
    await master.reset()
    folder = Path(os.environ["FOLDER"])
    (folder / "0.bin").write_bytes(bytes(BYTES))
    await master.strobe("load", run=0, load_address=0)
    for number, (address, size) in enumerate([(0, 1), (4095, 7), (BYTES - 3, 3)], start=1):
        data = master.random.randbytes(size)
        (folder / f"{number}.bin").write_bytes(data)
        await master.strobe("load", run=number, load_address=address)
        first, last = max(0, address - 4), min(BYTES, address + size + 4)
        await master.strobe("dump", run=number, dump_address=first, dump_bytes=last - first)
        await Timer(1, "ns")
        expected = bytes(address - first) + data + bytes(last - address - size)
        assert (folder / f"{number}.out").read_bytes() == expected


@cocotb.test()
async def writes_only_strobed_bytes(dut: Any) -> None:
    master = Master(dut, Memory())
    await master.reset()
    await master.play([Burst(1, "W", 64, [0x11223344])])
    dut.wstrb.value = 0b0110
    await master.play([Burst(1, "W", 64, [0xAABBCCDD])])
    back = Burst(1, "R", 64, [0])
    await master.play([back])
    assert back.data == [0x11BBCC44]


@cocotb.test()
async def answers_with_the_error_asked_for(dut: Any) -> None:
    """SLVERR in the page named, DECERR beyond the end; a refused write leaves memory as it was."""
    master = Master(dut, Memory())
    await master.reset()
    await master.play([Burst(1, "W", 0x3000, [5]), Burst(1, "W", 0x4000, [6])])
    dut.error.value, dut.error_page.value = 1, 3
    bursts = [
        Burst(1, "W", 0x3000, [7]), Burst(2, "W", 0x4000, [8]), Burst(3, "W", BYTES, [9]),
        Burst(40, "R", 0x3000, [0]), Burst(41, "R", 0x4000, [0]), Burst(42, "R", BYTES, [0]),
        Burst(40, "P", 0x3000, [0]), Burst(41, "P", 0x4000, [0]),
    ]  # fmt: skip
    await master.play(bursts)
    assert [burst.responses for burst in bursts] == [{2}, {0}, {3}, {2}, {0}, {3}, {2}, {0}]
    assert [burst.data[0] for burst in bursts[3:]] == [5, 8, 0, 5, 8]


def test_memory(request: Any, seed: int, tmp_path: Path) -> None:
    simulator = build(top="memory", sources=[HERE / "memory.sv"], parameters={"BYTES": BYTES, "BUS_BYTES": BUS_BYTES})
    run(
        simulator, "tb.test_memory", seed=seed, expected=count(request.module), plusargs=[f"+memory={tmp_path}"],
        environment={"FOLDER": str(tmp_path)},
    )  # fmt: skip
