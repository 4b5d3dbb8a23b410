"""Every policy on the networks of tokens, over sizes of scratchpad, golden model; the machine is that of docs.grid.

``make tokens`` writes docs/data/tokens.jsonl, then the tables of docs/policies.md; it goes on where it was interrupted.
Names of networks narrow it.
"""

from __future__ import annotations

import sys

from docs.grid import measure
from docs.kept import Kept, sources
from docs.tokens_tables import BUS, FILE, SIZES


def cells() -> dict[str, tuple[str, int]]:
    """Network and KiB of every cell by its key."""
    return {f"{name} {kib}": (name, kib) for name, sizes in SIZES.items() for kib in sizes}


def main() -> int:
    """Measure what is not kept."""
    kept = Kept(FILE, sources(("spec", "sim", "controller")))
    wanted = {key: cell for key, cell in cells().items() if cell[0] in (sys.argv[1:] or SIZES)}
    for key, (name, kib) in wanted.items():
        if key not in kept:
            kept.keep(key, measure(name, kib, BUS), cells())
            print(key, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
