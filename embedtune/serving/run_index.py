"""A run in memory: which of its systems to use, and models, vectors and BM25, loaded once when they are first needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from embedtune.config.index_form import IndexForm
from embedtune.errors import ConfigError, DataError, did_you_mean
from embedtune.evaluation.decision import Decision, follow
from embedtune.formats.beir import read_passages
from embedtune.models.locate import hash_model
from embedtune.project.layout import DATASET, VECTORS
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.project.vector_cache import KnownSearch, VectorCache
from embedtune.retrieval.approximate_index import kept_index
from embedtune.retrieval.bm25 import BM25, SparseVector
from embedtune.retrieval.late_interaction import DEPTH as RERANKED
from embedtune.retrieval.late_interaction import MEMORY
from embedtune.retrieval.searcher import DenseSource, PassageVectors, Searcher, Units, units_of
from embedtune.retrieval.windows import Windows
from embedtune.serving.embedder import Embedder, Which, require_tuned
from embedtune.serving.windows import StoredVectors, VectorStore, encode_passages
from embedtune.systems import BASE, TUNED, System, served_systems
from embedtune.types import Passage, Vectors


def check_system(run: TrainedRun, system: str) -> str:
    """Return the system that is meant; ``auto`` is that of the decision about the run.

    Raises:
        ConfigError: If there is no such system.
        DataError: If it needs a tuned model and training shipped none.
    """
    if system == "auto":
        return follow(run).system
    served = [str(each) for each in served_systems(tuned=True)]
    if system not in served:
        meant = did_you_mean(system, served)
        raise ConfigError(f"system: expected auto or one of {', '.join(served)}, found {system!r}{meant}")
    if System.parse(system).model == TUNED:
        require_tuned(run)
    return system


DEPTH = 1000
"""Passages of either side that are fused where the dense side is a vector store."""

_SAME_VECTOR = 0.9999  # cosine of a text with itself, in any precision of an exact store


class RunIndex:
    """What the systems of one run share.

    Attributes:
        folder: The run folder.
        passages: The corpus, in its order.
        systems: Those that the run has, in the order of tables.
    """

    def __init__(
        self,
        run: Path | str,
        *,
        precision: str | None = None,
        device: str | None = None,
        store: VectorStore | None = None,
        index: str | None = None,
        depth: int = DEPTH,
        token_memory: int = MEMORY,
        trust_remote_code: bool = False,
    ) -> None:
        """Open a run, after verifying every byte against its manifest.

        Args:
            run: With a finished dataset and model.
            precision: ``fp32``, ``bf16`` or ``auto``; None takes that of the run's evaluation, or ``auto``.
            device: Such as ``cpu`` or ``cuda:1``; None takes the best there is.
            store: Holds the passages' vectors (``serving.windows.load_rows``); None holds them in memory.
            index: Approximate index of the shipped model's vectors, such as ``ivf4096,pq48``; it is built unless ``eval`` has.
                None takes the first that the run was evaluated with (``eval --index``), empty searches all vectors.
            depth: Passages of either side that are fused over a store or an index;
                as many as the corpus has give what ``eval`` computes.
            token_memory: MiB in which a reranking system keeps the tokens of passages that it has seen; 0 keeps none.
            trust_remote_code: Run the Python code that comes with the models; never read from the run.

        Raises:
            ConfigError: If ``depth`` is less than 1 or ``token_memory`` less than 0, or there is no such index.
            DataError: If a stage is missing.
            IntegrityError: If dataset or model were changed since they were written.

        A store that holds the vectors of the run's other model is refused with a DataError when it is first searched.
        """
        if depth < 1:
            raise ConfigError(f"depth: expected 1 or more, found {depth}")
        if token_memory < 0:
            raise ConfigError(f"token_memory: expected 0 MiB or more, found {token_memory}")
        self.folder = Path(run)
        self.options: dict[str, Any] = {
            "precision": precision,
            "device": device,
            "store": store,
            "index": index,
            "depth": depth,
            "token_memory": token_memory,
            "trust_remote_code": trust_remote_code,
        }
        self._run = read_trained_run(self.folder, trust_remote_code=trust_remote_code)
        self._precision = precision or self._run.evaluation_settings.precision
        self._device = device
        self._store = store
        self._index = next(iter(self._run.evaluation_settings.index), "") if index is None else _checked(index)
        self._depth = depth
        self._token_memory = token_memory
        self._embedders: dict[Which, Embedder] = {}
        self._sources: dict[Which, DenseSource] = {}
        self._known: dict[Which, KnownSearch | None] = {}
        self.passages: list[Passage] = read_passages(self.folder / DATASET)
        self.systems = [str(system) for system in served_systems(tuned=self._run.record.is_tuned)]

    @cached_property
    def decision(self) -> Decision:
        """Which system to use, and why."""
        return follow(self._run)

    def system(self, name: str = "auto") -> str:
        """Return the system that is meant; ``auto`` is that of the decision.

        Raises:
            ConfigError: If there is no such system.
            DataError: If it needs a tuned model and training shipped none.
        """
        return check_system(self._run, name)

    def embedder(self, which: Which) -> Embedder:
        """Return a model of the run; see ``Embedder.from_run``."""
        if which not in self._embedders:
            self._embedders[which] = Embedder.of(self._run, which, precision=self._precision, device=self._device)
        return self._embedders[which]

    def embedder_of(self, system: str) -> Embedder | None:
        """Return the model that encodes the queries of a system; None for ``bm25``."""
        model = _model_of(system)
        return model and self.embedder(model)

    def encode_queries(self, system: str, texts: Sequence[str]) -> Vectors | None:
        """Return the vectors ``(n, dim)`` of queries, for the evaluation's own queries without the model; None for ``bm25``."""
        model = _model_of(system)
        if model is None:
            return None
        known = self._known_search(model)
        if known and known.queries.keys() >= set(texts):
            return np.stack([known.queries[text] for text in texts])
        return self.embedder(model).encode_queries(texts)

    def sparse_queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """Return the words of queries as sparse vectors over the terms of the passages; see ``BM25.sparse_queries``."""
        return self._bm25.sparse_queries(texts)

    def searcher(self, system: str) -> Searcher:
        """Return what answers the queries of a system, by its exact name."""
        model = _model_of(system)
        lexical = None if System.parse(system).kind == "dense" else self._bm25
        if model is None:
            return Searcher(self._units, lexical=lexical)
        embedder = self.embedder(model)
        return Searcher(
            self._units,
            lexical=lexical,
            dense=self._source(model),
            weight=self._run.record.fusion_weights[model],
            match=embedder.matcher(self.passages, self._token_memory),
            n_reranked=self._run.evaluation_settings.rerank or RERANKED,
            list_depth=None if self._store is None and not self._form(model) else self._depth,
        )

    def _source(self, model: Which) -> DenseSource:
        """Return the vectors that a model searches: the base's, where queries alone were tuned."""
        documents: Which = "base" if self._run.record.queries_only else model
        if documents not in self._sources:
            self._sources[documents] = self._load_source(model)
        return self._sources[documents]

    def _load_source(self, model: Which) -> DenseSource:
        if self._store is not None:
            self._check_store(self._store, model)
            return StoredVectors(self._store, self._units.ids)
        cache = VectorCache(self.folder / VECTORS)
        if known := self._known_search(model):
            name, found = known.name, PassageVectors(known.passages, Windows([], np.array(known.starts)))
        else:
            windows, vectors = encode_passages(self._run, model, self.embedder(model), self.passages)
            documents = self._files("base" if self._run.record.passages == "base" else model)
            name = cache.path(self.embedder(model).encoder, documents, windows.texts).name
            found = PassageVectors(vectors, windows)
        if form := self._form(model):
            found.approximate = kept_index(form, cache, self._files(model), name, found.vectors)
        return found

    def _form(self, model: Which) -> IndexForm | None:
        """Return the approximate index of a model, which only the shipped one has."""
        return IndexForm.parse(self._index) if self._index and model == self._run.record.shipped else None

    def _files(self, model: Which) -> str:
        return hash_model(self.embedder(model).folder) if model == BASE else self._run.model_hash

    def _known_search(self, model: Which) -> KnownSearch | None:
        """Return what the evaluation kept of a model's search: with it, the model is loaded for other queries only."""
        if model not in self._known:
            name = self._run.search_name(self._files(model), self.embedder(model).precision)
            self._known[model] = VectorCache(self.folder / VECTORS).find_search(name)
        return self._known[model]

    def _check_store(self, store: VectorStore, model: Which) -> None:
        """Refuse a store that holds the passage vectors of the run's other model, by one passage."""
        record = self._run.record
        if not record.is_tuned or record.queries_only or record.sketch:
            return  # one model, one index for both, or vectors of another length, which no store takes
        other: Which = "base" if model == TUNED else "tuned"
        own = self._nearest_score(store, model)
        if own < _SAME_VECTOR and self._nearest_score(store, other) > own:
            raise DataError(
                f"vector store: expected passage vectors of the {model} model, found those of the {other} one: training "
                "tuned queries and passages, so an index of one model does not serve the other",
                hint=f"index load_rows(run, {model!r}), or train with --method query-lora to keep an index of the base",
            )

    def _nearest_score(self, store: VectorStore, which: Which) -> float:
        """Return the cosine of the first passage's window, encoded again, and what a store has nearest to it."""
        embedder, passage = self.embedder(which), self.passages[0]
        window = embedder.windows(passage.text, passage.title)[0]
        return max((score for _, score in store.search(embedder.encode_document(window), 1)), default=1.0)

    @cached_property
    def _units(self) -> Units:
        return units_of(self.passages, "passage")

    @cached_property
    def _bm25(self) -> BM25:
        return BM25([passage.full_text for passage in self.passages])


def _checked(index: str) -> str:
    try:
        return index and IndexForm.parse(index).name
    except ValueError as error:
        raise ConfigError(f"index: {error}") from error


def _model_of(system: str) -> Which | None:
    model = System.parse(system).model
    return "tuned" if model == TUNED else "base" if model else None
