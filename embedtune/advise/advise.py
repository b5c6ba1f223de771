"""The advice: measures a source, its queries and this machine, and recommends one next step."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from embedtune.advise.chunk_sizes import measure_chunk_cells, measure_window_share
from embedtune.advise.cost import Workload, measure_cost
from embedtune.advise.evaluator import Evaluator, Scores
from embedtune.advise.inputs import Material, gather
from embedtune.advise.recommendation import Facts, is_safe, recommend
from embedtune.advise.result import Advice, ChunkFacts, Headroom, PowerFacts, QueryFacts, SampleFacts
from embedtune.advise.systems import Systems, build_context, measure_scaling, measure_systems
from embedtune.config.settings import GenerateConfig, takes_settings
from embedtune.config.training import TrainConfig
from embedtune.evaluation.significance import queries_needed
from embedtune.evaluation.verdict import MIN_GAIN, PRIMARY
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.windows import windows_of
from embedtune.systems import System

_GAINS = (0.01, 0.02, 0.05)
_KINDS_OF_CHANGE = {("hybrid_base", "base"): "fusion with BM25", ("query_adapter", "base"): "a query adapter"}


@takes_settings(GenerateConfig, first="source")
def advise(config: GenerateConfig, *, queries: str | None = None, scaling: bool = False) -> Advice:
    """Measure a source before anything is generated or trained, and recommend what to do; nothing is written.

    Args:
        config: As for ``generate``: source, base model, prompts, window, seed.
        queries: Real queries, as ``eval`` takes them: a BEIR folder, a LlamaIndex JSON or a packaged set; None makes synthetic
            queries from the text.
        scaling: Also train with a quarter, half and all of the synthetic queries.

    Raises:
        ConfigError: If the base model cannot be used.
        DataError: If the source or the queries cannot be used, or are too few.
        StoppedError: After Ctrl-C or SIGTERM during training.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="embedtune-advise-") as folder:
        material = gather(config, queries, Path(folder))
        base, documents = material.base, material.source.documents
        sample = material.sample(config.seed)
        chunk_sample = material.chunk_sample(sample, config.seed)
        cells = measure_chunk_cells(
            Evaluator(chunk_sample),
            base,
            wanted=config.window_tokens,
            overlap=config.window_overlap,
            cut_off=material.source.ready_made,
        )
        dataset_config = config.model_copy(update={"window_tokens": cells.best})
        evaluator, train = Evaluator(sample), material.train_in(sample, config.seed)
        context = build_context(evaluator, train, base, dataset_config=dataset_config, base_folder=material.base_folder)
        systems = measure_systems(evaluator, context)
        measured_scaling = measure_scaling(evaluator, context) if scaling else None
        cost = measure_cost(context, base, _workload(material, evaluator, dataset_config))
    window = measure_window_share(documents, base.token_counts, base.window, config.seed)
    headroom = _headroom(evaluator, systems)
    pair = ("hybrid_query_adapter", "hybrid_base") if headroom.system == "hybrid_base" else ("query_adapter", "base")
    labelled = material.source.queries.get("train")
    recommendation = recommend(
        Facts(
            source=config.source,
            synthetic=material.synthetic,
            queries=queries,
            n_queries=len(sample.judged.queries),
            share_lost=window.share_lost_whole,
            ready_made=material.source.ready_made,
            size=config.window_tokens,
            best_size=cells.best,
            chunking=cells.compared.get(str(cells.best)),
            fusion=systems.compared["hybrid_base", "base"],
            fusion_over_bm25=systems.compared["hybrid_base", "bm25"],
            lexical=systems.compared["bm25", "base"],
            best=_best(systems),
            tuning=systems.compared.get(pair),
            headroom=headroom.gain,
            n_labelled=len(labelled.queries) if labelled else 0,
        )
    )
    return Advice(
        source=config.source,
        model=config.model,
        documents=len(documents),
        skipped=[(name, reason) for name, reason in material.source.skipped],
        notes=[(name, text) for name, text in material.source.notes],
        language=material.language,
        warnings=material.warnings,
        queries=QueryFacts(
            origin="synthetic" if material.synthetic else "given",
            name=material.judged.name,
            judged_unit=material.judged.judged_unit,
            n=len(sample.judged.queries),
            available=len(material.judged.queries),
            clusters=len(set(evaluator.clusters)),
            clustered_by=evaluator.unit,
        ),
        sample=SampleFacts(
            passages=len(sample.passages),
            of_passages=material.n_passages,
            tokens=sample.tokens,
            train_queries=len(train.queries),
            chunk_passages=len(chunk_sample.passages),
            chunk_queries=len(chunk_sample.judged.queries),
        ),
        window=window,
        chunks=ChunkFacts(
            reference=cells.reference,
            best=cells.best,
            cells={name: {**_means(scores), "vectors": cells.vectors[name]} for name, scores in cells.scores.items()},
            comparisons=[comparison.rounded() for comparison in cells.compared.values()],
        ),
        systems={name: _means(scores) for name, scores in systems.scores.items()},
        comparisons=[comparison.rounded() for comparison in systems.compared.values()],
        headroom=headroom,
        power=_power(systems, len(sample.judged.queries)),
        scaling=measured_scaling,
        cost=cost,
        recommendation=recommendation,
        seconds=round(time.monotonic() - started, 1),
    )


