"""What trains: the reference trainer, the shared engine, and what both make of a model and its data."""
