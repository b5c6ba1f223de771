"""Methods that train by gradient steps: those of ``updates`` tune queries and passages, ``query-lora`` queries alone.

The first minimise a contrastive loss over pairs; the last learns a teacher's ranking of all passages, whose vectors
stay the base's, so that its index stays valid.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from embedtune.config.training import UNQUANTISED
from embedtune.documents.near_duplicates import same_passages
from embedtune.errors import DataError, StoppedError
from embedtune.events import DevMeasured, emit
from embedtune.models import weights
from embedtune.models.encoder import Encoder, set_prompts
from embedtune.models.quantisation import choose_scheme, load_quantised, set_dropout
from embedtune.models.weights import Weights
from embedtune.processes import from_first, gather
from embedtune.progress import track
from embedtune.signals import StopRequest, catch_stop
from embedtune.training.checkpoints import Checkpoints, State
from embedtune.training.dev_set import DevRetrieval, rounded_mean, select_on_dev
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.methods.data import HardNegative
from embedtune.training.methods.pair_choice import choose_pairs, weigh_pairs
from embedtune.training.pairs import Pair, conflict_keys, plan_epochs, plan_rows
from embedtune.training.recipe import PRIOR
from embedtune.training.selection import choose_evaluation
from embedtune.training.tuned_models import Full, KnownVectors, Lora, QueriesOver, TunedModel
from embedtune.training.updates.registry import UPDATES
from embedtune.types import Floats, Matrix, Passage

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

    from embedtune.training.losses import GuidedContrastiveLoss
    from embedtune.training.trainer import Examples

_SMALLEST_BATCH = 2  # a pair and one negative
_log = logging.getLogger("embedtune")


class GradientTraining(NamedTuple):
    """A training before its first step.

    Attributes:
        tuned: The model to train.
        scheme: How the frozen weights are quantised.
        examples: Texts by column.
        batches: Row numbers of each batch.
        loss: Takes the features of each column and row numbers.
        learning_rate: Peak of the schedule.
        rows: The training examples, for ``pairs.jsonl``.
    """

    tuned: TunedModel
    scheme: str
    examples: Examples
    batches: Sequence[Sequence[int]]
    loss: nn.Module
    learning_rate: float
    rows: list[dict[str, str]]


class Evaluation(NamedTuple):
    """The trainable weights after a step, with dev retrieval at full strength.

    Attributes:
        step: Optimiser steps done.
        dense: Scores of all dev queries, ``(n_queries, n_passages)``.
        scores: Reciprocal ranks of those that choose, ``(n_choosing,)``.
        weights: By parameter name.
    """

    step: int
    dense: Matrix
    scores: Floats
    weights: Weights


def load_for_training(context: Context, scheme: str) -> tuple[SentenceTransformer, str]:
    """Load the base with its weights quantised, set the seed, and return it with the scheme, ``auto`` resolved."""
    import torch

    settings = context.dataset_config
    scheme = choose_scheme(scheme, sum(weight.numel() for weight in context.base.model.parameters()))
    model = load_quantised(context.base_folder, scheme, trust_remote_code=settings.trust_remote_code)
    set_prompts(model, query_prompt=settings.query_prompt, document_prompt=settings.document_prompt)
    if context.config.dropout is not None:
        set_dropout(model, context.config.dropout)
    torch.manual_seed(context.config.seed)
    return model, scheme


def train_and_select(context: Context, name: str, training: GradientTraining, details: dict[str, object]) -> Candidate:
    """Train in place, restore the best evaluated step, and choose the strength on dev; ``details`` are those of ``Candidate``.

    Raises:
        DataError: If the loss is not finite.
        ResourceError: If a checkpoint cannot be written, or not even one text fits into memory.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    evaluations, losses = _train(context, name, training)
    best = evaluations[
        choose_evaluation([each.scores for each in evaluations], context.dev.clusters[context.dev.choosing])
    ]
    weights.restore(training.tuned.model, best.weights)
    scores = context.search_strengths(training.tuned, full=best.dense)
    by_expectation = context.is_judged and context.config.ship_errors == 0 and not training.tuned.queries_only
    decision, dense, dev = select_on_dev(context.dev, context.retrieval.base, scores, PRIOR if by_expectation else None)
    by_step = {str(each.step): rounded_mean(each.scores) for each in evaluations}
    dev = dev.model_copy(update={"by_step": by_step, "best_step": best.step})
    details = {
        **details,
        "temperature": context.temperature,
        "steps": len(losses),
        "losses": [round(value, 4) for value in losses],
    }
    return Candidate(name, training.tuned, training.scheme, decision, dense, training.rows, dev, details)


