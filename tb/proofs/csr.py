"""The registers as an AXI4-Lite slave: a response for each request, and no setting changes during a run."""

from __future__ import annotations

from amaranth import Signal
from amaranth.hdl import Assert, Cover

from hw.csr import Csr
from spec.isa import INSTRUCTION_BYTES
from spec.registers import Policy
from tb.mutation import Edit
from tb.proofs.axi import held
from tb.proofs.design import Design
from tb.proofs.machine import SMALL
from tb.proofs.opened import Opened
from tb.proofs.proof import Proof

__all__ = ["PROOFS"]


def design():
    """Any host, on any machine."""
    d = Design()
    m = d.m
    m.submodules.csr = csr = Csr(config=SMALL)
    Opened(csr)
    d.open(csr)
    bus, settings = csr.bus, csr.settings

    # Requests without their responses.
    addresses, data, reads = (Signal(2, name=name) for name in ("addresses", "data", "reads"))
    answered = bus.bvalid & bus.bready
    m.d.sync += [
        addresses.eq(addresses + (bus.awvalid & bus.awready) - answered),
        data.eq(data + (bus.wvalid & bus.wready) - answered),
        reads.eq(reads + (bus.arvalid & bus.arready) - (bus.rvalid & bus.rready)),
    ]
    held(d, bus.bvalid, bus.bready, bus.bresp, name="b")
    held(d, bus.rvalid, bus.rready, bus.rdata, name="r")
    busy = d.before(csr.busy, name="was_busy")
    kept = {name: d.before(settings[name], name=f"old_{name}") for name in settings.shape().members}
    for name, old in kept.items():
        if name != "INTERRUPT":
            m.d.comb += Assert(~busy | (settings[name] == old), "settings must not change during a run")
    ready = d.before(csr.ready, name="was_ready")
    m.d.comb += [
        Assert(addresses == bus.bvalid, "a write must have one response"),
        Assert(data == bus.bvalid, "data must have one response"),
        Assert(reads == bus.rvalid, "a read must have one response"),
        Assert(~settings.PROGRAM_ADDRESS[: (SMALL.fetch_burst * INSTRUCTION_BYTES).bit_length() - 1].any()),
        Assert(~settings.DATA_BASE[: SMALL.page_bytes.bit_length() - 1].any()),
        Assert(max(Policy) >= settings.POLICY),
        Assert(~csr.start | ready, "a start must come when it would be taken"),
        Cover(csr.start & (max(Policy) == settings.POLICY) & settings.PROGRAM_ADDRESS.any()),
    ]
    return d


PROOFS = (
    Proof(
        name="csr",
        claims="a write has one response, after its address and its data, and a read has one; responses are held and "
        "unchanged until they are taken; during a run nothing but INTERRUPT changes; the addresses of the "
        "program and of the tensors are multiples of a burst and a page; POLICY is one that there is; a start "
        "comes when it would be taken",
        assumed="",
        reached="a start under the last policy, with a program's address",
        design=design,
        depth=2,
        reach=5,
        bug=Edit(
            "a write is taken while a response waits",
            "hw/csr.py",
            "accept.eq(bus.awvalid & bus.wvalid & «(~bus.bvalid | bus.bready)»)",
            "OLD | 1",
        ),
        quick=True,
    ),
)  # fmt: skip
