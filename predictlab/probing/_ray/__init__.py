"""Groups of runs on the nodes of a Ray cluster."""
