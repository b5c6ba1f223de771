"""Advice before any tuning: what a corpus, its queries and this machine say about what is worth doing.

``advise`` measures and returns an ``Advice``. Each question has a module: ``window_share`` (what the embedder's window cuts
off), ``chunk_cells`` (which size of chunk), ``systems`` (BM25, base, fusion and maps of the query), ``scaling`` (would more
queries help), ``cost`` (what tuning takes here); ``recommendation`` turns what was found into one recommendation.
``docs/advise.md`` has the rules and their reasons.
"""
