"""What training may take of a machine's memory where nothing is said."""

CACHE_LIMIT = 2_000_000_000  # bytes of shared activations held in memory
MEMORY_LIMIT = 4_000_000_000  # bytes for the runs of a group, beside them
