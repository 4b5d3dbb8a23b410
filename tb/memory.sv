// A DRAM with two AXI4 ports over one array of bytes, timed exactly by one of three profiles.
//
// Cycle c is the clock period that ends with rising edge c; a handshake is in the cycle whose end samples valid and
// ready high. Cycles count from `start`: the cycle in which it is high is cycle 0. T is a burst's stamp, the cycle of
// its address handshake; n its beats. Latencies are at least 1.
//
// Service, all profiles
//   1. Bursts wait in a queue in order of their stamps; on the same stamp refresh, then write, then read. `flat` has a
//      queue for reads and one for writes; `shared` and `ddr4` have one queue for both. The program port always has
//      its own, timed as reads of `flat`.
//   2. A burst is served from cycle S to E, in queue order. E' is E of the burst before it, 0 for the first.
//   3. Beat k = 0..n-1 is offered (rvalid, or wready) in cycle S + floor(k * rate_cycles / rate_beats), and
//      E = S + ceil(n * rate_cycles / rate_beats). The rate is 1/1 except in `shared`.
//   4. A cycle in which a beat is offered and not taken moves S, and all that follows from it, by one.
//   5. The response of a write is valid in cycle max(last beat + write_latency, response before + 1).
//   6. awready and arready are high unless OUTSTANDING bursts wait; wready is low except when a beat is offered.
//
// flat
//   7. S = max(E', T + read_latency) for reads, S = max(E', T + 1) for writes.
//
// shared
//   8. As 7, with E' of the burst before, whatever its direction.
//
// ddr4: open rows; address = (row, bank, column), row_bytes columns, banks banks; a burst never leaves a row.
//   9. Refresh r = 1, 2, ... has the stamp r * t_refi and takes its place in the queue: E = max(E', stamp) + t_rfc. It
//      closes all rows, and the bus has no direction after it. R is E of the last refresh, 0 before the first.
//  10. The row is open in its bank:      C = T.
//      The bank is closed:               A = max(T, R),     C = A + t_rcd.
//      The bank has another row open:    A = max(T, P) + t_rp, C = A + t_rcd.
//      P is the cycle from which the bank may precharge: max(A + t_ras, L + 1 after a read, L + t_wr after a write)
//      with A of the open row and L the last beat of the bank's last burst (later of all its bursts since A).
//  11. B = E' after a burst of the same direction, a refresh or nothing; E' + t_wtr for a read after a write;
//      E' + t_rtw for a write after a read.
//  12. S = max(B, C + t_cl) for reads, S = max(B, C + t_cwl) for writes.
//
// `stall` holds back ready, valid and beats at random, `hold` all of them: data and order stay right, times do not count.
// An address in `error_page` answers SLVERR, one beyond BYTES answers DECERR; neither writes.
// Files: `load` reads <memory>/<run>.bin to load_address, `dump` writes dump_bytes from dump_address to
// <memory>/<run>.out, with +memory=FOLDER and run a port; bytes in order of address.

