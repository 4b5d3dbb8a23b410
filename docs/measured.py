"""The tables of docs/performance.md, from what `make bench` and `make nightly` have kept."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from docs.kept import rows
from spec.config import CONFIGS

if TYPE_CHECKING:
    from collections.abc import Callable

#: A head and its rows.
Table = tuple[list[str], list[list[object]]]

#: The utilization that each network is meant to reach at least, in percent: by bytes of the bus.
FLOORS = {
    8: {"resnet18": 86, "resnet50": 84, "mobilenetv1": 40, "mobilenetv2": 40, "vgg16": 74, "vgg16 convolutions": 88},
    16: {"resnet50": 90, "mobilenetv2": 50},
}
_SHOWN = ("ARRAY", "POST", "WEIGHTS", "READ")
_WAITS = ("empty", "data", "port", "half")
_BASE = {"array": 16, "kib": 512, "bus": 8}


@cache
def _bench() -> list[dict[str, Any]]:
    return rows("networks.jsonl")


@cache
def _nightly() -> list[dict[str, Any]]:
    return rows("nightly.jsonl")


def _base() -> list[dict[str, Any]]:
    """What was measured on `default` as it is."""
    return [row for row in _bench() if row.items() >= _BASE.items()]


def _varied(base: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """The same network on machines that differ in one field, the smallest first; `default` itself is among them."""
    rest = {name: value for name, value in _BASE.items() if name != field}
    found = [row for row in _bench() if _name(row) == _name(base) and row.items() >= rest.items()]
    return sorted(found, key=lambda row: int(row[field]))


def _name(row: dict[str, Any]) -> str:
    """The network, and which part of it."""
    return str(row["key"].rsplit(" ", 3)[0])


def networks() -> Table:
    """A row for each network on `default`."""
    head = ["network", "multiplications", "cycles", "utilization", "floor", "read bursts", "write bursts", "energy uJ"]
    return head, [
        [
            _name(row), f"{row['macs']:,}", f"{row['cycles']:,}", _percent(row["utilization"]), _floor(row),
            f"{row['dram']['read_bursts']:,}", f"{row['dram']['write_bursts']:,}",
            f"{sum(row['energy_pj'].values()) / 1e6:,.0f}",
        ]
        for row in _base()
    ]  # fmt: skip


def buses() -> Table:
    """Cycles and utilization of the networks by bytes of the bus."""
    found: list[list[object]] = []
    for base in _base():
        at = _varied(base, "bus")
        if len(at) > 1:
            found += [
                [_name(row), row["bus"], f"{row['cycles']:,}", _percent(row["utilization"]), _floor(row)] for row in at
            ]
    return ["network", "bus B", "cycles", "utilization", "floor"], found


def losses() -> Table:
    """Where the array's cycles go, in percent of all."""
    causes = ["multiplying", "padding", "fill"]
    found: list[list[object]] = []
    for row in _base():
        shares = [row["array_busy"][cause] for cause in causes] + [row["queues"]["ARRAY"][cause] for cause in _WAITS]
        found.append([_name(row), *(f"{100 * share / row['cycles']:.1f}" for share in shares)])
    return ["network", *causes, "nothing to do", *_WAITS[1:]], found


def queues() -> Table:
    """Percent of a network's cycles by queue and cause, as the counters charge them."""
    causes = ["busy", *_WAITS]
    return ["network", "queue", *causes], [
        [_name(row), queue, *(f"{100 * row['queues'][queue][cause] / row['cycles']:.1f}" for cause in causes)]
        for row in _base()
        for queue in _SHOWN
    ]


def golden() -> Table:
    """Seconds and memory of the compiler and the golden model."""
    head = ["network", "compile s", "cycles s", "outputs too s", "compile MiB", "cycles MiB", "outputs too MiB"]
    steps = ("compile", "cycles", "outputs")
    return head, [
        [_name(row), *(row[what].get(step, "") for what in ("seconds", "peak_mib") for step in steps)]
        for row in _base()
    ]


