"""The machine in Amaranth, one unit a file."""
