"""A plan for the machine: which operators run in chains, under which policy; its program, its cycles and a bound."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from controller.bounds import compute_cycles, memory_cycles
from controller.choice import fits
from controller.joint.bound import moments
from controller.joint.chains import Chain
from controller.joint.interleave import Rule
from controller.joint.program import Programs
from controller.joint.search import Search
from controller.refusal import ModelError
from sim.machine import Machine
from spec.program import assemble
from spec.registers import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from controller.compiler import Compiled
    from controller.joint.chains import Chains
    from controller.plan.deadline import Deadline

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
    bound
        Cycles that no program of these multiplications and tensors takes less than.
    bound_by
        What takes them: ``compute``, ``memory``, or the operator whose parameters come late, see `moments`.
    """

    cycles: Mapping[str, int]
    chains: Chains
    bound: int
    bound_by: str

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
            "bound": self.bound, "bound_by": self.bound_by, "policy": self.policy.name.lower(),
            "operators": len(compiled.tiled), "chains": [asdict(chain) for chain in own],
        }  # fmt: skip


def plan(compiled: Compiled, deadline: Deadline, say: Callable[[str], None]) -> Planned:
    """Search until the deadline, then run what was found and every policy exactly."""
    found = Search(Programs(compiled), deadline, say).run()
    single = tuple(Chain(place, place + 1) for place in range(len(compiled.tiled)))
    tried: dict[Chains, int] = {}
    for some in (found, single):
        say(f"{len(some)} chains")
        tried[some] = cycles_under(rearranged(compiled, some), Policy.DIRECTED)
    return costed(compiled, min(tried, key=tried.__getitem__), say)


def costed(compiled: Compiled, chains: Chains, say: Callable[[str], None]) -> Planned:
    """Chains and every policy, run exactly."""
    cycles = {}
    for policy in Policy:
        say(f"policy {policy.name.lower()}")
        cycles[policy.name.lower()] = cycles_under(compiled, policy)
    cycles[JOINT] = cycles_under(rearranged(compiled, chains), Policy.DIRECTED)
    return Planned(cycles, chains, *max(bounds(compiled)))


def bounds(compiled: Compiled) -> Iterator[tuple[int, str]]:
    """Cycles that no program of a network's multiplications and tensors takes less than, and what takes them."""
    yield compute_cycles(compiled), "compute"
    yield memory_cycles(compiled), "memory"
    for one in moments(compiled.tiled, compiled.config):
        yield one.cycles, compiled.tiled[one.operator].operator.name


def rearranged(compiled: Compiled, chains: Chains) -> Compiled:
    """The program with its operators in chains; only order, tiles' heights, prefetches and banks are different."""
    programs = Programs(compiled)
    placement = programs.placement(chains, programs.buffers)
    instructions = programs.instructions(chains, placement)
    tiled = tuple(one for chain in chains for one in programs.arranged(chain).tiled)
    return replace(
        compiled, tiled=tiled, instructions=tuple(instructions), program=assemble(compiled.config, instructions),
        placement=placement,
    )  # fmt: skip


def read_plan(path: Path, compiled: Compiled) -> tuple[Compiled, Policy]:
    """A program as a plan's file wants it, and the policy that it is for.

    Raises
    ------
    ModelError
        If the file is no plan, or one for another network or machine.
    """
    try:
        found = json.loads(path.read_text())
        policy = Policy[found["policy"].upper()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a plan of method {JOINT}: {type(error).__name__} {error}") from None
    chains = chains_of(str(path), found, compiled)
    return (rearranged(compiled, chains) if chains else compiled), policy


def chains_of(where: str, found: Mapping[str, Any], compiled: Compiled) -> Chains:
    """The chains of a plan that was `described`; none if it runs the compiler's program.

    Raises
    ------
    ModelError
        If it is no plan, or one for another network or machine.
    """
    try:
        chains = tuple(
            Chain(
                one["first"], one["end"], _rule(one["rule"]), tuple(one["heights"]), int(one["pages"]),
                bool(one["leaves"]), bool(one["anew"]),
            )
            for one in found["chains"]
        )  # fmt: skip
        given = found["network"], found["config_hash"], found["operators"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{where}: not a plan of method {JOINT}: {type(error).__name__} {error}") from None
    check_made_for(where, given, compiled)
    if chains and [place for one in chains for place in range(one.first, one.end)] != list(range(len(compiled.tiled))):
        raise ModelError(f"{where}: the plan's chains must name each operator once, in order")
    for chain in chains:
        _check_heights(where, compiled, chain)
    return chains


def _rule(found: dict[str, Any] | None) -> Rule | None:
    if found is None:
        return None
    weights, maps = found["banks"]
    return Rule(**found | {"banks": (int(weights), int(maps))})


def check_made_for(where: str, given: tuple[Any, ...], compiled: Compiled) -> None:
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
        raise ModelError(f"{where}: the plan's {name} must be {own}, not {other}")


def _check_heights(where: str, compiled: Compiled, chain: Chain) -> None:
    some = compiled.tiled[chain.first : chain.end]
    if len(chain.heights) not in (0, len(some)):
        name = some[0].operator.name
        raise ModelError(f"{where}: the plan's chain from {name} must have {len(some)} heights or none")
    for one, height in zip(some, chain.heights, strict=False):
        allowed = height == one.height or height in one.heights
        if not allowed or not fits(one.at_height(height), compiled.config):
            raise ModelError(f"{where}: {one.operator.name} cannot have tiles of {height} rows")


def cycles_under(compiled: Compiled, policy: Policy) -> int:
    """Cycles of an inference on a machine that was just reset."""
    run = Machine(compiled.config).run(
        compiled.program, compiled.image.copy(), policy=policy, address=compiled.program_address, compute_outputs=False
    )
    assert run.cycles is not None
    return run.cycles
