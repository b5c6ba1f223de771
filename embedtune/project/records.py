"""What the stages of a run record: typed here, JSON on disk.

A record is written with the fields that were set, and read back by ``model_validate``. What ``evaluate`` records is in
``evaluation_records``.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from embedtune.config.training import ADAPTED

Side = Literal["base", "tuned"]
"""The untuned model, or what training made of it."""

Measures = dict[str, float]
"""Measure → mean over queries, in [0, 1]."""


class Record(BaseModel):
    """Facts that are stored as JSON; immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    def summary(self) -> str:
        """Return in a few lines what a person wants to know first."""
        return str(self)

    def as_json(self) -> dict[str, object]:
        """Return the fields that were set as JSON values, under the names of the files."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


# ── dataset ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class WindowRecord(Record):
    """How passages fit the windows of the model: shares of tokens that truncation at its own window, and windows, lose."""

    tokens: int
    model_tokens: int
    corpus_tokens: int = 0
    windows: int = 0
    share_lost_by_truncation: float
    share_lost: float


class LengthComparison(Record):
    """Median number of words, and the share of LLM-generated queries within the range of the examples."""

    examples: float
    written: float | None
    written_in_range: float


class FormComparison(Record):
    """Shares of questions, keywords and statements, and their overlap (1 means equal)."""

    examples: dict[str, float]
    written: dict[str, float]
    overlap: float


class ExamplesRecord(Record):
    """How close LLM-generated queries come to the user's examples; ``vocabulary``: share of the examples' terms they use."""

    n_examples: int
    words: LengthComparison
    forms: FormComparison
    vocabulary: float


class LlmRecord(Record):
    """What follows from the answers of a language model, whatever failed on the way.

    ``answered`` calls had a usable answer; passages were screened for instructions to a model; ``preambles`` of answers were
    cut off; ``relabelled`` counts further relevant passages that were found.
    """

    model: str
    form: str = "list"  # in which most calls asked
    calls: int
    answered: int
    failed: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    screened_passages: int
    preambles: int
    written: int
    relabelled: int
    examples: ExamplesRecord | None = None


class LlmCosts(Record):
    """What a run folder has paid for; the cost is in the currency of the settings, None without prices."""

    rejected_answers: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


class DatasetRecord(Record):
    """What ``generate`` made.

    Attributes:
        identical_passages: Passages whose text an earlier one has already.
        synthetic_query_passages: Passages from which queries were made.
        forgotten_terms: Whether rare terms were dropped from the statistics to save memory.
        split_by: ``document`` or ``section``.
        queries: Split → kind → number of queries.
        held_out_kind: The kind that occurs in the test split only.
        dropped_queries: Filter → queries dropped.
        passages_from_labels: Texts of label files that stand in no document, and are passages of their own.
        updated_documents: Ids of the documents with passages that the last ``update`` added; none before the first one.
    """

    source: str = ""
    documents: int
    skipped: int
    passages: int
    identical_passages: int = 0
    synthetic_query_passages: int = 0
    forgotten_terms: bool = False
    split_by: str
    near_duplicate_documents: int = 0
    queries: dict[str, dict[str, int]]
    held_out_kind: str | None = None
    dropped_queries: dict[str, int] = Field(default_factory=dict)
    window: WindowRecord
    language: str | None = None
    warnings: list[str] = Field(default_factory=list)
    passages_from_labels: int = 0
    updated_documents: list[str] = Field(default_factory=list)
    llm: LlmRecord | None = None

    def summary(self) -> str:
        """Return the numbers of documents, passages and queries."""
        queries = ", ".join(f"{split} {sum(kinds.values())}" for split, kinds in self.queries.items())
        return f"{self.documents} documents, {self.passages} passages; queries: {queries}"


# ── model ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class DevRecord(Record):
    """Dev retrieval of the method that was chosen.

    Attributes:
        by_step: Training step → score at full strength; ``by_strength``: strength α → score.
        held_out: Queries that only confirm: ``gain`` is theirs, ``base`` and the scores those of the others. 0: all do both.
        gain: Gain over the base at the chosen strength, or the best one if the base was shipped.
    """

    measure: str = "mean reciprocal rank"
    n_queries: int = 0
    n_clusters: int = 0
    held_out: int = 0
    base: float = 0.0
    by_step: dict[str, float] = Field(default_factory=dict)
    best_step: int | None = None
    by_strength: dict[str, float] = Field(default_factory=dict)
    gain: float
    standard_error: float


class CandidateRecord(Record):
    """A candidate method on dev, and why it was chosen or not."""

    method: str
    directions: int | None = None
    by_strength: dict[str, float] = Field(default_factory=dict)
    gain: float
    standard_error: float
    reason: str


class ChecksRecord(Record):
    """Checks of the saved model.

    Attributes:
        reload_difference: Largest difference of a component between the trained and the reloaded vectors.
        mean_query_cosine_to_base: Mean cosine of tuned and base query vectors; None if the base was shipped.
    """

    reload_difference: float
    mean_query_cosine_to_base: float | None = None


class TrainedWith(Record):
    """The settings of the dataset that a model was trained on, which it is served with whatever becomes of the dataset.

    Attributes:
        query_prompt: None is the model's own, as for ``document_prompt``.
    """

    window_tokens: int
    window_overlap: float
    query_prompt: str | None = None
    document_prompt: str | None = None


class ModelRecord(Record):
    """What ``train`` shipped, and why.

    Attributes:
        trained_with: Prompts and windows; None in a run of a version that did not write them.
        start: Run whose adapter training went on from; None for the base.
        shipped: ``tuned``, or ``base`` if no method gained enough on dev.
        method: The method that was chosen; if the base was shipped, the one that came closest.
        passages: The model whose dense passage vectors the shipped model searches. An index of the base serves every
            model with ``base`` here and no sketch.
        sketch: Whether a BM25 sketch is appended to these vectors.
        token_vectors: The model that gives the token vectors before pooling, as late interaction uses them.
        strength: Interpolation coefficient α (WiSE-FT); 0 if the base was shipped.
        fusion_weights: Model → weight of its dense side in fusion with BM25, chosen on dev.
        pairs: Training pairs, for methods that tune both sides; ``queries``: for methods that tune queries only.
        temperature: Of the softmax over cosines, for methods that train by gradient steps.
        residuals: Passages with a residual, for ``passage-residuals``.
        over: The method that it builds on, for ``hybrid-vector`` and ``passage-residuals``; ``share`` is that of the
            sketch in the spread of scores at full strength, ``scale`` its factor.
    """

    base_model: str = ""
    trained_with: TrainedWith | None = None
    train_queries: int = 0
    start: str | None = None
    shipped: Side
    method: str = "lora"
    passages: Side = "tuned"
    sketch: bool = False
    token_vectors: Side = "tuned"  # noqa: S105 (no password)
    loading: str = ""
    quantize: str = "none"
    strength: float = 1.0
    fusion_weights: dict[str, float] = Field(default_factory=dict)
    dev: DevRecord | None = None
    temperature: float | None = None
    steps: int | None = None
    losses: list[float] = Field(default_factory=list)
    pairs: int | None = None
    queries: int | None = None
    teacher: str | None = None
    directions: int | None = None
    residuals: int | None = None
    over: str | None = None
    share: float | None = None
    scale: float | None = None
    candidates: list[CandidateRecord] = Field(default_factory=list)
    checks: ChecksRecord | None = None

    def summary(self) -> str:
        """Return what was kept, and what it gained on dev."""
        kept = f"kept the {self.shipped} model; method {self.method}"
        if self.dev is None:
            return kept
        return f"{kept}: {self.dev.measure} on dev {self.dev.base:.3f}, {self.dev.gain:+.3f} ± {self.dev.standard_error:.3f}"

    @property
    def why_base(self) -> str:
        """Why the base was shipped: what the method that came closest changed on dev, and the reason against it."""
        if not (self.dev and self.reason):
            return "no method gained enough on dev"
        closest = (
            f"{self.method}, the closest of {len(self.candidates)} methods,"
            if len(self.candidates) > 1
            else self.method
        )
        gain = f"{self.dev.gain:+.3f} ± {self.dev.standard_error:.3f}"
        return f"{closest} changed {self.dev.measure} on dev by {gain}, {self.reason}"

    @property
    def reason(self) -> str:
        """Why ``method`` was shipped or not; empty where the record does not say."""
        return next((tried.reason for tried in self.candidates if tried.method == self.method), "")

    @property
    def is_tuned(self) -> bool:
        """Whether a tuned model was shipped."""
        return self.shipped == "tuned"

    @property
    def needs_embedtune(self) -> bool:
        """Whether the saved model loads only where this package is installed."""
        return self.is_tuned and self.method in ("hybrid-vector", "passage-residuals", *ADAPTED)

    @property
    def queries_only(self) -> bool:
        """Whether the shipped model differs from the base in its queries only, so that an index of the base serves it."""
        return self.is_tuned and self.passages == "base" and not self.sketch


class NegativesRecord(Record):
    """What ``mine`` found.

    Attributes:
        model: The model that searched.
        queries: Train queries with hard negatives; ``rows``: one for each answer of these.
        negatives: Of each row; ``given``: how many of all were judged not relevant, and came with the labels.
        positive_score: Mean cosine of queries and answers by that model, −1 to 1; ``negative_score``: of the negatives.
    """

    model: Side
    queries: int
    rows: int
    negatives: int
    given: int
    positive_score: float
    negative_score: float

    def summary(self) -> str:
        """Return what was found."""
        return (
            f"{self.rows} rows of {self.queries} queries, {self.negatives} hard negatives each; {self.given} of the negatives "
            f"were judged not relevant\nmean cosine by the {self.model} model: answers {self.positive_score:.3f}, hard "
            f"negatives {self.negative_score:.3f}"
        )


class WrittenRecord(Record):
    """How close a writer's queries come to people's of the same passages.

    Attributes:
        likeness: Length, forms and vocabulary beside people's.
        copied: Mean share of a query's words that stand in its passage in one run, 0 to 1.
        examples: Some of them.
    """

    likeness: ExamplesRecord
    copied: float
    examples: list[str]


class WriterRecord(Record):
    """What ``tune-generator`` did.

    Attributes:
        base: Hash of the base model's folder, or its hub name.
        quantize: Of the frozen weights while it was tuned.
        train: Judged queries that it learned from; ``held_out``: those that it was measured on, and that ended the training.
        steps: Optimiser steps up to the weights that are kept.
        loss_before: Mean negative log-likelihood (nats) of a token of the held-out queries, by the base; ``loss``: the writer.
        by_epoch: The same after each epoch.
        answer_tokens: Tokens that a query may have.
        people_copied: As ``WrittenRecord.copied``, of the held-out queries of people.
        base_writes: What the base writes in the same form; ``writes``: what the writer does.
    """

    base: str
    quantize: str
    train: int
    held_out: int
    steps: int
    loss_before: float
    loss: float
    by_epoch: list[float]
    answer_tokens: int
    people_copied: float
    base_writes: WrittenRecord
    writes: WrittenRecord

    def summary(self) -> str:
        """Return the likelihood and the likeness."""
        real = self.writes.likeness
        lines = [
            f"tuned on {self.train} judged queries; a token of {self.held_out} held-out ones costs {self.loss:.2f} nats, "
            f"before {self.loss_before:.2f}",
            f"{'':<9}{'words':>7}{'questions':>11}{'key words':>11}{'vocabulary':>12}{'copied':>8}",
            _likeness("people", real.words.examples, real.forms.examples, None, self.people_copied),
        ]
        for name, written in (("base", self.base_writes), ("writer", self.writes)):
            like = written.likeness
            lines.append(_likeness(name, like.words.written, like.forms.written, like.vocabulary, written.copied))
        return "\n".join(lines)


def _likeness(name: str, words: float | None, forms: dict[str, float], vocabulary: float | None, copied: float) -> str:
    shares = f"{forms['question']:>11.0%}{forms['keywords']:>11.0%}"
    return f"{name:<9}{words or 0:>7.1f}{shares}{'' if vocabulary is None else f'{vocabulary:.0%}':>12}{copied:>8.0%}"


class QueryAdapterRecord(Record):
    """What ``fit_query_adapter`` found: ``tuned`` is shipped if it gains more than noise on dev; ``test``: model → measures.

    ``reason`` says why the base was shipped; empty if it was not.
    """

    embedding: str
    shipped: Side
    strength: float
    dimension: int
    steps: int
    dev: DevRecord
    reason: str = ""
    test: dict[str, Measures]
