"""Defects that move the figures of an evaluation, each with its impact in points of the primary measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from embedtune.dataset import Dataset
from embedtune.documents.near_duplicates import same_passages
from embedtune.evaluation.audits import models, queries
from embedtune.evaluation.audits.models import Prompts, Seen
from embedtune.formats.judgements import share_judgements
from embedtune.models.encoder import Encoder
from embedtune.models.inspect import read_prompts, retrieval_prompts
from embedtune.models.readable_text import ScriptReading
from embedtune.project.evaluation_records import AuditRecord
from embedtune.retrieval.searcher import LeftOut, Units, dense_run, passages_by_unit
from embedtune.retrieval.windows import Windows
from embedtune.types import KINDS_OF_PEOPLE, Passage, QuerySet, Run, Vectors


def audit(
    dataset: Dataset,
    as_judged: QuerySet,
    runs: Mapping[str, Run],
    encoder: Encoder,
    *,
    prompts: Prompts | None = None,
    plain: Run | None = None,
    without_prompt: Run | None = None,
    query_cosine: float | None = None,
    reading: Sequence[ScriptReading] | None = None,
) -> list[AuditRecord]:
    """Run all audits that the arguments allow; they come in a fixed order.

    ``as_judged`` are the queries before identical texts were given one judgement; of the runs, ten deep or more, ``base`` and
    ``tuned`` count. The encoder is the base. For ``plain`` see ``plain_run``; ``without_prompt`` is the run of the shipped
    model with queries encoded without the prompt, the cosine that of query vectors under base and tuned, in [-1, 1], and
    ``reading`` how the base reads the passages.
    """
    compared = {system: runs[system] for system in ("base", "tuned") if system in runs}
    labelled = share_judgements(as_judged, dataset.passages)
    qrels = labelled.qrels
    members = passages_by_unit(dataset.passages, labelled.judged_unit)
    texts = {unit: "\n".join(passage.full_text for passage in passages) for unit, passages in members.items()}
    relevant = {
        query_id: [passage for unit, grade in grades.items() if grade > 0 for passage in members.get(unit, ())]
        for query_id, grades in qrels.items()
    }
    found = [
        queries.audit_same_text(as_judged.qrels, qrels, compared),
        queries.audit_equal_negatives(qrels, compared, texts),
        queries.audit_unanswered(qrels, compared, texts.keys()),
        queries.audit_leakage(
            qrels,
            compared,
            queries.near_queries(labelled.queries, dataset.splits["train"].queries),
            _seen_answers(labelled, relevant, dataset),
        ),
        _audit_window(labelled, relevant, compared, encoder, plain),
    ]
    if "tuned" in compared:
        found.append(models.audit_change(qrels, compared, query_cosine))
    if prompts:
        found.append(models.audit_prompts(prompts, qrels, compared, without_prompt))
    if reading:
        found.append(models.audit_reading(reading, len(qrels)))
    return found


def prompts_between(base: Path, shipped: Path, *, query_prompt: str | None, document_prompt: str | None) -> Prompts:
    """Return the prompts of the base's folder, those a run encodes with, and those that the shipped folder carries.

    A setting of None keeps the base's own prompt.
    """
    own = _saved_prompts(base)
    used = retrieval_prompts(own, query_prompt=query_prompt, document_prompt=document_prompt)
    return Prompts(base=own, used=used, saved=_saved_prompts(shipped))


def _saved_prompts(folder: Path) -> dict[str, str]:
    """Return the prompts that a sentence-transformers folder carries; none where it says nothing."""
    if not (folder / "config_sentence_transformers.json").is_file():
        return {}
    return {name: text for name, text in read_prompts(folder).items() if text}


def plain_run(
    encode: Callable[[list[str]], Vectors],
    passages: Sequence[Passage],
    query_ids: Sequence[str],
    queries: Vectors,
    vectors: Vectors,
    *,
    windows: Windows,
    units: Units,
    depth: int,
    left_out: LeftOut | None = None,
) -> Run:
    """Return the run of a framework that truncates every passage at the model's window.

    Only passages of several windows are encoded again; queries have vectors ``(n_queries, dim)``, all windows
    ``(n_windows, dim)``.
    """
    firsts = windows.starts
    cut = vectors[firsts]
    several = np.flatnonzero(np.diff([*firsts.tolist(), len(vectors)]) > 1)
    if len(several):
        cut[several] = encode([passages[number].full_text for number in several.tolist()])
    whole = Windows([passage.full_text for passage in passages], np.arange(len(passages)))
    return dense_run(query_ids, queries, cut, windows=whole, units=units, depth=depth, left_out=left_out)


def _seen_answers(labelled: QuerySet, relevant: Mapping[str, list[Passage]], dataset: Dataset) -> set[str] | None:
    """Return the synthetic test queries whose answer was trained on; None for queries of people.

    A model is meant to be tuned on the documents that are searched; only of queries drawn from set-aside documents was it
    promised that none of their text was trained on.
    """
    drawn = {query.query_id for query in labelled.queries if query.kind not in KINDS_OF_PEOPLE}
    if not drawn:
        return None
    same = same_passages(dataset.passages)
    trained = {
        same[name]
        for grades in dataset.splits["train"].qrels.values()
        for name, grade in grades.items()
        if grade > 0 and name in same
    }
    return {name for name in drawn if any(same[passage.passage_id] in trained for passage in relevant[name])}


def _audit_window(
    labelled: QuerySet,
    relevant: Mapping[str, list[Passage]],
    runs: Mapping[str, Run],
    encoder: Encoder,
    plain: Run | None,
) -> AuditRecord:
    distinct = {passage.passage_id: passage.full_text for found in relevant.values() for passage in found}
    seen = {name: Seen(text, _visible(text, encoder)) for name, text in distinct.items()}
    answers = {query_id: [seen[passage.passage_id] for passage in found] for query_id, found in relevant.items()}
    n_long = sum(any(one.n_characters < len(one.text) for one in found) for found in answers.values())
    beyond = models.answers_beyond(labelled.queries, answers)
    return models.audit_truncation(labelled.qrels, runs, beyond, n_long, encoder.window, plain)


def _visible(text: str, encoder: Encoder) -> int:
    """Return the number of characters within the model's window."""
    spans = encoder.token_offsets(text)
    return len(text) if len(spans) <= encoder.window else spans[encoder.window - 1][1]