def _workload(material: Material, evaluator: Evaluator, dataset_config: GenerateConfig) -> Workload:
    """Extrapolate the windows and queries of the sample to the whole corpus."""
    base, sample, config = material.base, evaluator.sample, TrainConfig()
    windows = windows_of(sample.passages, base, dataset_config.window_tokens, dataset_config.window_overlap)
    counts = base.token_counts([text for passage in windows for text in passage])
    n_dev = min(config.max_dev_windows + config.max_dev_queries, round(1.5 * material.n_passages))
    train_passages = (0.5 if material.synthetic else 1.0) * len(material.passages)
    queries_per_passage = len(material.train.queries) / max(1, train_passages)
    return Workload(
        corpus_tokens=round(sum(counts) / max(1, sample.tokens) * material.corpus_tokens),
        dev_tokens=round(sum(counts) / max(1, len(counts)) * n_dev),
        train_queries=round(queries_per_passage * dataset_config.split.train * material.n_passages),
    )


def _headroom(evaluator: Evaluator, systems: Systems) -> Headroom:
    system = "hybrid_base" if is_safe(systems.compared["hybrid_base", "base"], MIN_GAIN) else "base"
    means, ceiling = _means(systems.scores[system]), evaluator.ceiling(systems.runs[system])
    return Headroom(
        system=system,
        now=means[PRIMARY],
        perfect_order=_round(ceiling),
        gain=_round(ceiling - float(systems.scores[system][PRIMARY].mean())),
        mrr=means["mrr@10"],
        recall=means["recall@100"],
    )


def _best(systems: Systems) -> Comparison | None:
    """Return the comparison of the system with the highest score, unless that is the base."""
    name = max(systems.scores, key=lambda system: float(systems.scores[system][PRIMARY].mean()))
    return systems.compared.get((name, str(System.parse(name).reference)))


def _power(systems: Systems, n_queries: int) -> list[PowerFacts]:
    return [
        PowerFacts(
            change=change,
            detectable=_round(systems.compared[pair].detectable),
            needed={
                f"{100 * gain:g}": n_queries + queries_needed(gain, systems.compared[pair].error, n_queries)
                for gain in _GAINS
            },
        )
        for pair, change in _KINDS_OF_CHANGE.items()
        if pair in systems.compared
    ]


def _means(scores: Scores) -> dict[str, float]:
    return {measure: _round(float(values.mean())) for measure, values in scores.items()}


def _round(value: float) -> float:
    return round(value, 6)
