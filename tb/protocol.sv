// What AXI4 demands of a master and of this memory, asserted in every cycle.
//
// Valid and payload hold until ready; bursts are INCR of the bus's width, aligned to it, and never cross 4 KiB; wlast
// and rlast stand on the last beat and nowhere else; no data beyond the bursts that were asked for; no more responses
// than writes. A port without writes ties awvalid, wvalid, bvalid low.

module protocol #(
    parameter int unsigned BUS_BYTES = 8
) (
    input logic clk,
    input logic rst,

    input logic arvalid,
    input logic arready,
    input logic [31:0] araddr,
    input logic [7:0] arlen,
    input logic [2:0] arsize,
    input logic [1:0] arburst,
    input logic rvalid,
    input logic rready,
    input logic [8*BUS_BYTES-1:0] rdata,
    input logic [1:0] rresp,
    input logic rlast,

    input logic awvalid,
    input logic awready,
    input logic [31:0] awaddr,
    input logic [7:0] awlen,
    input logic [2:0] awsize,
    input logic [1:0] awburst,
    input logic wvalid,
    input logic wready,
    input logic [8*BUS_BYTES-1:0] wdata,
    input logic [BUS_BYTES-1:0] wstrb,
    input logic wlast,
    input logic bvalid,
    input logic bready,
    input logic [1:0] bresp
);
  localparam logic [2:0] SIZE = 3'($clog2(BUS_BYTES));

  held #("ar", 45) ar (clk, rst, arvalid, arready, {araddr, arlen, arsize, arburst});
  held #("aw", 45) aw (clk, rst, awvalid, awready, {awaddr, awlen, awsize, awburst});
  held #("w", 9 * BUS_BYTES + 1) w (clk, rst, wvalid, wready, {wdata, wstrb, wlast});
  held #("r", 8 * BUS_BYTES + 3) r (clk, rst, rvalid, rready, {rdata, rresp, rlast});
  held #("b", 2) b (clk, rst, bvalid, bready, bresp);

  lasts #("r") reads (clk, rst, arvalid && arready, arlen, rvalid && rready, rlast);
  lasts #("w") writes (clk, rst, awvalid && awready, awlen, wvalid && wready, wlast);

  int unsigned owed;  // write bursts whose data has been taken and whose response has not

  always @(posedge clk)
    if (rst) owed = 0;
    else begin
      if (arvalid) begin
        assert (arburst == 1 && arsize == SIZE) else $error("ar must ask for INCR bursts of whole beats");
        assert ((araddr & (BUS_BYTES - 1)) == 0) else $error("ar must be aligned to the bus, not %h", araddr);
        assert (13'(araddr[11:0]) + 13'((32'(arlen) + 1) * BUS_BYTES) <= 4096 && (32'(arlen) + 1) * BUS_BYTES <= 4096)
        else $error("ar must not cross 4 KiB: %h, %0d beats", araddr, 9'(arlen) + 9'd1);
      end
      if (awvalid) begin
        assert (awburst == 1 && awsize == SIZE) else $error("aw must ask for INCR bursts of whole beats");
        assert ((awaddr & (BUS_BYTES - 1)) == 0) else $error("aw must be aligned to the bus, not %h", awaddr);
        assert (13'(awaddr[11:0]) + 13'((32'(awlen) + 1) * BUS_BYTES) <= 4096 && (32'(awlen) + 1) * BUS_BYTES <= 4096)
        else $error("aw must not cross 4 KiB: %h, %0d beats", awaddr, 9'(awlen) + 9'd1);
      end
      if (bvalid && bready) begin
        assert (owed != 0) else $error("b must answer a write");
        owed--;
      end
      if (wvalid && wready && wlast) owed++;
    end
endmodule

// Valid and payload hold until ready.
module held #(
    parameter string NAME = "",
    parameter int unsigned WIDTH = 1
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic ready,
    input logic [WIDTH-1:0] payload
);
  logic waits;
  logic [WIDTH-1:0] offer;

  always @(posedge clk) begin
    if (!rst && waits) begin
      assert (valid) else $error("%s must hold valid until ready", NAME);
      assert (payload == offer) else $error("%s must hold its payload until ready: %h, then %h", NAME, offer, payload);
    end
    waits <= !rst && valid && !ready;
    offer <= payload;
  end
endmodule

// The last beat of each burst, and only it, says so.
module lasts #(
    parameter string NAME = ""
) (
    input logic clk,
    input logic rst,
    input logic asked,
    input logic [7:0] length,
    input logic beat,
    input logic last
);
  logic [7:0] lengths[256];
  logic [7:0] head;
  logic [8:0] waiting;
  logic [7:0] beats;

  always @(posedge clk)
    if (rst) begin
      head = 0;
      waiting = 0;
      beats = 0;
    end else begin
      // Data may not come in the cycle of its own address: so a beat looks at earlier bursts only.
      if (beat) begin
        assert (waiting != 0) else $error("%s must not carry data that no burst asked for", NAME);
        assert (last == (beats == lengths[head])) else $error("%slast must stand on the last beat only", NAME);
        if (beats == lengths[head]) begin
          head++;
          waiting--;
          beats = 0;
        end else beats++;
      end
      if (asked) begin
        lengths[8'(head + waiting[7:0])] = length;
        waiting++;
      end
    end
endmodule
