"""`pinfold pack`: contiguous packing of a file of buffers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from controller.display import display
from controller.files import write_whole
from controller.plan.deadline import Deadline
from controller.plan.pack import pack
from controller.plan.pack_csv import packed_csv, read_buffers
from controller.plan.pack_problem import violations
from controller.refusal import CheckError, ModelError

_CAPACITY = "Bytes of the memory; if left out, the lowest packing is sought."
File = Annotated[Path, typer.Argument(metavar="FILE.csv", help="Columns id, lower, upper, size.")]
Output = Annotated[Path | None, typer.Option("-o", metavar="FILE", help="Where the table goes.")]


def pack_command(
    file: File,
    capacity: Annotated[int | None, typer.Option(min=1, metavar="BYTES", help=_CAPACITY)] = None,
    output: Output = None,
    seconds: Annotated[float, typer.Option(min=0, help="After how long the best so far is taken.")] = 60.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Give each buffer an offset, so that those alive at one time do not overlap; interrupted, the best so far."""
    buffers = read_buffers(file)
    deadline = Deadline(seconds)
    with display(quiet=quiet) as shown, deadline.ended_by_interrupt():
        packing = pack(buffers, capacity, deadline=deadline, say=shown.say)
    broken = next(violations(buffers, packing.offsets, packing.height), None)
    if broken is not None:
        raise CheckError(f"{file}: the packing is wrong: {broken}")
    if capacity is not None and packing.bound > capacity:
        raise ModelError(
            f"{file} does not fit: its buffers need at least {packing.bound} bytes in {capacity}; "
            f"--capacity {packing.height} fits"
        )
    if capacity is not None and packing.height > capacity:
        raise CheckError(
            f"{file}: no packing into {capacity} bytes was found: the best needs {packing.height}, "
            f"and at least {packing.bound} are needed"
        )
    text = packed_csv(buffers, packing.offsets)
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text.encode())
    if not quiet:
        sys.stderr.write(
            f"{packing.height:,} bytes; at least {packing.bound:,} are needed; gap {100 * packing.gap:.1f} %\n"
        )