def _train(context: Context, name: str, training: GradientTraining) -> tuple[list[Evaluation], list[float]]:
    """Train in place, from the last whole checkpoint if there is one; return the evaluations and the loss of each step."""
    from embedtune.training.trainer import Hooks, TrainingSettings, count_steps, run_training

    config = context.config
    n_steps = count_steps(len(training.batches), config.trainer_args)
    settings = TrainingSettings(
        learning_rate=training.learning_rate,
        weight_decay=config.weight_decay,
        precision=context.base.precision,
        seed=config.seed,
        eval_steps=frozenset(n_steps * number // config.n_evals for number in range(1, config.n_evals + 1)) - {0},
        arguments=config.trainer_args,
        callbacks=context.callbacks,
        log_folder=context.log_folder / name if context.log_folder else None,
        b_rate_ratio=training.tuned.b_rate_ratio,
    )
    checkpoints = context.checkpoints(name) if context.checkpoints else None
    saved = from_first(lambda: _latest(checkpoints)) if checkpoints else None
    if saved:
        _log.info("going on after step %d of %d", saved["step"], n_steps)
    with catch_stop("the step is finished and saved") as stop, track("train", n_steps) as on_progress:
        monitor = _Monitor(context.retrieval, training.tuned, checkpoints, n_steps, stop, context.on_dev)
        if saved:
            monitor.restore(saved["checks"])
        elif context.start:  # what it goes on from may be better on dev than anything after it
            monitor.evaluate(0)
        losses = run_training(
            training.tuned.model, training.examples, training.batches, training.loss, settings,
            Hooks(monitor.evaluate, on_progress, monitor.on_step), resume=saved,
        )  # fmt: skip
    return monitor.evaluations, losses


def _latest(checkpoints: Checkpoints) -> State | None:
    checkpoints.remove_outdated()
    return checkpoints.latest()


@dataclass
class _Monitor:
    """Evaluates on dev between the steps of one training, saves checkpoints, and stops after a signal."""

    retrieval: DevRetrieval
    tuned: TunedModel
    checkpoints: Checkpoints | None
    n_steps: int
    stop: StopRequest
    on_dev: Callable[[float], None] | None = None
    evaluations: list[Evaluation] = field(default_factory=list)

    def evaluate(self, step: int) -> None:
        """Search the dev set with the model as it is."""
        dense = self.retrieval.search_with(self.tuned, 1.0, f"dev: step {step}")
        self._add(step, dense, weights.snapshot(self.tuned.model))

    def restore(self, states: Sequence[State]) -> None:
        """Take the evaluations of a checkpoint."""
        for state in states:
            self._add(state["step"], state["dense"].numpy(), state["weights"])

    def _add(self, step: int, dense: Matrix, trained: Weights) -> None:
        dev, base = self.retrieval.dev, self.retrieval.base
        scores = dev.choosing_ranks(dense)
        emit(DevMeasured(step=step, score=float(scores.mean()), base=float(dev.choosing_ranks(base).mean())))
        self.evaluations.append(Evaluation(step, dense, scores, trained))
        if self.on_dev:
            self.on_dev(float(scores.mean()))

    def on_step(self, step: int, state: Callable[[], State]) -> None:
        """Save a checkpoint if one is due; raise if a stop was requested, of any process."""
        signal_number = next(filter(None, gather(self.stop.signal_number)), None)
        is_last = signal_number is not None or step == self.n_steps
        if self.checkpoints and (is_last or from_first(self.checkpoints.is_due)):
            self._save(self.checkpoints, step, state())
        if signal_number:
            raise StoppedError(f"stopped after step {step} of {self.n_steps}, which is saved", signal_number)

    def _save(self, checkpoints: Checkpoints, step: int, state: State) -> None:
        import torch

        checks = [
            {"step": each.step, "dense": torch.from_numpy(each.dense), "weights": each.weights}
            for each in self.evaluations
        ]
        from_first(lambda: checkpoints.save(step, {**state, "checks": checks}))


def tune_both_sides(context: Context, name: str, best: Candidate | None = None) -> Candidate:
    """Train an update of ``training.updates.registry`` by its name.

    Raises:
        ConfigError: If the base cannot have it.
        DataError: If no two pairs may share a batch, or the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    training = prepare_both_sides(context, name)
    both = train_and_select(context, name, training, {"pairs": len(training.rows)})
    # The corpus is encoded in all dimensions for this.
    if not context.config.query_epochs or context.config.dims or not UPDATES[name].query_rates:
        return both
    return _tune_queries_over(context, both)


def prepare_both_sides(context: Context, name: str) -> GradientTraining:
    """Load the model, sample the pairs, deal them into batches and set up the loss.

    Raises:
        DataError: If no two pairs may share a batch.
    """
    config = context.config
    pairs = choose_pairs(context)
    negatives: dict[str, list[HardNegative]] = {}
    if config.hard_negatives:
        asked = {pair.query_id for pair in pairs}
        queries = [query for query in context.dataset.splits["train"].queries if query.query_id in asked]
        negatives = context.hard_negatives(queries, config.hard_negatives)
        pairs = [pair for pair in pairs if negatives.get(pair.query_id)]
    batches = _plan_batches(context, pairs)
    is_plain = name in UNQUANTISED or (name == "dora" and config.quantize == "auto")  # DoRA cannot read int8
    model, scheme = load_for_training(context, "none" if is_plain else config.quantize)
    tuned = UPDATES[name].build(model, config)
    if context.start:
        context.start.put_into(tuned)
    mined = [[negatives[pair.query_id][place] for pair in pairs] for place in range(config.hard_negatives)]
    columns = {"anchor": [pair.anchor for pair in pairs], "positive": [pair.positive for pair in pairs]}
    columns |= {f"negative_{n}": [each.window for each in column] for n, column in enumerate(mined, start=1)}
    rows = [
        {"query_id": pair.query_id, **{column: texts[number] for column, texts in columns.items()}}
        for number, pair in enumerate(pairs)
    ]
    loss = _loss(context, tuned.model, pairs, columns, [[each.passage for each in column] for column in mined])
    rate = config.learning_rate or UPDATES[name].learning_rate
    return GradientTraining(tuned, scheme, columns, batches, loss, rate, rows)


def _plan_batches(context: Context, pairs: Sequence[Pair]) -> list[list[int]]:
    config, passages = context.config, context.dataset.passages
    compared: Sequence[Passage] = passages
    if len(passages) > context.dataset_config.max_query_passages:
        compared = [passages[number] for number in sorted({pair.passage for pair in pairs})]
    keys = conflict_keys(passages, same_passages(compared))
    keys_of_pairs = [keys[pair.passage] | {pair.anchor} for pair in pairs]  # nor the same query twice
    size = config.batch_size
    while not (batches := plan_epochs(keys_of_pairs, size, config.epochs * max(1, len(pairs) // size), config.seed)):
        size //= 2
        if size < _SMALLEST_BATCH:
            raise DataError(
                f"dataset: expected two pairs at least from passages that do not touch, found too few in {len(pairs)} pairs",
                hint="add documents or labels",
            )
    if size < config.batch_size:
        _log.info("batches of %d pairs: %d pairs fill no batch of %d", size, len(pairs), config.batch_size)
    return batches


def _loss(
    context: Context,
    model: SentenceTransformer,
    pairs: Sequence[Pair],
    columns: Examples,
    negative_passages: Sequence[Sequence[int]],
) -> GuidedContrastiveLoss:
    import torch

    from embedtune.training.losses import GuidedContrastiveLoss

    config = context.config
    encode = context.document_vectors if config.hard_negatives else context.base.encode_documents
    with track("encode pairs", len(columns) * len(pairs)) as on_progress:
        queries, *documents = columns.values()
        vectors = [context.base.encode_queries(queries, on_progress)]
        vectors += [encode(texts, on_progress) for texts in documents]
    loss = GuidedContrastiveLoss(
        model,
        guide_embeddings=[torch.from_numpy(each) for each in vectors],
        positive_ids=[pair.passage for pair in pairs],
        relevant_ids=[context.relevant[pair.query_id] + context.own[pair.query_id] for pair in pairs],
        negative_ids=negative_passages,
        row_weights=weigh_pairs(context, pairs),
        temperature=context.temperature,
        margin=context.false_negative_margin,
        distill_weight=config.distill_weight,
    )
    loss.dims = config.dims
    return loss


def _tune_queries_over(context: Context, both: Candidate) -> Candidate:
    """Train queries further, over the corpus as both sides' best model encodes it, and return what is best on dev.

    A contrastive batch shows a query a few dozen passages, and a passage costs ten times a query; here passages cost nothing
    once they are encoded, and every query meets the whole corpus in every step. So there are several such trainings.
    """
    import torch

    from embedtune.training.losses import CorpusDistillationLoss, FrozenPassages, SoftTeacher

    config, corpus = context.config, context.frozen_corpus
    start = both.decision.strength or min(config.strengths)
    documents = both.tuned.merge_into(context.load_base(), start)
    encoder = Encoder(documents, precision=context.base.precision)
    texts, n = [*corpus.windows.texts, *context.dev.windows], len(corpus.windows.texts)
    with track("encode: tuned", len(set(texts))) as on_progress:
        vectors = encoder.encode_documents(texts, on_progress)
    queries, column = context.sample_queries(), {number: place for place, number in enumerate(corpus.passages)}
    relevant = [
        {column[number]: relevance for number, relevance in context.relevance_of(query.query_id).items()}
        for query in queries
    ]
    own = [[column[number] for number in context.own[query.query_id]] for query in queries]
    passages = FrozenPassages(torch.from_numpy(vectors[:n]), corpus.windows.starts.tolist())
    teacher = SoftTeacher(relevant=relevant, n_passages=len(corpus.passages), left_out=own)
    anchors = [query.text for query in queries]
    batches = plan_rows([len(anchor) for anchor in anchors], config.batch_size, config.query_epochs, config.seed)
    details = {**both.details, "queries": len(anchors)}
    known = KnownVectors(corpus.windows.texts, vectors[:n])
    best = both
    for rate in UPDATES[both.name].query_rates:
        tuned = _continue(context, both, start)
        loss = CorpusDistillationLoss(tuned.model, passages, teacher, temperature=context.temperature)
        over = QueriesOver(tuned, documents, known, vectors[n:])
        training = GradientTraining(over, both.scheme, {"anchor": anchors}, batches, loss, rate, both.rows)
        further = train_and_select(context, f"{both.name}-queries-{rate:g}", training, details)
        best = max(best, further, key=lambda candidate: context.dev.choosing_ranks(candidate.dense).mean())
    return best._replace(name=both.name)


def _continue(context: Context, both: Candidate, strength: float) -> TunedModel:
    """Return a model of its own, with the weights of a candidate at some strength, to train further."""
    if isinstance(both.tuned, Full):
        return Full(both.tuned.merge_into(context.load_base(), strength))
    model, _ = load_for_training(context, both.scheme)
    tuned = UPDATES[both.name].build(model, context.config)
    weights.restore(model, weights.snapshot(both.tuned.model))
    tuned.fold(strength)
    return tuned


def tune_query_lora(context: Context, name: str = "query-lora", best: Candidate | None = None) -> Candidate:
    """Train LoRA on queries by the teacher's ranking of all passages.

    Raises:
        DataError: If the loss is not finite.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    training = prepare_query_lora(context)
    details = {"teacher": context.config.teacher, "queries": len(training.rows)}
    return train_and_select(context, name, training, details)


def prepare_query_lora(context: Context) -> GradientTraining:
    """Load the model, deal the queries into batches and set up the loss."""
    import torch

    from embedtune.training.losses import CorpusDistillationLoss

    config, settings, data = context.config, context.config.query_side, context.distillation
    model, scheme = load_for_training(context, config.quantize)
    tuned = Lora(model, rank=config.lora_rank, alpha=config.lora_alpha, queries_only=True)
    loss = CorpusDistillationLoss(
        model,
        data.passages,
        data.teacher,
        base_queries=torch.from_numpy(data.vectors),
        temperature=context.temperature,
        hubness_weight=settings.hubness_weight,
    )
    texts = [query.text for query in data.queries]
    batches = plan_rows([len(text) for text in texts], settings.batch_size, settings.epochs, config.seed)
    rows = [{"query_id": query.query_id, "anchor": query.text} for query in data.queries]
    return GradientTraining(tuned, scheme, {"anchor": texts}, batches, loss, settings.learning_rate, rows)
