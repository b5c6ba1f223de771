"""What tuning cost elsewhere: base and tuned model on a general set that has nothing to do with the user's documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from embedtune import resources
from embedtune.documents.chunking import keep_whole
from embedtune.documents.reading import read_source
from embedtune.errors import ConfigError, DataError
from embedtune.evaluation.drift import mean_cosine, mean_overlap, mean_rank_biased_overlap
from embedtune.evaluation.measures import per_query
from embedtune.evaluation.points import evidence, points
from embedtune.evaluation.significance import compare
from embedtune.evaluation.slices import by_document
from embedtune.evaluation.verdict import PRIMARY
from embedtune.formats.judgements import check_judged, own_units, share_judgements
from embedtune.models.encoder import Encoder
from embedtune.models.opening import has_own_module
from embedtune.models.weights import Interpolation, in_shape_of
from embedtune.project.evaluation_records import Comparison, DriftRecord, ForgettingRecord, ForgettingSet
from embedtune.project.records import Measures
from embedtune.retrieval.searcher import LeftOut, Units, dense_run, units_of
from embedtune.retrieval.windows import Windows, corpus_windows
from embedtune.types import Floats, Qrels, Run, Vectors

MEASURES = (PRIMARY, "hit_rate@5", "mrr@10")
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
MAX_LOSS = 0.02
"""A loss of the primary measure that one would want to know of: two points."""

_PAIR = ("tuned", "base")
_DEPTH = 10


class _Set(NamedTuple):
    """A BEIR folder, ready to be searched."""

    name: str
    query_ids: list[str]
    texts: list[str]
    qrels: Qrels
    windows: Windows
    units: Units
    left_out: LeftOut


class _Searched(NamedTuple):
    """What one model made of one set."""

    passages: Vectors
    queries: Vectors
    run: Run
    scores: Mapping[str, Floats]


def measure_forgetting(
    base: Encoder,
    tuned: Encoder,
    *,
    at_strength: Callable[[float], Encoder] | None = None,
    strengths: Sequence[float] = STRENGTHS,
    extra_sets: Sequence[Path] = (),
    window_tokens: int = 128,
    window_overlap: float = 0.25,
    seed: int = 0,
) -> ForgettingRecord:
    """Compare base and tuned model, with their prompts, on the general set and on BEIR folders of your own with a test split.

    ``at_strength`` gives the model at a strength in [0, 1], see ``strengths_between``; none leaves the curve out. Both models
    get the same windows.

    Raises:
        DataError: If a folder is no BEIR folder with test queries, or judges nothing that it holds.
        ConfigError: If the two models give vectors of different length, or a strength is not in [0, 1].
    """
    lengths = [encoder.model.get_embedding_dimension() or 0 for encoder in (base, tuned)]
    if lengths[0] > lengths[1] or (lengths[0] < lengths[1] and not has_own_module(tuned.model)):
        raise ConfigError(
            f"forgetting: expected two models with vectors of one length, found {lengths[0]} and {lengths[1]}",
            hint="the base must be the model that was tuned",
        )
    if outside := [strength for strength in strengths if not 0 <= strength <= 1]:
        raise ConfigError(f"forgetting: expected strengths from 0 to 1, found {outside[0]}")
    sets: dict[str, ForgettingSet] = {}
    for folder in (resources.GENERAL_SET, *extra_sets):
        query_set = _read(folder, base, window_tokens, window_overlap)
        name = query_set.name if query_set.name not in sets else str(folder)
        before, after = _search(query_set, base), _search(query_set, tuned)
        ends, curve = {0.0: before, 1.0: after}, []
        if at_strength:
            for strength in strengths:
                found = ends[strength] if strength in ends else _search(query_set, at_strength(strength))
                means = {name: round(float(found.scores[name].mean()), 6) for name in MEASURES}
                curve.append({"strength": strength, **means})
        sets[name] = _compare(query_set, before, after, curve, seed)
    worst = max((each.severity for each in sets.values()), key=("ok", "note", "warn").index)
    return ForgettingRecord(severity=worst, strengths=list(strengths) if at_strength else [], sets=sets)


def strengths_between(base: Encoder, tuned: Encoder) -> Callable[[float], Encoder] | None:
    """Return what gives the encoder at a strength; it holds one model, so use each encoder before asking for the next.

    None for a model with a module of this package, which the base lacks: there is no line between their weights.
    ``ConfigError`` if the models are not of the same shape.
    """
    if has_own_module(tuned.model):
        return None
    line = Interpolation(in_shape_of(tuned.model, base.model), tuned.model)
    return lambda strength: Encoder(line.at(strength), precision=tuned.precision)


def _read(folder: Path, encoder: Encoder, window_tokens: int, window_overlap: float) -> _Set:
    source = read_source(str(folder))
    if "test" not in source.queries:
        raise DataError.at(
            folder, None, "a BEIR folder with qrels/test.tsv", f"splits: {', '.join(source.queries) or 'none'}"
        )
    passages = list(keep_whole(source.documents))
    queries = source.queries["test"]
    check_judged(str(folder), queries.qrels, {passage.document_id for passage in passages})
    shared = share_judgements(queries, passages)
    return _Set(
        folder.name,
        [query.query_id for query in shared.queries],
        [query.text for query in shared.queries],
        shared.qrels,
        corpus_windows(passages, encoder, window_tokens, window_overlap),
        units_of(passages, shared.judged_unit),
        own_units(shared, passages),
    )


def _search(query_set: _Set, encoder: Encoder) -> _Searched:
    passages, queries = encoder.encode_documents(query_set.windows.texts), encoder.encode_queries(query_set.texts)
    options: Any = {"windows": query_set.windows, "units": query_set.units, "left_out": query_set.left_out}
    run = dense_run(query_set.query_ids, queries, passages, depth=_DEPTH, **options)
    values = per_query(query_set.qrels, run)
    return _Searched(passages, queries, run, {name: np.array(list(values[name].values())) for name in MEASURES})


def _compare(query_set: _Set, base: _Searched, tuned: _Searched, curve: list[Measures], seed: int) -> ForgettingSet:
    scores = {"base": base.scores, "tuned": tuned.scores}
    compared = compare(scores, [_PAIR], by_document(query_set.qrels), seed=seed)[_PAIR]
    severity, sentence = _describe(query_set.name, compared[PRIMARY])
    return ForgettingSet(
        n_passages=len(query_set.units.ids),
        n_queries=len(query_set.query_ids),
        measures={name: comparison.rounded() for name, comparison in compared.items()},
        drift=DriftRecord(
            passage_cosine=round(mean_cosine(base.passages, tuned.passages), 6),
            query_cosine=round(mean_cosine(base.queries, tuned.queries), 6),
            top10_overlap=round(mean_overlap(base.run, tuned.run), 6),
            top10_rbo=round(mean_rank_biased_overlap(base.run, tuned.run), 6),
        ),
        severity=severity,
        sentence=sentence,
        curve=curve,
    )


def _describe(name: str, comparison: Comparison) -> tuple[str, str]:
    """Return severity and sentence: a significant loss warns, one that cannot be ruled out is noted."""
    figures = (
        f"{comparison.measure} on {name} goes from {comparison.reference_mean:.3f} to {comparison.mean:.3f} "
        f"({points(comparison.difference)} points, {evidence(comparison.ci95, comparison.p)})"
    )
    if comparison.worse:
        return "warn", f"The tuned model has forgotten: {figures}. Take a smaller strength, or fewer epochs."
    if comparison.low < -MAX_LOSS:
        return "note", f"No significant loss, but one of {100 * MAX_LOSS:.0f} points cannot be ruled out: {figures}."
    return "ok", f"General retrieval is unchanged: {figures}."
