"""A run in memory: models, vectors and BM25 are loaded when they are first needed, once for all systems that share them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from embedtune.errors import ConfigError
from embedtune.formats.beir import read_passages
from embedtune.project.layout import DATASET
from embedtune.project.trained_run import read_trained_run
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.search import Units, units_of
from embedtune.serving.dense import DenseSide, InMemory, InStore
from embedtune.serving.embedder import Embedder, Which
from embedtune.serving.engines import MEMORY, ByMeaning, ByWords, Engine, Fused, Reranked
from embedtune.serving.stores import StoredVectors, VectorStore
from embedtune.serving.system_choice import check_system, measured_precision, reranked_depth, systems_of
from embedtune.serving.windows import encode_passages
from embedtune.systems import TUNED, System
from embedtune.types import Passage

DEPTH = 1000
"""Passages of either side that are fused where the dense side is a vector store."""


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
        depth: int = DEPTH,
        token_memory: int = MEMORY,
    ) -> None:
        """Open a run, after every byte of it was held against its record.

        Args:
            run: With a finished dataset and model.
            precision: ``fp32``, ``bf16`` or ``auto``; None takes that of the run's evaluation, or ``auto``.
            device: Such as ``cpu`` or ``cuda:1``; None takes the best there is.
            store: Holds the passages' vectors (``window_rows.load_rows``); None holds them in memory.
            depth: Passages of either side that are fused over a store; as many as the corpus has give what ``eval`` computes.
            token_memory: MiB in which a reranking system keeps the tokens of passages that it has seen; 0 keeps none.

        Raises:
            ConfigError: If ``depth`` is less than 1 or ``token_memory`` less than 0.
            DataError: If a stage is missing.
            IntegrityError: If dataset or model were changed since they were written.
        """
        if depth < 1:
            raise ConfigError(f"depth: expected 1 or more, found {depth}")
        if token_memory < 0:
            raise ConfigError(f"token_memory: expected 0 MiB or more, found {token_memory}")
        self.folder = Path(run)
        self.options = {
            "precision": precision,
            "device": device,
            "store": store,
            "depth": depth,
            "token_memory": token_memory,
        }
        self._run = read_trained_run(self.folder)
        self._precision = precision or measured_precision(self._run)
        self._device = device
        self._store = store
        self._depth = depth
        self._token_memory = token_memory
        self._embedders: dict[Which, Embedder] = {}
        self._sides: dict[Which, DenseSide] = {}
        self.passages: list[Passage] = read_passages(self.folder / DATASET)
        self.systems = systems_of(self._run)

    def system(self, name: str = "auto") -> str:
        """Return the system that is meant; ``auto`` is what the run's verdict names.

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
        return None if system == "bm25" else self.embedder(_model_of(system))

    def engine(self, system: str) -> Engine:
        """Return what answers the queries of a system, by its exact name."""
        embedder = self.embedder_of(system)
        if embedder is None:
            return ByWords(self._bm25, self._units)
        model = _model_of(system)
        kind = System.parse(system).kind
        if kind == "dense":
            return ByMeaning(embedder, self._side(model))
        weight = self._run.record.fusion_weights[model]
        how = "hybrid" if kind == "rerank" else kind
        engine = Fused(how, embedder, self._side(model), self._bm25, self._units, weight)
        if kind != "rerank":
            return engine
        depth = reranked_depth(self._run)
        return Reranked(engine, embedder, self.passages, weight=weight, depth=depth, memory=self._token_memory)

    def _side(self, model: Which) -> DenseSide:
        """Return the vectors that a model searches: the base's, where queries alone were tuned."""
        documents: Which = "base" if self._run.record.queries_only else model
        if documents not in self._sides:
            self._sides[documents] = self._load_side(model)
        return self._sides[documents]

    def _load_side(self, model: Which) -> DenseSide:
        if self._store is not None:
            return InStore(StoredVectors(self._store, self._units.ids), self._units, self._depth)
        windows, vectors = encode_passages(self._run, model, self.embedder(model), self.passages)
        return InMemory(vectors, windows, self._units)

    @cached_property
    def _units(self) -> Units:
        return units_of(self.passages, "passage")

    @cached_property
    def _bm25(self) -> BM25:
        return BM25([passage.full_text for passage in self.passages])


def _model_of(system: str) -> Which:
    return "tuned" if System.parse(system).model == TUNED else "base"
