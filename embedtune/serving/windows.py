"""The windows of a run's passages with their vectors: rows of an index, in memory or in your vector store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from embedtune.errors import DataError
from embedtune.formats.beir import read_passages
from embedtune.models.encoder import Encoder
from embedtune.models.locate import hash_model
from embedtune.progress import track
from embedtune.project.layout import DATASET
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.project.vector_cache import vectors_of_run
from embedtune.retrieval.windows import Windows, corpus_windows
from embedtune.serving.embedder import Embedder, Which, resolve
from embedtune.types import Matrix, Passage, Vectors


class WindowRow(NamedTuple):
    """One row of a vector store.

    Attributes:
        window_id: Of the passage, ``#`` and the number of the window in it, from 0.
        passage_id: To be kept as metadata; a passage scores as its best window.
        vector: Unit vector ``(dim,)`` in fp32.
    """

    window_id: str
    passage_id: str
    text: str
    vector: Vectors


def load_rows(
    run: Path | str, which: Which = "auto", *, precision: str | None = None, trust_remote_code: bool = False
) -> list[WindowRow]:
    """Return the rows for a vector store, in corpus order.

    Rows of the base serve every model of the run that tuned queries alone.

    Args:
        run: The run folder.
        which: Whose passage vectors; see ``Embedder.from_run``.
        precision: ``fp32``, ``bf16`` or ``auto``; None takes that of the run's evaluation, or ``auto``.
        trust_remote_code: Run the Python code that comes with the model.

    Raises:
        EmbedtuneError: As ``Embedder.from_run`` does.
    """
    opened = read_trained_run(Path(run), trust_remote_code=trust_remote_code)
    which = resolve(opened, which)
    embedder = Embedder.of(opened, which, precision=precision or opened.evaluation_settings.precision)
    passages = read_passages(opened.folder / DATASET)
    windows, vectors = encode_passages(opened, which, embedder, passages)
    ids = window_ids(passages, windows)
    return [WindowRow(*row) for row in zip(*ids, windows.texts, vectors, strict=True)]


def window_ids(passages: Sequence[Passage], windows: Windows) -> tuple[list[str], list[str]]:
    """Return each window's id, and the id of its passage."""
    counted = [
        (passage.passage_id, number)
        for passage, texts in zip(passages, windows.by_passage(), strict=True)
        for number in range(len(texts))
    ]
    return [f"{passage_id}#{number}" for passage_id, number in counted], [passage_id for passage_id, _ in counted]


def encode_passages(
    run: TrainedRun, which: Which, embedder: Embedder, passages: Sequence[Passage]
) -> tuple[Windows, Vectors]:
    """Return the windows of a run's passages and their vectors, ``(n_windows, dim)``, if possible from the run's cache."""
    encoder = embedder.encoder
    windows = corpus_windows(passages, encoder, run.settings.window_tokens, run.settings.window_overlap)
    with track(f"encode: {which}", len(set(windows.texts))) as on_progress:
        # Where queries alone were tuned the passages' model is the base.
        model = run.model.identity.model if which != "base" and run.record.passages == "base" else None
        model = str(model or (hash_model(embedder.folder) if which == "base" else run.model_hash))
        if which == "base" or not run.record.sketch:
            return windows, vectors_of_run(run.folder, encoder, model, windows.texts, on_progress)
        from embedtune.models.hybrid_vector import append_sketches

        vectors = vectors_of_run(run.folder, _encoder_of_base(encoder), model, windows.texts, on_progress)
    return windows, append_sketches(encoder.model[0], vectors, windows.texts)


def _encoder_of_base(encoder: Encoder) -> Encoder:
    """Return the passages' model below the words, which is the base, as the base would be loaded."""
    from sentence_transformers import SentenceTransformer

    dense = encoder.model[0].dense
    prompts = {**dense.prompts, **encoder.model.prompts}
    base = SentenceTransformer(modules=list(dense.children()), prompts=prompts, device=str(dense.device))
    return Encoder(base, precision=encoder.precision)


class VectorStore(Protocol):
    """What a retriever asks of a store; FAISS, Chroma, Qdrant and LanceDB take five lines each (``docs/examples``)."""

    def search(self, vector: Vectors, k: int) -> Sequence[tuple[str, float]]:
        """Return the k windows nearest to a query vector ``(dim,)``, best first, as passage id and cosine.

        A passage may come more than once, by several windows. Fewer than k mean that there are no more. A store that gives
        distances gives ``1 - distance`` here.
        """
        ...


class StoredVectors:
    """The passages of a run in a store; the score of what it does not return is -inf."""

    def __init__(self, store: VectorStore, passage_ids: Sequence[str]) -> None:
        """Use a store that holds windows of these passages; ids in corpus order."""
        self._store = store
        self._number = {passage_id: number for number, passage_id in enumerate(passage_ids)}

    def scores(self, queries: Vectors, k: int | None) -> Matrix:
        """See ``retrieval.searcher.DenseSource``."""
        return np.stack([self._row(query, k or len(self._number)) for query in queries])

    def _row(self, query: Vectors, k: int) -> NDArray[np.float32]:
        """Ask deeper until there are enough passages, since several windows can be one passage's."""
        depth = k
        while True:
            found = self._store.search(query, depth)
            row = np.full(len(self._number), -np.inf, dtype=np.float32)
            for passage_id, score in found:
                if (number := self._number.get(passage_id)) is None:
                    raise DataError(
                        f"vector store: expected passages of this run, found {passage_id!r}",
                        hint="index the rows of embedtune.serving.windows.load_rows, and return their passage_id",
                    )
                row[number] = max(row[number], score)
            if len(found) < depth or np.count_nonzero(row > -np.inf) >= min(k, len(row)):
                return row
            depth *= 2
