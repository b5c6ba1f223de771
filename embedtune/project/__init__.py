"""A run folder on disk: layout, lock, manifests, records and cached vectors."""
