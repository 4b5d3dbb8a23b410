"""How much of a run each part of the machine was in use, and so what of it binds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.run import Activity
    from spec.config import Config

#: A part that is in use for this share of the cycles binds by itself.
_BINDS = 0.8
_WAITS = ("empty", "data", "port", "half")
#: What would have to grow where a part binds.
_LEVERS = {
    "array": "a larger array",
    "post": "a faster window engine",
    "read_bus": "a wider bus, or a scratchpad that spares reads",
    "write_bus": "a wider bus, or a scratchpad that spares writes",
    "bus": "a wider bus, or a scratchpad that spares transfers",
    "front_end": "a faster front end, or fewer commands",
}
_CAUSES = {
    "empty": "has nothing to do",
    "data": "waits for operands",
    "port": "waits for bank ports",
    "half": "waits for a free half of the accumulator",
}


def usage(config: Config, cycles: int, activity: Activity, traffic: Mapping[str, Any]) -> dict[str, Any]:
    """Shares of the cycles, what binds, and what the array waits for.

    Returns
    -------
    dict
        ``shares``: for the array, post-processing, the bus (one for each direction under `flat`) and the front end, how
        much of the cycles it was in use; ``array_waits``: the array's other cycles by cause; ``binds``: the part in use
        most, if that is four fifths of the cycles or more; otherwise None, for then it is the array's waits.
    """
    counters = activity.counters
    shares = {"array": counters["ARRAY_BUSY"] / cycles, "post": counters["POST_BUSY"] / cycles}
    shares |= {bus: beats / cycles for bus, beats in _beats(config, traffic).items()}
    shares["front_end"] = activity.events.front_end_cycles / cycles
    most = max(shares, key=shares.__getitem__)
    return {
        "binds": most if shares[most] >= _BINDS else None,
        "shares": shares,
        "array_waits": {cause: counters[f"ARRAY_{cause.upper()}"] / cycles for cause in _WAITS},
    }


def _beats(config: Config, traffic: Mapping[str, Any]) -> dict[str, float]:
    """Cycles of transfers on each data bus, at the most that the memory gives."""
    read, write = (traffic[f"{direction}_bytes"] / config.bus_bytes for direction in ("read", "write"))
    memory = config.memory
    if memory.profile == "flat":
        return {"read_bus": read, "write_bus": write}
    slow = memory.rate_cycles / memory.rate_beats if memory.profile == "shared" else 1
    return {"bus": (read + write) * slow}


def sentence(found: Mapping[str, Any]) -> str:
    """What `usage` found, for people: the part that binds and what would help, or what the array waits for."""
    shares, waits = found["shares"], found["array_waits"]
    listed = ", ".join(f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in shares.items())
    if found["binds"] is not None:
        return f"{found['binds'].replace('_', ' ')}: only {_LEVERS[found['binds']]} would help much (in use: {listed})"
    cause = max(waits, key=waits.__getitem__)
    return f"nothing alone: the array {_CAUSES[cause]} for {100 * waits[cause]:.0f} % of the cycles (in use: {listed})"
