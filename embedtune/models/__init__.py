"""Embedding models: finding, checking, loading, encoding, quantising, adapting and merging them."""
