"""DRAM as the machine sees it: profiles and their parameters."""

from __future__ import annotations

from dataclasses import dataclass

PROFILES = ("flat", "shared", "ddr4")


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A deterministic memory: timing is a function of the transactions and their issue cycles (X6).

    Parameters
    ----------
    profile
        ``flat``, ``shared`` or ``ddr4``; see docs/memory.md.
    read_latency, write_latency
        Cycles from a read's address to its first beat (``flat``, ``shared``, and the program port, which is always
        ``flat``), and from a write's last beat to its response (all profiles).
    rate_beats, rate_cycles
        ``shared``: beats that cross the data bus in so many cycles.
    banks, row_bytes
        ``ddr4``: banks and bytes of a row in one bank (powers of two).
    t_cl, t_cwl, t_rcd, t_rp, t_ras, t_wr, t_wtr, t_rtw, t_refi, t_rfc
        ``ddr4``: JEDEC's timing parameters in cycles of our clock.

    Raises
    ------
    ValueError
        If a parameter breaks its rule.
    """

    profile: str = "flat"
    read_latency: int = 20
    write_latency: int = 10
    rate_beats: int = 1
    rate_cycles: int = 1
    banks: int = 8
    row_bytes: int = 8192
    t_cl: int = 4
    t_cwl: int = 3
    t_rcd: int = 4
    t_rp: int = 4
    t_ras: int = 9
    t_wr: int = 4
    t_wtr: int = 2
    t_rtw: int = 2
    t_refi: int = 1950
    t_rfc: int = 64

    def __post_init__(self) -> None:  # noqa: C901 (a branch for each rule)
        """Check every rule."""
        if self.profile not in PROFILES:
            raise ValueError(f"memory.profile must be one of {', '.join(PROFILES)}, not {self.profile!r}")
        for name in ("read_latency", "write_latency", "rate_beats", "rate_cycles"):
            if not 1 <= getattr(self, name) <= 1023:
                raise ValueError(f"memory.{name} must be in 1..1023, not {getattr(self, name)}")
        if self.rate_beats > self.rate_cycles:
            raise ValueError(f"memory.rate_beats must be at most rate_cycles, not {self.rate_beats}")
        for name in ("banks", "row_bytes"):
            value = getattr(self, name)
            if value < 1 or value & (value - 1):
                raise ValueError(f"memory.{name} must be a power of two, not {value}")
        if self.row_bytes < 4096:
            raise ValueError(f"memory.row_bytes must be at least 4096, not {self.row_bytes}")
        for name in ("t_cl", "t_cwl", "t_rcd", "t_rp", "t_ras", "t_wr", "t_wtr", "t_rtw", "t_rfc"):
            if not 1 <= getattr(self, name) <= 1023:
                raise ValueError(f"memory.{name} must be in 1..1023, not {getattr(self, name)}")
        if not 2 * self.t_rfc <= self.t_refi <= 65535:
            raise ValueError(f"memory.t_refi must be in 2*t_rfc..65535, not {self.t_refi}")
