"""An instantiation to copy: the machine behind a reset synchronizer, all buses passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hw.delivery.pins import Pin

__all__ = ["example"]

_HEAD = """// An instantiation of pinfold to copy from: buses go out, an asynchronous reset comes in.
module example (
    input  wire aclk,
    input  wire areset_async_n,
"""
_RESET = """
    // The machine samples its reset, so it must be released in step with the clock.
    (* ASYNC_REG = "TRUE" *) reg [1:0] released;
    always @(posedge aclk or negedge areset_async_n)
        if (!areset_async_n) released <= 2'b00;
        else released <= {released[0], 1'b1};

    pinfold machine (
        .aclk(aclk),
        .aresetn(released[1]),
"""


def example(pins: Sequence[Pin]) -> str:
    """`example.v`: module ``example`` around the machine with these pins."""
    passed = [pin for pin in pins if pin.group not in {"aclk", "aresetn", "trace_"}]
    ports = [f"    {'input ' if pin.is_input else 'output'} wire {pin.range}{pin.name}" for pin in passed]
    connections = [f"        .{pin.name}({pin.name})" for pin in passed]
    connections += [f"        .{pin.name}()" for pin in pins if pin.group == "trace_"]
    return _HEAD + ",\n".join(ports) + "\n);\n" + _RESET + ",\n".join(connections) + "\n    );\nendmodule\n"
