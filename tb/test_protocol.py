"""tb/protocol.sv: lawful traffic passes, and each broken rule is named."""

from __future__ import annotations

import os
import re
from typing import Any

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from tb.build import ROOT, build
from tb.simulation import BenchError, run

# What a cycle holds beside zeros; each rule is broken by the last cycle of its story.
ASK = {"awvalid": 1, "awready": 1, "awaddr": 0x1000, "awlen": 1, "awsize": 2, "awburst": 1}
READ = {name.replace("aw", "ar"): value for name, value in ASK.items()}
BEAT, LAST = {"wvalid": 1, "wready": 1}, {"wvalid": 1, "wready": 1, "wlast": 1}
GOT, GOT_LAST = {"rvalid": 1, "rready": 1}, {"rvalid": 1, "rready": 1, "rlast": 1}
ANSWER = {"bvalid": 1, "bready": 1}
LAWFUL = [ASK | READ, BEAT | GOT, {}, LAST | GOT_LAST | {"awvalid": 0}, ANSWER,
          ASK | {"awready": 0}, ASK, BEAT, LAST, ANSWER | {"bready": 0}, ANSWER,
          READ | {"araddr": 0x1C00, "arlen": 255}, READ | {"araddr": 0x1FF8}]  # fmt: skip
BROKEN = {
    "ar must hold valid until ready": [READ | {"arready": 0}, {}],
    "aw must hold its payload until ready": [ASK | {"awready": 0}, ASK | {"awlen": 2}],
    "w must hold its payload until ready": [ASK, BEAT | {"wready": 0}, BEAT | {"wdata": 1}],
    "r must hold valid until ready": [READ, GOT | {"rready": 0}, {}],
    "b must hold valid until ready": [ASK, BEAT, LAST, ANSWER | {"bready": 0}, {}],
    "ar must ask for INCR bursts of whole beats": [READ | {"arburst": 0}],
    "aw must ask for INCR bursts of whole beats": [ASK | {"awsize": 1}],
    "ar must be aligned to the bus": [READ | {"araddr": 2}],
    "ar must not cross 4 KiB": [READ | {"araddr": 0x1FFC}],
    "aw must not cross 4 KiB": [ASK | {"awaddr": 0x1C04, "awlen": 255}],
    "wlast must stand on the last beat only": [ASK, BEAT, BEAT],
    "rlast must stand on the last beat only": [READ, GOT_LAST],
    "r must not carry data that no burst asked for": [READ, GOT, GOT_LAST, GOT],
    "w must not carry data that no burst asked for": [LAST],
    "b must answer a write": [ASK, BEAT, ANSWER],
}


@cocotb.test()
async def plays_a_story(dut: Any) -> None:
    told = LAWFUL if os.environ["STORY"] == "lawful" else BROKEN[os.environ["STORY"]]
    ports = {name for story in (LAWFUL, *BROKEN.values()) for cycle in story for name in cycle}
    for name in ports:
        getattr(dut, name).value = 0
    Clock(dut.clk, 10, "ns").start()
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    for cycle in (*told, {}):
        for name in ports:
            getattr(dut, name).value = cycle.get(name, 0)
        await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)


@pytest.mark.parametrize("story", ["lawful", *BROKEN])
def test_protocol(story: str, seed: int) -> None:
    simulator = build(top="protocol", sources=[ROOT / "tb" / "protocol.sv"], parameters={"BUS_BYTES": 4})
    arguments = {"seed": seed, "expected": 1, "environment": {"STORY": story}}
    if story == "lawful":
        run(simulator, "tb.test_protocol", **arguments)
    else:
        with pytest.raises(BenchError, match=re.escape(story)):
            run(simulator, "tb.test_protocol", **arguments)
