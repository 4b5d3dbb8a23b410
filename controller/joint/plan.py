"""A plan for the machine: which operators run in chains, under which policy; its program, its cycles and a bound."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.bounds import compute_cycles, memory_cycles
from controller.joint.chains import Chain, Rule, Search, pages_ahead
from controller.plan.deadline import Deadline
from controller.refusal import ModelError
from sim.machine import Machine
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from controller.compiler import Compiled
    from controller.joint.chains import Chains

#: What the search's own plan is called among the methods that it is compared with.
JOINT = "joint"


@dataclass(frozen=True)
class Planned:
    """What was found for a network on a machine.

    Parameters
    ----------
    cycles
        By method: the compiler's program under each policy, and the chains' under `directed`; an inference on a machine
        that was just reset.
    chains
        As the search found them.
    pages
        How many are fetched before their time at the most.
    bound
        Cycles that no program of these multiplications and tensors takes less than.
    """

    cycles: Mapping[str, int]
    chains: Chains
    pages: int
    bound: int

    @property
    def method(self) -> str:
        """The fastest: the search's own among equals."""
        return min(self.cycles, key=lambda name: (self.cycles[name], name != JOINT))

    @property
    def policy(self) -> Policy:
        """What the fastest runs under."""
        return Policy.DIRECTED if self.method == JOINT else Policy[self.method.upper()]

    def described(self, compiled: Compiled) -> dict[str, Any]:
        """As data; `chains` are those to run with, none where a policy with the compiler's program is faster."""
        own = self.chains if self.method == JOINT else ()
        return {
            "network": compiled.graph.name, "method": JOINT, "config": compiled.config.name,
            "config_hash": f"{compiled.config.hash:016x}", "fastest": self.method, "cycles": dict(self.cycles),
            "bound": self.bound, "policy": self.policy.name.lower(), "operators": len(compiled.tiled),
            "pages_ahead": self.pages, "chains": [asdict(chain) for chain in own],
        }  # fmt: skip


def plan(compiled: Compiled, deadline: Deadline, say: Callable[[str], None]) -> Planned:
    """Search until the deadline, then run what was found and every policy exactly."""
    chains = _search(compiled, deadline, say).run()
    single = tuple(Chain(place, place + 1) for place in range(len(compiled.tiled)))
    most = pages_ahead(compiled.config)
    tried: dict[tuple[Chains, int], int] = {}
    for some in dict.fromkeys((chains, single)):
        for pages in (0, most // 2, most, 2 * most):
            say(f"{len(some)} chains, {pages} pages ahead")
            tried[some, pages] = _cycles(rearranged(compiled, some, pages), Policy.DIRECTED)
    chains, pages = min(tried, key=tried.__getitem__)
    cycles = {}
    for policy in Policy:
        say(f"policy {policy.name.lower()}")
        cycles[policy.name.lower()] = _cycles(compiled, policy)
    cycles[JOINT] = tried[chains, pages]
    return Planned(cycles, chains, pages, max(compute_cycles(compiled), memory_cycles(compiled)))


def rearranged(compiled: Compiled, chains: Chains, pages: int) -> Compiled:
    """The program with its operators in chains; nothing but order, prefetches and banks is different.

    As many pages are fetched before their time as the plan says at the most.
    """
    search = _search(compiled, Deadline(), lambda _: None)
    placement = search.placement(chains, list(compiled.placement.pages))
    instructions = search.instructions(chains, placement, pages)
    return replace(
        compiled, instructions=tuple(instructions), program=assemble(compiled.config, instructions), placement=placement
    )


def read_plan(path: Path, compiled: Compiled) -> tuple[Compiled, Policy]:
    """A program as a plan's file wants it, and the policy that it is for.

    Raises
    ------
    ModelError
        If the file is no plan, or one for another network or machine.
    """
    try:
        found = json.loads(path.read_text())
        chains = tuple(
            Chain(one["first"], one["end"], None if one["rule"] is None else Rule(**one["rule"]))
            for one in found["chains"]
        )
        pages = int(found["pages_ahead"])
        given = found["network"], found["config_hash"], found["operators"]
        policy = Policy[found["policy"].upper()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a plan of method {JOINT}: {type(error).__name__} {error}") from None
    check_made_for(path, given, compiled)
    if chains and [place for one in chains for place in range(one.first, one.end)] != list(range(len(compiled.tiled))):
        raise ModelError(f"{path}: the plan's chains must name each operator once, in order")
    return (rearranged(compiled, chains, pages) if chains else compiled), policy


def check_made_for(path: Path, given: tuple[Any, ...], compiled: Compiled) -> None:
    """Refuse a plan whose network, hash of the configuration, and number of operators are not a program's.

    Raises
    ------
    ModelError
        If one differs.
    """
    wanted = compiled.graph.name, f"{compiled.config.hash:016x}", len(compiled.tiled)
    if given != wanted:
        names = ("network", "machine", "number of operators")
        name, own, other = next(one for one in zip(names, wanted, given, strict=True) if one[1] != one[2])
        raise ModelError(f"{path}: the plan's {name} must be {own}, not {other}")


def _search(compiled: Compiled, deadline: Deadline, say: Callable[[str], None]) -> Search:
    return Search(compiled.tiled, list(compiled.placement.pages), compiled.config, deadline, say)


def _cycles(compiled: Compiled, policy: Policy) -> int:
    run = Machine(compiled.config).run(
        compiled.program, compiled.image.copy(), policy=policy, address=compiled.program_address, compute_outputs=False
    )
    assert run.cycles is not None
    return run.cycles
