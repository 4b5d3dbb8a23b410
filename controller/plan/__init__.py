"""Memory-management methods: networks as layer graphs, plans for them, and what the plans cost."""
