"""hw.csr with an independent AXI4-Lite master."""

from __future__ import annotations

import logging
import random

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from hw.csr import SETTINGS, VALUES, Csr
from spec.config import CONFIGS
from spec.registers import IDENTITY, REGISTERS, SPACE, Policy
from tb.bench import Bench

CONFIG = CONFIGS["tiny"]
#: What a setting keeps of 32 ones.
KEPT = {"INTERRUPT": 1, "PROGRAM_ADDRESS": 2**32 - 256, "DATA_BASE": 2**32 - 128}


class Host(Bench):
    """The registers with a master. Members: ``starts``, ``clears``, cycles of the strobes; ``writes``, of AW."""

    def __init__(self, dut, pace=1.0):
        super().__init__(dut, Csr(config=CONFIG), pace=pace)
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)  # noqa: SLF001
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "bus_"), dut.clk, dut.rst)
        if pace < 1:
            reads, writes = self.master.read_if, self.master.write_if
            for channel in (reads.ar_channel, reads.r_channel, writes.aw_channel, writes.w_channel, writes.b_channel):
                channel.set_pause_generator(self.often())
        self.starts, self.clears, self.writes = [], [], []
        self.set("busy", 0)
        self.set("ready", 1)
        self.set("values", {})
        cocotb.start_soon(self._watch())

    def often(self):
        """A pause generator: true with probability 1 - pace."""
        rng = random.Random(self.random.random())
        while True:
            yield rng.random() >= self.pace

    async def _watch(self):
        while True:
            await RisingEdge(self.clock)
            for name, log in (("start", self.starts), ("clear", self.clears)):
                if getattr(self.dut, name).value:
                    log.append(self.cycle)
            if self.dut.bus__awvalid.value and self.dut.bus__awready.value:
                self.writes.append(self.cycle)

    async def write(self, name, value):
        """Write a register."""
        await self.master.write_dword(REGISTERS[name].offset, value)

    async def read(self, name):
        """Read a register."""
        return await self.master.read_dword(REGISTERS[name].offset)

    def setting(self, name):
        """A setting as the machine sees it."""
        return getattr(self.get("settings"), name)


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.3])
async def keeps_what_is_written(dut, pace):
    bench = Host(dut, pace)
    await bench.reset()
    for value in (0xFFFFFFFF, None, None):
        expected = {}
        for name in SETTINGS.members:
            given = bench.random.getrandbits(32) if value is None else value
            await bench.write(name, given)
            expected[name] = given & KEPT.get(name, 0xFFFFFFFF) if name != "POLICY" else 0
        for name, wanted in expected.items():
            assert (await bench.read(name), bench.setting(name)) == (wanted, wanted), name


@cocotb.test()
async def keeps_its_policy_if_there_is_no_such(dut):
    bench = Host(dut)
    await bench.reset()
    for policy in Policy:
        await bench.write("POLICY", policy)
        for value in (max(Policy) + 1, 7, 0x80000000 | policy, 0xFFFFFFFF):
            await bench.write("POLICY", value)
            assert (await bench.read("POLICY"), bench.setting("POLICY")) == (policy, policy)


@cocotb.test()
async def changes_only_bytes_with_a_strobe(dut):
    bench = Host(dut)
    await bench.reset()
    await bench.write("READ_LIMIT", 0x11223344)
    await bench.master.write(REGISTERS["READ_LIMIT"].offset + 1, b"\xaa\xbb")
    assert bench.setting("READ_LIMIT") == 0x11BBAA44


@cocotb.test()
@cocotb.parametrize(pace=[1.0, 0.3])
async def shows_every_value_where_the_map_says(dut, pace):
    bench = Host(dut, pace)
    await bench.reset()
    values = {name: bench.random.getrandbits(32) for name in VALUES.members}
    bench.set("values", values)
    fixed = {"IDENTITY": IDENTITY, "CONFIG_LOW": CONFIG.hash & 0xFFFFFFFF, "CONFIG_HIGH": CONFIG.hash >> 32}
    for name, register in REGISTERS.items():
        if register.access == "ro":
            assert await bench.read(name) == {**values, **fixed}[name], name
            await bench.write(name, 0)
            assert await bench.read(name) == {**values, **fixed}[name], name
    assert await bench.read("CONTROL") == 0
    for offset in range(4 * len(REGISTERS), SPACE, 4):
        await bench.master.write_dword(offset, 0xFFFFFFFF)
        assert await bench.master.read_dword(offset) == 0
    assert not bench.starts
    for name in SETTINGS.members:
        assert await bench.read(name) == 0


@cocotb.test()
async def starts_only_when_ready(dut):
    bench = Host(dut)
    await bench.reset()
    bench.set("ready", 0)
    await bench.write("CONTROL", 1)
    await bench.tick(5)
    assert not bench.starts
    bench.set("ready", 1)
    await bench.write("CONTROL", 1)
    await bench.write("CONTROL", 2)
    await bench.write("CONTROL", 3)
    await bench.tick(5)
    _, start, clear, both = bench.writes
    assert bench.starts == [start + 1, both + 1]
    assert bench.clears == [clear + 1, both + 1]


@cocotb.test()
async def changes_only_the_interrupt_while_busy(dut):
    bench = Host(dut)
    await bench.reset()
    bench.set("busy", 1)
    for name in SETTINGS.members:
        await bench.write(name, 0xFFFFFFFF)
        assert bench.setting(name) == (name == "INTERRUPT"), name


@cocotb.test()
async def forgets_everything_on_reset(dut):
    bench = Host(dut)
    await bench.reset()
    for name in SETTINGS.members:
        await bench.write(name, 0xFFFFFFFF)
    for cycles in range(1, 6):
        bench.master.init_write(REGISTERS["WATCHDOG"].offset, bytes(4))
        bench.master.init_write(REGISTERS["CONTROL"].offset, b"\1\0\0\0")
        bench.master.init_read(REGISTERS["WATCHDOG"].offset, 4)
        await bench.tick(cycles)
        await bench.reset()
        await bench.tick()
        assert not dut.bus__rvalid.value
        assert not dut.bus__bvalid.value
        assert not dut.start.value
    for name in SETTINGS.members:
        assert await bench.read(name) == 0


def test_csr(simulate):
    simulate(Csr(config=CONFIG))
