"""Policies side by side: one program under each, between no management and a scratchpad without limits; and plans."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from controller.bounds import compute_cycles, memory_cycles
from controller.figures import Figures, figures, infinite_figures
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from controller.compiler import Compiled
    from sim.energy import Table

#: What is said of inferences under a policy that learns from those before.
_LEARNS, _INFERENCES = "EAGER", ("cold", "warm")


@dataclass(frozen=True)
class Row:
    """A policy's figures; `inference` is cold or warm under a policy that learns, else None; `plan` a plan's file."""

    policy: str
    inference: str | None
    figures: Figures
    plan: str | None = None

    @property
    def name(self) -> str:
        """The plan, or the policy and which inference."""
        if self.plan is not None:
            return self.plan
        return self.policy if self.inference is None else f"{self.policy}, {self.inference}"


@dataclass(frozen=True)
class Comparison:
    """A network on a machine under policies.

    Parameters
    ----------
    model
        What the user called it.
    compiled
        The one program of all.
    rows
        In the order asked for, `none` first in any case.
    infinite
        Where nothing is ever evicted; None if no machine is so large.
    plans
        Programs of plans, which have the same commands in another order: the bounds are not theirs.
    """

    model: str
    compiled: Compiled
    rows: tuple[Row, ...]
    infinite: Figures | None
    plans: tuple[Row, ...] = ()

    @property
    def unmanaged(self) -> Figures:
        """Under policy `none`."""
        return self.rows[0].figures

    @property
    def infinite_cycles(self) -> int | None:
        """Cycles with an infinite scratchpad: at most those of any row, since a larger one can always be used so."""
        if self.infinite is None:
            return None
        return min(self.infinite.cycles, *(row.figures.cycles for row in self.rows))

    def closed(self, row: Row) -> float | None:
        """The fraction of the gap between no management and an infinite scratchpad that a row closes; None: no gap."""
        bound, worst = self.infinite_cycles, self.unmanaged.cycles
        return None if bound is None or bound == worst else (worst - row.figures.cycles) / (worst - bound)

    def data(self) -> dict[str, Any]:
        """For `compare --json`."""
        compiled = self.compiled
        config = compiled.config
        return {
            "model": self.model,
            "config": config.name,
            "config_hash": f"{config.hash:016x}",
            "execution": compiled.execution.value,
            "scratchpad_bytes": config.banks * config.bank_bytes,
            "bus_bytes": config.bus_bytes,
            "macs": compiled.macs,
            "bounds": {
                "compute_cycles": compute_cycles(compiled),
                "memory_cycles": memory_cycles(compiled),
                "infinite_scratchpad_cycles": self.infinite_cycles,
                "no_management_cycles": self.unmanaged.cycles,
            },
            "infinite_scratchpad": None if self.infinite is None else _shown(self.infinite),
            "policies": [
                {
                    "policy": row.policy, "inference": row.inference, **_shown(row.figures),
                    "speedup": self.unmanaged.cycles / row.figures.cycles, "gap_closed": self.closed(row),
                }
                for row in self.rows
            ],
            "plans": [
                {
                    "plan": row.plan, "policy": row.policy, **_shown(row.figures),
                    "speedup": self.unmanaged.cycles / row.figures.cycles,
                }
                for row in self.plans
            ],
        }  # fmt: skip


def compare(
    model: str, compiled: Compiled, policies: Sequence[Policy], table: Table, say: Callable[[str], None],
    plans: Mapping[str, tuple[Compiled, Policy]] = MappingProxyType({}),
) -> Comparison:  # fmt: skip
    """Run a program under policies, each on a machine that has just been reset; a policy that learns runs twice.

    `plans` are programs of the same network and machine by what they are called, each with its policy.
    """
    rows: list[Row] = []
    for policy in dict.fromkeys([Policy.NONE, *policies]):
        name = policy.name.lower()
        say(f"{compiled.graph.name} on {compiled.config.name}: {name}")
        if policy.name == _LEARNS:
            found = figures(compiled, policy, table, inferences=len(_INFERENCES))
            rows += [Row(name, which, one) for which, one in zip(_INFERENCES, found, strict=True)]
        else:
            rows.append(Row(name, None, figures(compiled, policy, table)[0]))
    planned = []
    for name, (program, policy) in plans.items():
        say(f"{compiled.graph.name} on {compiled.config.name}: {name}")
        planned.append(Row(policy.name.lower(), None, figures(program, policy, table)[0], name))
    say(f"{compiled.graph.name} on {compiled.config.name}: infinite scratchpad")
    return Comparison(model, compiled, tuple(rows), infinite_figures(compiled, table), tuple(planned))


def _shown(one: Figures) -> dict[str, Any]:
    return {
        "cycles": one.cycles,
        "dram": one.dram,
        "energy_pj": {"total": sum(one.energy.values()), "by_part": one.energy},
        "usage": one.usage,
        "evictions": one.evictions,
    }
