"""A finished run as an application uses it: the same vectors and the same order of passages that ``eval`` measured.

Public names, which stay:

``embedder.Embedder``
    Queries and documents to vectors. ``Embedder.from_run(RUN, which="shipped")``, ``encode_queries``, ``encode_documents``,
    ``encode_query``, ``encode_document``, ``windows``, ``dimension``, ``query_prompt``, ``document_prompt``,
    ``window_tokens``.
``retriever.Retriever``, ``hits.Hit``, ``hits.Parts``
    ``Retriever.from_run(RUN, system="auto")``, ``retrieve(query, k)``, ``retrieve_batch(queries, k)``, ``system``.
``opened_run.RunIndex``
    What several retrievers of one run share: ``Retriever(opened, "base")``, ``Retriever(opened, "tuned")``; ``passages``,
    ``systems``, ``embedder(which)``.
``choice.SERVED``, ``choice.choose_system``, ``choice.served_systems``
    The systems there are, the one that the verdict of a run names, and those that a run has.
``window_rows.WindowRow``, ``window_rows.load_rows``
    The windows of a run's passages with their vectors, for a vector store.
``stores.VectorStore``
    What a retriever asks of your vector store: one method, ``search(vector, k)``.
``adapters.Adapters``
    Several tuned models over one base: ``Adapters.from_runs({NAME: RUN, …})``, ``add(NAME, RUN)``; ``adapters[NAME]`` is an
    ``Embedder``.
``query_adapter.QueryAdapter``
    A map of the query vectors of an embedder that is not ours: ``QueryAdapter(RUN/query_adapter).apply(vector)``.
``comparison.compare``, ``comparison.Comparison``
    One query by several systems, with what moved; the command ``embedtune compare``.
``excerpts.Excerpts``, ``excerpts.Excerpt``
    The stretch of a passage in which a query's words stand.
``answers.quote``, ``answers.quote_texts``, ``answers.Quote``
    The sentences of found passages that are nearest to a query, word for word.
"""
