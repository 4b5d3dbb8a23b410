"""What FPGA flows take: the machine as one Verilog file, and what stands beside it."""
