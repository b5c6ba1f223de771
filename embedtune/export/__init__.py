"""A run's model in other forms, each run by its own engine and held against the checkpoint before it is handed over."""
