"""All pins behind registers: place and route without a board, whose pins would be too few."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hw.delivery.pins import Pin

__all__ = ["shell"]

_FORM = """// All inputs of pinfold from a shift register, all outputs folded into one pin: for place and route alone.
module shell (
    input  wire aclk,
    input  wire si,
    output wire so
);
    reg  [{last_in}:0] given;
    reg  [{last_out}:0] taken;
    wire [{last_out}:0] shown;
    assign so = taken[0];
    always @(posedge aclk) begin
        given <= {{given[{last_in} - 1:0], si}};
        taken <= shown ^ (taken >> 1);
    end

    pinfold machine (
        .aclk(aclk),
{connections}
    );
endmodule
"""


def shell(pins: Sequence[Pin]) -> str:
    """`shell.v`: module ``shell`` around the machine with these pins; every path of it begins and ends in registers."""
    connections, used = [], {True: 0, False: 0}
    for pin in pins:
        if pin.group != "aclk":
            low = used[pin.is_input]
            used[pin.is_input] += pin.width
            side = "given" if pin.is_input else "shown"
            connections.append(f"        .{pin.name}({side}[{low + pin.width - 1}:{low}])")
    return _FORM.format(last_in=used[True] - 1, last_out=used[False] - 1, connections=",\n".join(connections))
