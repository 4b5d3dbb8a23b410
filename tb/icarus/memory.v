// A memory of plain Verilog-2005 for the three AXI4 channels of the machine, one burst at a time on each.
//
// It has no timing model: it serves a beat a cycle from the cycle after the address on. The one that is timed is
// tb/memory.sv, for simulators of SystemVerilog.

// The address side of a channel: takes a burst and counts its beats.
module burst #(
    parameter BUS_BYTES = 4
) (
    input  wire        clk,
    input  wire        rst,
    input  wire [31:0] address,
    input  wire [7:0]  length,
    input  wire        valid,
    output wire        ready,
    input  wire        beat,     // a beat is handed over in this cycle
    output reg         busy,
    output reg  [31:0] at,       // byte address of the next beat
    output wire        last
);
  reg [7:0] left;
  assign ready = !busy;
  assign last  = left == 0;

  always @(posedge clk)
    if (rst) begin
      busy <= 0;
      left <= 0;
    end else if (!busy) begin
      busy <= valid;
      at   <= address;
      left <= length;
    end else if (beat) begin
      at   <= at + BUS_BYTES;
      left <= left - 1;
      busy <= !last;
    end
endmodule

module memory #(
    parameter BUS_BYTES = 4,
    parameter WORDS = 1 << 16
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [31:0]            araddr,
    input  wire [7:0]             arlen,
    input  wire                   arvalid,
    output wire                   arready,
    output wire [8*BUS_BYTES-1:0] rdata,
    output wire                   rlast,
    output wire                   rvalid,
    input  wire                   rready,
    input  wire [31:0]            awaddr,
    input  wire [7:0]             awlen,
    input  wire                   awvalid,
    output wire                   awready,
    input  wire [8*BUS_BYTES-1:0] wdata,
    input  wire                   wvalid,
    output wire                   wready,
    output reg                    bvalid,
    input  wire                   bready,
    input  wire [31:0]            prog_araddr,
    input  wire [7:0]             prog_arlen,
    input  wire                   prog_arvalid,
    output wire                   prog_arready,
    output wire [8*BUS_BYTES-1:0] prog_rdata,
    output wire                   prog_rlast,
    output wire                   prog_rvalid,
    input  wire                   prog_rready
);
  reg [8*BUS_BYTES-1:0] words[0:WORDS-1];

  wire [31:0] read_at, program_at, write_at;
  wire writing, write_last;
  assign rdata      = words[read_at/BUS_BYTES];
  assign prog_rdata = words[program_at/BUS_BYTES];
  assign wready     = writing && !bvalid;

  burst #(BUS_BYTES) reads (
      clk, rst, araddr, arlen, arvalid, arready, rready, rvalid, read_at, rlast
  );
  burst #(BUS_BYTES) programs (
      clk, rst, prog_araddr, prog_arlen, prog_arvalid, prog_arready, prog_rready, prog_rvalid, program_at, prog_rlast
  );
  burst #(BUS_BYTES) writes (
      clk, rst, awaddr, awlen, awvalid, awready, wvalid && wready, writing, write_at, write_last
  );

  always @(posedge clk) begin
    if (wvalid && wready) words[write_at/BUS_BYTES] <= wdata;
    if (rst || bready) bvalid <= 0;
    if (!rst && wvalid && wready && write_last) bvalid <= 1;
  end
endmodule
