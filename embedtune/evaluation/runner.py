"""The models of a table, each with its own prompts and all with the same precision, and the runs of all their systems.

Every model is encoded once and searched with every query set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from embedtune.config.index_form import IndexForm
from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError
from embedtune.evaluation.audits.run import plain_run
from embedtune.evaluation.drift import mean_cosine, mean_overlap
from embedtune.formats.judgements import own_units
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.models.weights import load_rounded
from embedtune.progress import track
from embedtune.project.evaluation_records import IndexRecord
from embedtune.project.layout import doubles
from embedtune.project.trained_run import TrainedRun
from embedtune.project.vector_cache import VectorCache
from embedtune.retrieval.approximate_index import ApproximateIndex, kept_index
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.compact_vectors import in_form
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.retrieval.late_interaction import encoded_tokens, match
from embedtune.retrieval.query_projection import principal_map, project
from embedtune.retrieval.searcher import Match, PassageVectors, Searcher, dense_run, units_of
from embedtune.retrieval.windows import Windows, corpus_windows
from embedtune.systems import System, find_kind, fused_kinds, in_order
from embedtune.types import Passage, QuerySet, Run, Vectors

_log = logging.getLogger("embedtune")
_ITS_OWN = GenerateConfig(source="")
"""Settings that leave a model as it was saved."""


class Model(NamedTuple):
    """A model of the table.

    Attributes:
        weight: Weight of the dense side in fusion with BM25, chosen on dev; None for a model that is not fused.
        family: Models of one family have one tokenizer and one document prompt, and share their windows.
        documents: The model whose passages it searches: itself or, where tuning left the vectors of passages as they were,
            the base.
        has_sketch: Whether a BM25 sketch is appended to those vectors.
        token_vectors: The model that gives the token vectors before pooling; empty for the model itself.
    """

    name: str
    load: Callable[[], Encoder]
    weight: float | None
    family: tuple[str, str | None]
    documents: str
    has_sketch: bool = False
    token_vectors: str = ""

    @property
    def tokens(self) -> str:
        """The model whose token vectors these are."""
        return self.token_vectors or self.name


def models_of_run(run: TrainedRun, base_folder: Path, precision: str) -> list[Model]:
    """Return the base of a run, and the quantised base and the tuned model where training shipped one."""
    record, settings = run.record, run.settings
    weights, family = record.fusion_weights, (str(base_folder), settings.document_prompt)
    models = [Model("base", partial(load_encoder, base_folder, settings, precision), weights["base"], family, "base")]
    if record.is_tuned and record.quantize != "none":
        load = partial(load_rounded, base_folder, settings, precision, record.quantize)
        documents = "base" if record.passages == "base" else "base_quantized"
        models.append(Model("base_quantized", load, None, family, documents))
    if record.is_tuned:
        load = partial(load_encoder, run.merged, settings, precision)
        models.append(
            Model("tuned", load, weights["tuned"], family, record.passages, record.sketch, record.token_vectors)
        )
    return models


def model_of_other_run(run: TrainedRun, precision: str) -> Model:
    """Return what a further run shipped, as ``tuned:NAME``, dense only, even if that is its base."""
    family = (str(run.merged), run.settings.document_prompt)
    name = f"tuned:{run.name}"
    return Model(name, partial(load_encoder, run.merged, run.settings, precision), None, family, name)


def added_model(name: str, folder: Path, precision: str) -> Model:
    """Return a model that belongs to no run, dense only, with its own prompts, named by its folder or as on the hub."""
    shown = Path(name).resolve().name if Path(name).is_dir() else name
    return Model(shown, partial(load_encoder, folder, _ITS_OWN, precision), None, (str(folder), None), shown)


def check_names(models: Sequence[Model]) -> None:
    """Raise ``ConfigError`` for names of models that are not one model's alone."""
    fused = [str(System(kind.name, model.name)) for model in models if model.weight for kind in fused_kinds()]
    if double := doubles(["bm25", *fused, *(model.name for model in models)]):
        raise ConfigError(
            f"models: expected a name of its own for each, found {', '.join(map(repr, double))} more than once",
            hint="models are named by their folders; rename one, or link to it under another name",
        )


