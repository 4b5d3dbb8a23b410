"""A unit with its registers and memories in sight, for the invariants that an induction needs."""

from __future__ import annotations

import sys

__all__ = ["Opened"]


class Opened:
    """What a unit keeps to itself: ``opened["name"]`` is what its ``elaborate`` calls so, a signal or a list of them.

    Parameters
    ----------
    unit : Component
        The unit. It is elaborated here; where it is a submodule, what comes of that is taken.

    Raises
    ------
    KeyError
        If there is no such name.
    """

    def __init__(self, unit):
        self._names = {}

        def watch(frame, event, _):
            if event == "return" and frame.f_code is type(unit).elaborate.__code__:
                self._names |= frame.f_locals

        # Amaranth keeps no way from a unit to its registers; Python's frame has them until elaborate returns.
        sys.setprofile(watch)
        try:
            self._module = unit.elaborate(None)
        finally:
            sys.setprofile(None)
        unit.elaborate = lambda _: self._module

    def __getitem__(self, name):
        return self._names[name]

    def word(self, m, memory, address):
        """What the memory that is this submodule holds at an address, at once."""
        port = getattr(self._module.submodules, memory).read_port(domain="comb")
        m.d.comb += port.addr.eq(address)
        return port.data
