"""A plan: in which order operators run, and which maps the scratchpad holds meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from controller.plan.network import Network

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """An operator, or a group of them tile by tile.

    Parameters
    ----------
    operators
        Places among the network's operators, in the order in which they run.
    resident
        Maps that the scratchpad holds whole while the step runs, results that stay included.
    fetched
        Maps of these that come from DRAM at the step's beginning.
    stored
        Maps that go to DRAM: results as they are made, others out of the scratchpad.
    replaces
        Pairs of a result and an input that ends here: the result is written over the input.
    addresses
        On a contiguous scratchpad the first byte of each resident map.
    rows
        Rows of the last result in a band; 0 for a single operator that is run whole.
    cached
        Whether rows that two bands share are kept between them; else they are read and computed again.
    held
        Whether the weights stay while all bands run; else each band reads them again.
    """

    operators: tuple[int, ...]
    resident: frozenset[str] = NOTHING
    fetched: frozenset[str] = NOTHING
    stored: frozenset[str] = NOTHING
    replaces: tuple[tuple[str, str], ...] = ()
    addresses: tuple[tuple[str, int], ...] = ()
    rows: int = 0
    cached: bool = False
    held: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps that run a whole network.

    Parameters
    ----------
    network
        The name of the network.
    method
        What made it.
    capacity
        Bytes of the scratchpad it is made for.
    steps
        In order.
    bound
        Bytes of maps that no plan of the method's rules moves less than, where the method knows such a bound.
    """

    network: str
    method: str
    capacity: int
    steps: tuple[Step, ...]
    bound: int | None = None

    def described(self, network: Network) -> dict[str, Any]:
        """The plan as data, with operators by name."""
        steps = []
        for step in self.steps:
            one: dict[str, Any] = {"operators": [network.operators[place].name for place in step.operators]}
            one["places"] = list(step.operators)
            one |= {key: sorted(getattr(step, key)) for key in ("resident", "fetched", "stored")}
            one |= {"replaces": dict(step.replaces), "addresses": dict(step.addresses), "rows": step.rows}
            one |= {"cached": step.cached, "held": step.held}
            steps.append(one)
        whole = {"network": self.network, "method": self.method, "capacity": self.capacity, "bound": self.bound}
        return {**whole, "steps": steps}
