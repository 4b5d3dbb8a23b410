"""Benches of the hardware on Verilator."""
