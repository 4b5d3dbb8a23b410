// Runs a program on pinfold in any Verilog-2005 simulator: memory contents and register writes come from files.
//
// image.hex has the memory's words from address 0 on, host.hex a register write in each line: offset and value, 32 bits
// each. When the machine is ready they are done in order; the last starts it. At the interrupt, memory is written to
// result.hex, and the outcome is printed.
module testbench;
  parameter BUS_BYTES = 4;
  parameter WORDS = 1 << 16;   // of memory
  parameter WRITES = 1;        // lines of host.hex
  parameter STATUS = 16;       // offset of the register
  parameter LIMIT = 1000000;   // cycles, after which the run has failed

  reg clk = 0, rst = 1;
  always #5 clk = !clk;

  reg  [8:0]  awaddr, araddr;
  reg  [31:0] wdata;
  reg         awvalid = 0, wvalid = 0, arvalid = 0;
  wire        awready, wready, bvalid, arready, rvalid, irq;
  wire [31:0] rdata;

  wire [31:0] m_araddr, m_awaddr, p_araddr;
  wire [7:0]  m_arlen, m_awlen, p_arlen;
  wire        m_arvalid, m_arready, m_rlast, m_rvalid, m_rready, m_awvalid, m_awready, m_wvalid, m_wready;
  wire        m_bvalid, m_bready, p_arvalid, p_arready, p_rlast, p_rvalid, p_rready;
  wire [8*BUS_BYTES-1:0] m_rdata, m_wdata, p_rdata;

  pinfold machine (
      .aclk(clk), .aresetn(!rst), .irq(irq),
      .s_axil_awaddr(awaddr), .s_axil_awprot(3'd0), .s_axil_awvalid(awvalid), .s_axil_awready(awready),
      .s_axil_wdata(wdata), .s_axil_wstrb(4'hf), .s_axil_wvalid(wvalid), .s_axil_wready(wready),
      .s_axil_bvalid(bvalid), .s_axil_bready(1'b1),
      .s_axil_araddr(araddr), .s_axil_arprot(3'd0), .s_axil_arvalid(arvalid), .s_axil_arready(arready),
      .s_axil_rdata(rdata), .s_axil_rvalid(rvalid), .s_axil_rready(1'b1),
      .m_axi_araddr(m_araddr), .m_axi_arlen(m_arlen), .m_axi_arvalid(m_arvalid), .m_axi_arready(m_arready),
      .m_axi_rid(1'b0), .m_axi_rdata(m_rdata), .m_axi_rresp(2'd0), .m_axi_rlast(m_rlast),
      .m_axi_rvalid(m_rvalid), .m_axi_rready(m_rready),
      .m_axi_awaddr(m_awaddr), .m_axi_awlen(m_awlen), .m_axi_awvalid(m_awvalid), .m_axi_awready(m_awready),
      .m_axi_wdata(m_wdata), .m_axi_wvalid(m_wvalid), .m_axi_wready(m_wready),
      .m_axi_bid(1'b0), .m_axi_bresp(2'd0), .m_axi_bvalid(m_bvalid), .m_axi_bready(m_bready),
      .m_axi_prog_araddr(p_araddr), .m_axi_prog_arlen(p_arlen), .m_axi_prog_arvalid(p_arvalid),
      .m_axi_prog_arready(p_arready), .m_axi_prog_rid(1'b0), .m_axi_prog_rdata(p_rdata), .m_axi_prog_rresp(2'd0),
      .m_axi_prog_rlast(p_rlast), .m_axi_prog_rvalid(p_rvalid), .m_axi_prog_rready(p_rready)
  );

  memory #(.BUS_BYTES(BUS_BYTES), .WORDS(WORDS)) dram (
      .clk(clk), .rst(rst),
      .araddr(m_araddr), .arlen(m_arlen), .arvalid(m_arvalid), .arready(m_arready),
      .rdata(m_rdata), .rlast(m_rlast), .rvalid(m_rvalid), .rready(m_rready),
      .awaddr(m_awaddr), .awlen(m_awlen), .awvalid(m_awvalid), .awready(m_awready),
      .wdata(m_wdata), .wvalid(m_wvalid), .wready(m_wready), .bvalid(m_bvalid), .bready(m_bready),
      .prog_araddr(p_araddr), .prog_arlen(p_arlen), .prog_arvalid(p_arvalid), .prog_arready(p_arready),
      .prog_rdata(p_rdata), .prog_rlast(p_rlast), .prog_rvalid(p_rvalid), .prog_rready(p_rready)
  );

  reg [63:0] host[0:WRITES-1];
  reg [31:0] status;
  integer i;

  task write_register(input [31:0] offset, input [31:0] value);
    begin
      @(negedge clk);
      awaddr  = offset[8:0];
      wdata   = value;
      awvalid = 1;
      wvalid  = 1;
      while (!(awready && wready)) @(negedge clk);
      @(negedge clk);
      awvalid = 0;
      wvalid  = 0;
      while (!bvalid) @(negedge clk);
    end
  endtask

  task read_status;
    begin
      @(negedge clk);
      araddr  = STATUS;
      arvalid = 1;
      while (!arready) @(negedge clk);
      @(negedge clk);
      arvalid = 0;
      while (!rvalid) @(negedge clk);
      status = rdata;
    end
  endtask

  initial begin
    $readmemh("image.hex", dram.words);
    $readmemh("host.hex", host);
    repeat (4) @(negedge clk);
    rst = 0;
    read_status;
    while (!status[3]) read_status;
    for (i = 0; i < WRITES; i = i + 1) write_register(host[i][63:32], host[i][31:0]);
    while (!irq) @(negedge clk);
    read_status;
    $writememh("result.hex", dram.words);
    if (status[2]) $display("pinfold: ended with an error");
    else $display("pinfold: done");
    $finish;
  end

  initial begin
    repeat (LIMIT) @(posedge clk);
    $display("pinfold: not done in %0d cycles", LIMIT);
    $finish;
  end
endmodule
