"""Search passages: BM25, dense vectors, windows, hybrid search and late interaction."""