def machines() -> Table:
    """Larger and smaller machines: cycles, and what binds."""
    head = ["network", "array", "KiB", "bus B", "cycles", "speed-up", "what binds"]
    return head, [
        [_name(row), f"{row['array']} x {row['array']}", row["kib"], row["bus"], f"{row['cycles']:,}",
         f"{base['cycles'] / row['cycles']:.2f}", row["usage"]]
        for base in _base()
        for field in _BASE
        if len(_varied(base, field)) > 1
        for row in _varied(base, field)
    ]  # fmt: skip


def rtl() -> Table:
    """A row for each network of full size that ran on the RTL."""
    head = ["network", "machine", "policy", "cycles", "commands", "bursts", "equal", "outputs unlike onnxruntime's",
            "run s", "processor s", "cycles/s", "MiB"]  # fmt: skip
    return head, [
        [
            row["network"], f"`{row['config']}`", f"`{row['policy']}`", _cycles(row), f"{row['commands']:,}",
            f"{row['bursts']:,}", _equal(row), _unlike(row), row["seconds"],
            row["processor_seconds"], f"{sum(row['cycles']) / row['processor_seconds']:,.0f}", row["peak_mib"] or "",
        ]
        for row in _nightly()
        if row["config"] in CONFIGS
    ]  # fmt: skip


def whole() -> Table:
    """For the README: what ran on the RTL on `default` under `none`, and was equal in everything."""
    head = ["network", "cycles, RTL and golden model", "bursts", "utilization", "outputs unlike onnxruntime's",
            "seconds of RTL"]  # fmt: skip
    return head, [
        [
            row["network"], _cycles(row), f"{row['bursts']:,}", _utilization(row), _unlike(row),
            f"{row['seconds']:.0f}",
        ]
        for row in _nightly()
        if (row["config"], row["policy"], len(row["equal"])) == ("default", "none", 4)
    ]  # fmt: skip


def builds() -> Table:
    """What the simulators took to make."""
    return ["machine", "build s", "processor s", "MiB"], [
        [f"`{row['config']}`", row["seconds"], row["processor_seconds"], row["peak_mib"]]
        for row in rows("builds.jsonl")
    ]


def sizes() -> Table:
    """The small network on every size of machine."""
    return ["array", "KiB", "cycles", "outputs unlike onnxruntime's", "RTL"], [
        [array, size.removesuffix("KiB"), _cycles(row), _unlike(row), _equal(row)]
        for row in _nightly()
        if row["config"] not in CONFIGS
        for array, size, _ in [row["config"].split()]
    ]


def _cycles(row: dict[str, Any]) -> str:
    """Of each inference: the first one cold, if there are two."""
    return ", then ".join(f"{one:,}" for one in row["cycles"])


def _equal(row: dict[str, Any]) -> str:
    """What RTL and golden model had in common; nothing if the RTL did not run."""
    return ", ".join(row["equal"])


def _utilization(row: dict[str, Any]) -> str:
    """Of the machines that the table is of, which have 16 x 16 elements."""
    return _percent(row["macs"] / (_BASE["array"] ** 2 * row["cycles"][0]))


def _unlike(row: dict[str, Any]) -> str:
    """Outputs that are not onnxruntime's, and by how much."""
    most = f", by {row['most']} at most" if row["differing"] else ""
    return f"{row['differing']:,} of {row['elements']:,}{most}"


def _floor(row: dict[str, Any]) -> str:
    floor = FLOORS.get(row["bus"], {}).get(_name(row))
    if floor is None:
        return ""
    return f"{floor} %{'' if 100 * row['utilization'] >= floor else ', missed'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


TABLES: dict[str, Callable[[], Table]] = {
    "measured.networks": networks,
    "measured.buses": buses,
    "measured.losses": losses,
    "measured.queues": queues,
    "measured.golden": golden,
    "measured.machines": machines,
    "measured.rtl": rtl,
    "measured.whole": whole,
    "measured.builds": builds,
    "measured.sizes": sizes,
}