class Search:
    """One corpus and its query sets: one BM25, and one set of windows for each family of models.

    Attributes:
        sets: The runs of each query set.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        query_sets: Sequence[QuerySet],
        *,
        window_tokens: int,
        window_overlap: float,
        depth: int,
        kept: KeptVectors | None = None,
        directions: int | None = None,
        rerank: int = 0,
        shipped: str = "",
        vectors: Sequence[str] = (),
        indexes: Sequence[str] = (),
    ) -> None:
        """Set up the search with windows of so many tokens, the share that the next one repeats, and a depth of runs.

        Without ``kept`` all passages are encoded; without ``directions``, principal ones, there is no ``base_pca``. The best
        ``rerank`` passages of each fused search are reranked by their tokens; 0 leaves those systems out. The vectors of the
        ``shipped`` model are searched in other forms too, see ``compact_vectors.in_form``, and by approximate ``indexes``,
        which are built in ``kept``.
        """
        self._kept = kept
        self._shipped = shipped
        self._forms = vectors
        self._indexes = [IndexForm.parse(name) for name in indexes]
        self._directions = directions
        self._base: Vectors | None = None
        self._passages = passages
        self._window = (window_tokens, window_overlap)
        self._windows: dict[tuple[str, str | None], Windows] = {}
        bm25 = BM25([passage.full_text for passage in passages])
        self.sets = [SetRuns(passages, queries, bm25, depth, rerank) for queries in query_sets]

    def add(self, model: Model) -> None:
        """Encode corpus and queries with a model, and search; the base comes first, as others may search its passages."""
        encoder = model.load()
        if model.family not in self._windows:
            self._windows[model.family] = corpus_windows(self._passages, encoder, *self._window)
        windows = self._windows[model.family]
        n_queries = sum(len(table.texts) for table in self.sets)
        known = self._base if model.documents == "base" else None
        n_texts = n_queries + (len(set(windows.texts)) if known is None else 0)
        with track(f"encode: {model.name}", n_texts) as on_progress:
            if known is None:
                vectors = self._encode(model.name, encoder, windows.texts, on_progress)
            else:
                vectors = _with_sketch(encoder, known, windows) if model.has_sketch else known
            encoded = [encoder.encode_queries(table.texts, on_progress) for table in self.sets]
        if self._kept and not model.has_sketch:
            texts = [text for table in self.sets for text in table.texts]
            self._kept.keep(model, encoder, windows, dict(zip(texts, chain.from_iterable(encoded), strict=True)))
        if model.name == "base":
            self._base = vectors
        documents = PassageVectors(vectors, windows)
        for table, queries in zip(self.sets, encoded, strict=True):
            table.search(model, queries, documents, partial(_match, model.name, encoder, windows))
            options: Any = {"windows": windows, **table.ranking}
            if model.name == "base":
                encode = partial(self._encode, "base", encoder)
                table.cut_off = plain_run(encode, self._passages, table.ids, queries, vectors, **options)
                if self._directions:
                    projected = project(queries, principal_map(vectors, self._directions))
                    table.search(model._replace(name="base_pca", weight=None), projected, documents)
            if model.name in ("base", "tuned") and encoder.model.prompts.get("query"):
                # That of the tuned model, which is encoded last, counts.
                bare = encoder.encode_queries_without_prompt(table.texts)
                table.bare = dense_run(table.ids, bare, vectors, **options)
        if model.name == self._shipped:
            self._search_forms(model, encoder, documents, encoded)

    def _search_forms(
        self, model: Model, encoder: Encoder, documents: PassageVectors, encoded: Sequence[Vectors]
    ) -> None:
        """Search the vectors of the shipped model in further forms and by approximate indexes, which take minutes to build."""
        for form in self._forms:
            for table, queries in zip(self.sets, encoded, strict=True):
                shorter, kept = in_form(form, queries, documents.vectors)
                table.search(_added_form(model, form), shorter, PassageVectors(kept, documents.windows))
        for each in self._indexes:
            assert self._kept is not None
            with track(f"build index: {each.name}", 1) as on_progress:
                by_index = replace(documents, approximate=self._kept.index_of(each, model, encoder, documents))
                on_progress(1)
            for table, queries in zip(self.sets, encoded, strict=True):
                table.search_index(model, each.name, queries, by_index)

    def _encode(
        self, name: str, encoder: Encoder, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Encode passages with a model, or read their vectors if they are kept."""
        if self._kept and name in self._kept.models:
            return self._kept.cache.documents(encoder, self._kept.models[name], texts, on_progress)
        return encoder.encode_documents(texts, on_progress)


class KeptVectors(NamedTuple):
    """Where vectors of the run's own models are kept, for later evaluations and for serving.

    Attributes:
        cache: Of the run.
        models: Name of the model → hash of its files.
        search_name: Hash of a model's files, and precision → name of what is kept of its search.
    """

    cache: VectorCache
    models: Mapping[str, str]
    search_name: Callable[[str, str], str]

    def keep(self, model: Model, encoder: Encoder, windows: Windows, queries: Mapping[str, Vectors]) -> None:
        """Keep the query vectors of one of these models; text → vector."""
        if model.name in self.models:
            files = self.models[model.name]
            name = self.search_name(files, encoder.precision)
            passages = self.cache.path(encoder, self.models[model.documents], windows.texts)
            self.cache.keep_search(name, files, queries, passages, windows.starts.tolist())

    def index_of(self, form: IndexForm, model: Model, encoder: Encoder, documents: PassageVectors) -> ApproximateIndex:
        """Return an index of what one of these models searches, built if it is not there."""
        passages = self.cache.path(encoder, self.models[model.documents], documents.windows.texts)
        return kept_index(form, self.cache, self.models[model.name], passages.name, documents.vectors)


