"""Orders of a network's operators that take no solver: level by level, and OnSRAM's mixture of breadth and depth."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.plan.machine import Machine
    from controller.plan.network import Network


def breadth_first(network: Network) -> tuple[int, ...]:
    """First ready, first run."""
    return _queued(network, lambda _: False)


def breadth_depth_first(network: Network, machine: Machine) -> tuple[int, ...]:
    """An operator bound by its maps runs right after what makes them, all others first ready, first run.

    Source: OnSRAM's order as its description says it. An operator is bound by its maps if their transfer takes
    longer than its work and than its weights.
    """

    def bound(place: int) -> bool:
        operator = network.operators[place]
        maps = sum(network.tensor[name].bytes for name in (*operator.inputs, *operator.outputs))
        compute = operator.macs / machine.macs + operator.operations / machine.operations
        return maps / machine.transfer > compute and maps > network.weight_bytes(operator)

    return _queued(network, bound)


def _queued(network: Network, first: Callable[[int], bool]) -> tuple[int, ...]:
    waiting = {place: len(set(one.inputs) & set(network.producer)) for place, one in enumerate(network.operators)}
    queue = deque(place for place, count in waiting.items() if not count)
    order = []
    while queue:
        place = queue.popleft()
        order.append(place)
        ready = []
        for name in network.operators[place].outputs:
            for child in network.consumers[name]:
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        queue.extendleft(child for child in reversed(ready) if first(child))
        queue.extend(child for child in ready if not first(child))
    return tuple(order)
