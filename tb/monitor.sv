// What is recorded of a run: every burst and every start and finish of a command, with its cycle.
//
// `start` is high in cycle 0 and opens <memory>/<run>.transactions and <memory>/<run>.commands, with +memory=FOLDER;
// `close` closes them. What happens in the very cycle of `start` or `close` is still recorded. Lines, in order of
// cycle, all numbers decimal:
//
//   transactions   CYCLE KIND ADDRESS BEATS      KIND is W data write, R data read, P program read, in this order when
//                                                several are in one cycle; the cycle is the address handshake's
//   commands       QUEUE F INDEX CYCLE           the INDEX-th command (from 0) of the queue finished in the cycle
//                  QUEUE S INDEX CYCLE           ... started; in one cycle all F come before all S, queue 0 first

module monitor #(
    parameter int unsigned QUEUES = 8
) (
    input logic clk,
    input logic start,
    input logic close,
    input logic [31:0] run,

    input logic awvalid,
    input logic awready,
    input logic [31:0] awaddr,
    input logic [7:0] awlen,
    input logic arvalid,
    input logic arready,
    input logic [31:0] araddr,
    input logic [7:0] arlen,
    input logic prog_arvalid,
    input logic prog_arready,
    input logic [31:0] prog_araddr,
    input logic [7:0] prog_arlen,

    input logic [QUEUES-1:0] start_strobes,
    input logic [QUEUES-1:0] finish_strobes
);
  string folder;
  int transactions, commands;
  int unsigned cycle, now;
  int unsigned started[QUEUES], finished[QUEUES];

  initial if (!$value$plusargs("memory=%s", folder)) folder = ".";

  task automatic open();
    if (transactions != 0) shut();
    transactions = $fopen($sformatf("%s/%0d.transactions", folder, run), "w");
    commands = $fopen($sformatf("%s/%0d.commands", folder, run), "w");
    if (transactions == 0 || commands == 0) $fatal(1, "monitor cannot write to %s", folder);
    for (int q = 0; q < QUEUES; q++) begin
      started[q]  = 0;
      finished[q] = 0;
    end
  endtask

  task automatic shut();
    $fclose(transactions);
    $fclose(commands);
    transactions = 0;
    commands = 0;
  endtask

  always @(posedge clk) begin
    if (start) open();
    now = start ? 0 : cycle;
    cycle = now + 1;
    if (transactions != 0) begin
      if (awvalid && awready) $fwrite(transactions, "%0d W %0d %0d\n", now, awaddr, 9'(awlen) + 9'd1);
      if (arvalid && arready) $fwrite(transactions, "%0d R %0d %0d\n", now, araddr, 9'(arlen) + 9'd1);
      if (prog_arvalid && prog_arready)
        $fwrite(transactions, "%0d P %0d %0d\n", now, prog_araddr, 9'(prog_arlen) + 9'd1);
      if (finish_strobes != 0)
        for (int q = 0; q < QUEUES; q++)
        if (finish_strobes[q]) begin
          $fwrite(commands, "%0d F %0d %0d\n", q, finished[q], now);
          finished[q]++;
        end
      if (start_strobes != 0)
        for (int q = 0; q < QUEUES; q++)
        if (start_strobes[q]) begin
          $fwrite(commands, "%0d S %0d %0d\n", q, started[q], now);
          started[q]++;
        end
      if (close) shut();
    end
  end
endmodule
