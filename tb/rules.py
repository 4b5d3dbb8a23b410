"""The rules of the hardware that keep commands, frames, ports and buffers apart, each with the edit that breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tb.rules_of_engines import engines, pixels, products, windows
from tb.rules_of_front_end import dispatch, hazards, pages, policies, transfers

if TYPE_CHECKING:
    from tb.mutation import Edit

__all__ = ["RULES"]

#: Why nothing can notice that a rule is broken.
_PROOFS = {
    "a writer of a frame waits for POST, its last writer":
        "what POST wrote is dirty, so a TAKE reads the frame before it gets another page: TAKE waits for POST, and "
        "PLACE for TAKE, a reader since; POST itself is in order",
    "ARRAY waits for WEIGHTS at a read port":
        "ARRAY starts when the first tile of its own WEIGHTS is loaded, and that starts when every WEIGHTS before it "
        "is done; with its own it shares the port in serial mode",
    "TAKE waits for PLACE, which wrote its frame":
        "only dirty pages are taken, and their last writer is POST, which waited for PLACE",
    "END waits for READ": "each PLACE waits for its READ, and END for PLACE",
    "an evicted page's last WRITE is kept":
        "EVICT works under policies that pass STORE over, where a clean page has been fetched since its last WRITE: "
        "that READ waited for the WRITE, and the next one is behind it",
    "END waits for WEIGHTS": "the last pass of each ARRAY starts when its WEIGHTS is done, and END waits for ARRAY",
    "END waits for TAKE": "each WRITE waits for its TAKE, and END for WRITE",
}

_ALL = (
    *hazards(), *dispatch(), *transfers(), *pages(), *engines(), *windows(), *policies(), *products(),
    *pixels(),
)  # fmt: skip
#: Numbered from 1 in this order.
RULES: tuple[Edit, ...] = tuple(replace(edit, proof=_PROOFS.get(edit.rule, "")) for edit in _ALL)
