"""Bodies of any length, sealed and opened while they arrive."""
