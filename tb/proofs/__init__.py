"""Proofs about units of the hardware, at the smallest sizes, for every input and any length of time."""