module memory #(
    parameter int unsigned BYTES = 1 << 20,
    parameter int unsigned BUS_BYTES = 8,
    parameter int unsigned PROGRAM_BUS_BYTES = BUS_BYTES,
    parameter int unsigned OUTSTANDING = 64
) (
    input logic clk,
    input logic rst,

    // Start of time; contents.
    input logic start,
    input logic load,
    input logic dump,
    input logic [31:0] run,
    input logic [31:0] load_address,
    input logic [31:0] dump_address,
    input logic [31:0] dump_bytes,

    // Profile: 0 flat, 1 shared, 2 ddr4.
    input logic [1:0] profile,
    input logic [15:0] read_latency,
    input logic [15:0] write_latency,
    input logic [15:0] rate_beats,
    input logic [15:0] rate_cycles,
    input logic [15:0] banks,
    input logic [31:0] row_bytes,
    input logic [15:0] t_cl,
    input logic [15:0] t_cwl,
    input logic [15:0] t_rcd,
    input logic [15:0] t_rp,
    input logic [15:0] t_ras,
    input logic [15:0] t_wr,
    input logic [15:0] t_wtr,
    input logic [15:0] t_rtw,
    input logic [15:0] t_refi,
    input logic [15:0] t_rfc,

    // What goes wrong.
    input logic hold,
    input logic stall,
    input logic [31:0] stall_seed,
    input logic error,
    input logic [19:0] error_page,

    // Data port.
    input logic [31:0] araddr,
    input logic [7:0] arlen,
    input logic arvalid,
    output logic arready,
    output logic [8*BUS_BYTES-1:0] rdata,
    output logic [1:0] rresp,
    output logic rlast,
    output logic rvalid,
    input logic rready,
    input logic [31:0] awaddr,
    input logic [7:0] awlen,
    input logic awvalid,
    output logic awready,
    input logic [8*BUS_BYTES-1:0] wdata,
    input logic [BUS_BYTES-1:0] wstrb,
    input logic wvalid,
    output logic wready,
    output logic [1:0] bresp,
    output logic bvalid,
    input logic bready,

    // Program port.
    input logic [31:0] prog_araddr,
    input logic [7:0] prog_arlen,
    input logic prog_arvalid,
    output logic prog_arready,
    output logic [8*PROGRAM_BUS_BYTES-1:0] prog_rdata,
    output logic [1:0] prog_rresp,
    output logic prog_rlast,
    output logic prog_rvalid,
    input logic prog_rready
);
  localparam logic [1:0] FLAT = 0, SHARED = 1, DDR4 = 2;
  localparam logic [1:0] OKAY = 0, SLVERR = 2, DECERR = 3;
  // Queues: 0 is reads of flat and everything of shared and ddr4, 1 is writes of flat, 2 is the program port.
  localparam int QUEUES = 3, BOTH = 0, WRITES = 1, PROGRAM = 2;
  localparam int BANKS = 1024;

  logic [7:0] content[BYTES];

  typedef struct {
    logic write;
    logic [31:0] address;
    int unsigned beats;
    int unsigned stamp;
    logic [1:0] response;
  } burst_t;

  burst_t queue[QUEUES][OUTSTANDING];
  int unsigned head[QUEUES], waiting[QUEUES];
  logic busy[QUEUES], offered[QUEUES];
  burst_t serving[QUEUES];
  int unsigned began[QUEUES];  // S
  int unsigned ended[QUEUES];  // E of the last burst served
  int unsigned beat[QUEUES];  // k

  // Writes whose response is due, and all writes between address and response.
  int unsigned answer_due[OUTSTANDING];
  logic [1:0] answer[OUTSTANDING];
  int unsigned answer_head, answers, writes_open;

  // ddr4: what banks and bus remember.
  logic row_open[BANKS];
  int unsigned row[BANKS];
  int unsigned precharge_from[BANKS];  // P
  int unsigned refreshes;
  int unsigned refresh_ended;  // R
  logic bus_used, bus_wrote;

  int unsigned cycle;  // the name of the next cycle, unless start is high in it
  int unsigned now;
  logic [31:0] chance;
  string folder;
  int file, got;

  initial if (!$value$plusargs("memory=%s", folder)) folder = ".";

  // One xorshift step; a quarter of the results hold something back.
  function automatic logic held_back();
    if (hold) return 1;
    if (!stall) return 0;
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance[9:8] == 0;
  endfunction

  function automatic logic [1:0] response_of(input logic [31:0] address);
    if (address >= BYTES) return DECERR;
    if (error && address[31:12] == error_page) return SLVERR;
    return OKAY;
  endfunction

  function automatic logic writes_of(input int q);
    return q == WRITES || (q == BOTH && serving[BOTH].write);
  endfunction

  // Cycles from S to beat k, and from S to E when k = n: floor and ceiling of the same product.
  function automatic int unsigned beats_take(input int q, input int unsigned k, input logic whole);
    if (profile != SHARED || q == PROGRAM) return k;
    return (k * rate_cycles + (whole ? rate_beats - 1 : 0)) / rate_beats;
  endfunction

  task automatic enqueue(input int q, input logic write, input logic [31:0] address, input logic [7:0] length);
    int unsigned at;
    at = (head[q] + waiting[q]) % OUTSTANDING;
    queue[q][at] = '{write, address, int'(length) + 1, now, response_of(address)};
    waiting[q]++;
  endtask

  // Rules 9 to 12: the cycle of the first beat under ddr4.
  function automatic int unsigned ddr4_start(input burst_t burst);
    int unsigned bank, wanted, column, bus;
    while (t_refi != 0 && (refreshes + 1) * t_refi <= burst.stamp) begin
      refreshes++;
      if (refreshes * t_refi > ended[BOTH]) ended[BOTH] = refreshes * t_refi;
      ended[BOTH] += t_rfc;
      refresh_ended = ended[BOTH];
      bus_used = 0;
      for (int b = 0; b < BANKS; b++) row_open[b] = 0;
    end
    bank = (burst.address / row_bytes) % banks;
    wanted = burst.address / row_bytes / banks;
    column = burst.stamp;
    if (!row_open[bank] || row[bank] != wanted) begin
      if (row_open[bank]) begin
        if (precharge_from[bank] > column) column = precharge_from[bank];
        column += t_rp;
      end else if (refresh_ended > column) column = refresh_ended;
      precharge_from[bank] = column + t_ras;
      column += t_rcd;
    end
    row_open[bank] = 1;
    row[bank] = wanted;
    bus = ended[BOTH];
    if (bus_used && bus_wrote != burst.write) bus += bus_wrote ? t_wtr : t_rtw;
    bus_used = 1;
    bus_wrote = burst.write;
    column += burst.write ? t_cwl : t_cl;
    return bus > column ? bus : column;
  endfunction

  // The bank's next precharge waits for the last beat.
  task automatic ddr4_finish(input burst_t burst);
    int unsigned bank, from;
    bank = (burst.address / row_bytes) % banks;
    from = now + (burst.write ? t_wr : 1);
    if (from > precharge_from[bank]) precharge_from[bank] = from;
  endtask

  task automatic restart();
    for (int q = 0; q < QUEUES; q++) ended[q] = 0;
    for (int b = 0; b < BANKS; b++) row_open[b] = 0;
    refreshes = 0;
    refresh_ended = 0;
    bus_used = 0;
    chance = stall_seed | 1;
  endtask

  task automatic take(input int q);
    if (writes_of(q) && serving[q].response == OKAY) begin
      for (int unsigned i = 0; i < BUS_BYTES; i++)
        if (wstrb[i] && (place(q, BUS_BYTES) + i) < BYTES) content[place(q, BUS_BYTES)+i] = wdata[8*i+:8];
    end
    beat[q]++;
    if (beat[q] == serving[q].beats) begin
      busy[q] = 0;
      ended[q] = began[q] + beats_take(q, beat[q], 1);
      if (profile == DDR4 && q == BOTH) ddr4_finish(serving[q]);
      if (writes_of(q)) begin
        answer_due[(answer_head+answers)%OUTSTANDING] = now + write_latency;
        answer[(answer_head+answers)%OUTSTANDING] = serving[q].response;
        answers++;
      end
    end
  endtask

  // The address of beat k, on the grid of the bus.
  function automatic int unsigned place(input int q, input int unsigned width);
    return (serving[q].address & ~(width - 1)) + beat[q] * width;
  endfunction

  always @(posedge clk) begin
    now = start ? 0 : cycle;
    if (start) restart();

    // What was agreed in this cycle: addresses, writes before reads, then beats.
    if (awvalid && awready) begin
      enqueue(profile == FLAT ? WRITES : BOTH, 1, awaddr, awlen);
      writes_open++;
    end
    if (arvalid && arready) enqueue(BOTH, 0, araddr, arlen);
    if (prog_arvalid && prog_arready) enqueue(PROGRAM, 0, prog_araddr, prog_arlen);
    for (int q = 0; q < QUEUES; q++)
    if (busy[q] && offered[q]) begin
      if (writes_of(q) ? wvalid : (q == PROGRAM ? prog_rready : rready)) begin
        take(q);
        offered[q] = 0;
      end else began[q]++;
    end
    if (bvalid && bready) begin
      bvalid <= 0;
      writes_open--;
    end

    // What the next cycle offers: beats, a response, room for addresses.
    for (int q = 0; q < QUEUES; q++) begin
      if (!busy[q] && waiting[q] != 0) begin
        serving[q] = queue[q][head[q]];
        head[q] = (head[q] + 1) % OUTSTANDING;
        waiting[q]--;
        busy[q] = 1;
        beat[q] = 0;
        if (profile == DDR4 && q == BOTH) began[q] = ddr4_start(serving[q]);
        else begin
          began[q] = serving[q].stamp + (writes_of(q) ? 1 : int'(read_latency));
          if (ended[q] > began[q]) began[q] = ended[q];
        end
      end
      if (busy[q] && !offered[q] && began[q] + beats_take(q, beat[q], 0) <= now + 1) begin
        if (held_back()) began[q]++;
        else offered[q] = 1;
      end
    end

    rvalid <= offered[BOTH] && !writes_of(BOTH);
    wready <= offered[WRITES] || (offered[BOTH] && writes_of(BOTH));
    rlast <= beat[BOTH] + 1 == serving[BOTH].beats;
    rresp <= serving[BOTH].response;
    if (offered[BOTH] && !writes_of(BOTH))
      for (int unsigned i = 0; i < BUS_BYTES; i++)
        rdata[8*i+:8] <= place(BOTH, BUS_BYTES) + i < BYTES ? content[place(BOTH, BUS_BYTES)+i] : 0;
    prog_rvalid <= offered[PROGRAM];
    prog_rlast <= beat[PROGRAM] + 1 == serving[PROGRAM].beats;
    prog_rresp <= serving[PROGRAM].response;
    if (offered[PROGRAM])
      for (int unsigned i = 0; i < PROGRAM_BUS_BYTES; i++)
        prog_rdata[8*i+:8] <= place(PROGRAM, PROGRAM_BUS_BYTES) + i < BYTES ?
            content[place(PROGRAM, PROGRAM_BUS_BYTES)+i] : 0;

    if ((!bvalid || bready) && answers != 0 && answer_due[answer_head] <= now + 1 && !held_back()) begin
      bvalid <= 1;
      bresp <= answer[answer_head];
      answer_head = (answer_head + 1) % OUTSTANDING;
      answers--;
    end

    // An address that waits may not see ready fall for want of room: two may come at once to one queue.
    arready <= waiting[BOTH] + 2 <= OUTSTANDING && !held_back();
    awready <= waiting[BOTH] + 2 <= OUTSTANDING && writes_open + 1 < OUTSTANDING && !held_back();
    prog_arready <= waiting[PROGRAM] + 1 <= OUTSTANDING && !held_back();

    if (rst) begin
      restart();
      for (int q = 0; q < QUEUES; q++) begin
        head[q] = 0;
        waiting[q] = 0;
        busy[q] = 0;
        offered[q] = 0;
      end
      answer_head = 0;
      answers = 0;
      writes_open = 0;
      now = 0;
      {arready, awready, wready, rvalid, bvalid, prog_arready, prog_rvalid} <= '0;
    end
    cycle = now + 1;
  end

  // Contents, apart from time.
  always @(posedge clk) begin
    if (load) begin
      file = $fopen($sformatf("%s/%0d.bin", folder, run), "rb");
      if (file == 0) $fatal(1, "memory cannot read %s/%0d.bin", folder, run);
      got  = $fread(content, file, load_address);
      $fclose(file);
    end
    if (dump) begin
      file = $fopen($sformatf("%s/%0d.out", folder, run), "wb");
      if (file == 0) $fatal(1, "memory cannot write %s/%0d.out", folder, run);
      for (int unsigned i = 0; i < dump_bytes; i++) $fwrite(file, "%c", content[dump_address+i]);
      $fclose(file);
    end
  end
endmodule
