"""Finding passages: embedding models, windows, FAISS, BM25 and their fusion."""
