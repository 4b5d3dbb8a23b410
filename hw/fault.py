"""What a unit reports when it refuses something; the first report is kept."""

from __future__ import annotations

from amaranth import Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec.errors import Error

__all__ = ["FAULT", "Faults"]

#: A report: ``valid`` in the cycle in which it is made, a code of ``spec.errors.Error``, the address of its sentence.
FAULT = data.StructLayout({"valid": unsigned(1), "code": unsigned(4), "address": unsigned(32)})


class Faults(wiring.Component):
    """Keeps the first report, with its address, until it is cleared.

    Of reports in the same cycle the lowest source's is kept. ``error`` is high from the next cycle on.

    Parameters
    ----------
    sources : int
        Units that can report.

    Members
    -------
    reports : In(FAULT).array(sources)
        What units report.
    clear : In(1)
        Forget; a report in the same cycle is kept.
    error : Out(1)
        Something was reported.
    code, address : Out
        The first report's; 0 if there is none.

    Raises
    ------
    ValueError
        If there is no source.
    """

    def __init__(self, *, sources):
        if sources < 1:
            raise ValueError(f"Sources must be at least 1, not {sources}")
        self.sources = sources
        super().__init__({
            "reports": In(FAULT).array(sources),
            "clear": In(1),
            "error": Out(1),
            "code": Out(4),
            "address": Out(32),
        })

    def elaborate(self, platform):
        m = Module()

        held = Signal()
        m.d.comb += [held.eq(self.error & ~self.clear), self.error.eq(self.code != Error.NONE)]
        with m.If(self.clear):
            m.d.sync += [self.code.eq(Error.NONE), self.address.eq(0)]
        with m.If(~held):
            # The last assignment wins: so the lowest source comes last.
            for report in reversed(list(self.reports)):
                with m.If(report.valid):
                    m.d.sync += [self.code.eq(report.code), self.address.eq(report.address)]
        return m
