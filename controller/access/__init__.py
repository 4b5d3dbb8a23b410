"""Data movement on integer sets: which element of which tensor is read, and which copies need not happen."""
