"""Order, residency, prefetches and banks of a whole network together, for cycles on the exact model."""
