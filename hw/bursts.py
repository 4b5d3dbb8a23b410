"""The addresses of a page's bursts, asked for one after the other."""

from __future__ import annotations

from hw.axi import ask
from hw.window import outside

__all__ = ["ask_bursts"]


def ask_bursts(m, unit, channel, flight, *, start, address, burst):
    """Ask for the bursts of a page from the cycle after ``start`` on, and have ``flight`` expect their answers.

    Parameters
    ----------
    m : Module
        Of the unit.
    unit : Component
        With a configuration, a port ``axi``, and a window from ``base`` to ``limit``; outside it nothing is asked for.
    channel : str
        ``"ar"`` or ``"aw"``.
    flight : Flight
    start : Value
        A page starts in this cycle; only if the unit can take one.
    address : Value
        Its byte address.
    burst : Signal
        Counts the bursts that have been asked for.

    Returns
    -------
    Value
        A page can be taken: the last burst of the one before has its handshake in this cycle, or had it.
    """
    c, axi = unit.config, unit.axi
    valid, ready, current = (getattr(axi, f"{channel}{name}") for name in ("valid", "ready", "addr"))
    last = burst == c.page_bursts - 1
    m.d.comb += [
        flight.push.eq(start),
        flight.address.eq(address),
        flight.outside.eq(outside(address, unit.base, unit.limit, c.page_bytes)),
        *ask(axi, channel, bus_bytes=c.bus_bytes, beats=c.burst_beats),
    ]
    with m.If(valid & ready):
        m.d.sync += [current.eq(current + c.burst_beats * c.bus_bytes), burst.eq(burst + 1), valid.eq(~last)]
    with m.If(start):
        m.d.sync += [current.eq(address), burst.eq(0), valid.eq(~flight.outside)]
    return ~valid | (ready & last)
