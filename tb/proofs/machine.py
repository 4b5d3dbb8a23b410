"""The machines of proofs: as small as their rules allow."""

from __future__ import annotations

from dataclasses import replace

from spec.config import CONFIGS

__all__ = ["LONG", "SMALL"]

#: Two banks of two frames, two page buffers each way, a fetch buffer of four bursts of two instructions.
SMALL = replace(
    CONFIGS["tiny"], name="small", rows=2, cols=2, banks=2, bank_bytes=128, page_bytes=64, accumulator_rows=16,
    virtual_pages=16, load_buffers=2, store_buffers=2, fetch_instructions=8, fetch_burst=2,
)  # fmt: skip
#: The same with pages of two bursts, the longest that AXI4 has.
LONG = replace(SMALL, name="long", page_bytes=2048, bank_bytes=4096)
