"""A run inside the frameworks that applications are built with: thin over ``embedtune.serving``, one module for each.

Public names, which stay:

``llama_index`` (extra ``llama-index``)
    ``EmbedtuneEmbedding(run=RUN)``, ``EmbedtuneRetriever(RUN)``, ``QueryAdapterEmbedding(embedding, FOLDER)``,
    ``window_nodes``, ``run_nodes``.
``langchain`` (extra ``langchain``)
    ``EmbedtuneEmbeddings(run=RUN)``, ``EmbedtuneRetriever(run=RUN)``, ``QueryAdapterEmbeddings(embeddings, FOLDER)``,
    ``window_documents``.
``haystack`` (extra ``haystack``)
    ``EmbedtuneTextEmbedder(run=RUN)``, ``EmbedtuneDocumentEmbedder(run=RUN)``, ``EmbedtuneRetriever(run=RUN)``,
    ``window_documents``.

All take ``which`` (``shipped``, ``base``, ``tuned``) or ``system`` (``auto`` or a system of ``eval``), ``precision`` and
``device`` as ``serving`` does. Where the frameworks' own classes drop a saved query prompt, these use it.
"""