class SetRuns:
    """The runs of one query set by system, and what audits need besides.

    Attributes:
        cut_off: The base's run with every passage cut off at its window, as a stack that does less than ours finds it.
        bare: The shipped model's run with queries encoded without their prompt; None where there is none.
        indexes: What approximate indexes find of the exact search.
    """

    def __init__(self, passages: Sequence[Passage], queries: QuerySet, bm25: BM25, depth: int, n_reranked: int) -> None:
        self.texts = [query.text for query in queries.queries]
        self.ids = [query.query_id for query in queries.queries]
        self.units = units_of(passages, queries.judged_unit)
        self.left_out = own_units(queries, passages)
        if self.left_out:
            words = "%s: %d of %d queries are passages of the corpus, and are left out of their own rankings"
            _log.warning(words, queries.name, len(self.left_out), len(self.ids))
        self.depth = depth
        self.cut_off: Run = {}
        self.bare: Run | None = None
        self.indexes: list[IndexRecord] = []
        self._bm25 = bm25
        self._n_reranked = n_reranked
        self._queries: dict[str, Vectors] = {}
        self._matches: dict[str, list[dict[int, float]]] = {}
        lexical = Searcher(self.units, lexical=bm25, left_out=self.left_out)
        self._runs = lexical.runs(self.ids, self.texts, None, [find_kind("bm25")], depth)

    @property
    def ranking(self) -> dict[str, Any]:
        """What a run of these queries ranks, as ``dense_run`` takes it."""
        return {"units": self.units, "depth": self.depth, "left_out": self.left_out}

    @property
    def runs(self) -> dict[str, Run]:
        """The runs by system, those of the contract first."""
        return {name: self._runs[name] for name in in_order(self._runs)}

    def search(self, model: Model, queries: Vectors, documents: PassageVectors, match: Match | None = None) -> None:
        """Add a model's dense run and, where it has a weight, those of all fused systems; known matches are reused."""
        self._queries[model.name] = queries
        kinds = [find_kind("dense")]
        if model.weight is not None:
            kinds += [kind for kind in fused_kinds() if self._n_reranked or not kind.reranked]
        searcher = Searcher(
            self.units,
            lexical=self._bm25,
            dense=documents,
            weight=DEFAULT_WEIGHT if model.weight is None else model.weight,
            match=match,
            n_reranked=self._n_reranked,
            left_out=self.left_out,
        )
        known = self._matches.setdefault(model.tokens, [{} for _ in self.ids])
        found = searcher.runs(self.ids, self.texts, queries, kinds, self.depth, matches=known)
        self._runs |= {str(System(kind, model.name)): run for kind, run in found.items()}

    def search_index(self, model: Model, name: str, queries: Vectors, documents: PassageVectors) -> None:
        """Add the run of a model that was searched exactly, by an approximate index of this name, and hold it against that."""
        by_index = _added_form(model, name)
        self.search(by_index, queries, documents)
        assert documents.approximate is not None
        recall = mean_overlap(self._runs[model.name], self._runs[by_index.name])
        index = documents.approximate
        self.indexes.append(
            IndexRecord(
                system=by_index.name,
                recall_at_10=round(recall, 6),
                n_bytes=index.n_bytes,
                flat_bytes=documents.vectors.nbytes,
                parameters=index.parameters,
            )
        )

    @property
    def query_cosine(self) -> float | None:
        """Mean cosine of query vectors under base and tuned; None without a tuned model, or if it tuned passages alone."""
        base, tuned = (self._queries.get(name) for name in ("base", "tuned"))
        return None if base is None or tuned is None or np.array_equal(base, tuned) else mean_cosine(base, tuned)


def _added_form(model: Model, form: str) -> Model:
    """Return a model whose vectors are searched in another form, as a row of its own."""
    return model._replace(name=f"{model.name}:{form}", weight=None)


def _with_sketch(encoder: Encoder, vectors: Vectors, windows: Windows) -> Vectors:
    """Return the base's vectors with the BM25 sketch of a hybrid vector appended."""
    from embedtune.models.hybrid_vector import append_sketches

    return append_sketches(encoder.model[0], vectors, windows.texts)


def _match(
    name: str, encoder: Encoder, windows: Windows, texts: Sequence[str], candidates: Sequence[Sequence[int]]
) -> list[dict[int, float]]:
    with track(f"rerank: {name}", len({passage for passages in candidates for passage in passages})) as on_progress:
        return match(encoder, texts, candidates, encoded_tokens(encoder, windows.of_passage), on_progress)
