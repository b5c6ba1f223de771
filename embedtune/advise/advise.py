"""The advice: measures a source, its queries and this machine, and recommends one thing to do next."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from embedtune.advise.chunk_sizes import ChunkCells, measure_chunk_cells
from embedtune.advise.cost import Workload, measure_cost
from embedtune.advise.evaluator import Judge, Scores
from embedtune.advise.inputs import Material, gather
from embedtune.advise.recommendation import Facts, is_safe, recommend
from embedtune.advise.result import (
    Advice,
    ChunkFacts,
    Headroom,
    PowerFacts,
    QueryFacts,
    RecommendationFacts,
    SampleFacts,
    Scaling,
    WindowShare,
)
from embedtune.advise.scaling import measure_scaling
from embedtune.advise.systems import Systems, measure_systems
from embedtune.advise.trial import MIN_QUERIES, build_context
from embedtune.advise.truncation import measure_window_share
from embedtune.config.settings import GenerateConfig, TrainConfig, takes_settings
from embedtune.errors import DataError
from embedtune.evaluation.significance import queries_needed
from embedtune.evaluation.verdict import MIN_GAIN, PRIMARY
from embedtune.retrieval.corpus import windows_of
from embedtune.training.methods.context import Context

_GAINS = (0.01, 0.02, 0.05)
_KINDS_OF_CHANGE = {("hybrid_base", "base"): "fusion with BM25", ("query_adapter", "base"): "a query adapter"}


@takes_settings(GenerateConfig, first="source")
def advise(config: GenerateConfig, *, queries: str | None = None, scaling: bool = False) -> Advice:
    """Look at a source before anything is made of it, and say what is worth doing; nothing is written.

    Args:
        config: As for ``generate``: source, base model, prompts, window, seed.
        queries: Queries that people wrote, as ``eval`` takes them: a BEIR folder, a LlamaIndex JSON or a packaged set; None
            draws queries from the text.
        scaling: Also train with a quarter, half and all of the drawn queries.

    Raises:
        ConfigError: If the base model cannot be used.
        DataError: If the source or the queries cannot be used, or give too little.
        StoppedError: After Ctrl-C or SIGTERM while something was trained.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="embedtune-advise-") as folder:
        scratch = Path(folder)
        material = gather(config, queries, scratch)
        sample = material.sample(config.seed)
        chunk_judge = Judge(material.chunk_sample(sample, config.seed))
        cells = measure_chunk_cells(
            chunk_judge,
            material.base,
            wanted=config.window_tokens,
            overlap=config.window_overlap,
            cut_off=material.source.ready_made,
        )
        size = best_size(cells, min(config.window_tokens, material.base.window))
        made = config.model_copy(update={"window_tokens": size})
        judge, train = Judge(sample), material.train_in(sample, config.seed)
        context = build_context(judge, train, material.base, dataset_config=made, base_folder=material.base_folder)
        systems = measure_systems(judge, context)
        grown = _scaling(judge, context) if scaling else None
        cost = measure_cost(context, material.base, _workload(material, judge, made))
    window = measure_window_share(
        material.source.documents, material.base.token_counts, material.base.window, config.seed
    )
    headroom = _headroom(judge, systems)
    facts = _facts(config, queries, material, judge, cells, size, systems, headroom, window)
    return Advice(
        source=config.source,
        model=config.model,
        documents=len(material.source.documents),
        skipped=[(name, reason) for name, reason in material.source.skipped],
        language=material.language,
        warnings=material.warnings,
        queries=_query_facts(material, judge),
        sample=SampleFacts(
            passages=len(sample.passages),
            of_passages=material.n_passages,
            tokens=sample.tokens,
            train_queries=len(train.queries),
            chunk_passages=len(chunk_judge.sample.passages),
            chunk_queries=len(chunk_judge.sample.judged.queries),
        ),
        window=window,
        chunks=_chunk_facts(cells, size),
        systems={name: _means(scores) for name, scores in systems.scores.items()},
        comparisons=[found.rounded() for found in systems.compared.values()],
        headroom=headroom,
        power=_power(systems, len(sample.judged.queries)),
        scaling=grown,
        cost=cost,
        recommendation=RecommendationFacts(**recommend(facts)._asdict()),
        seconds=round(time.monotonic() - started, 1),
    )


def best_size(cells: ChunkCells, wanted: int) -> int:
    """Return the size of chunk to use: the wanted one, unless another is shown to be better by a point or more.

    Where several are, the best of them. What the wanted size loses or gains over cutting off does not matter here.
    """
    mine = cells.scores[str(wanted)][PRIMARY]
    sizes = [name for name in cells.scores if name.isdecimal() and name != str(wanted)]
    better = {name: cells.over(name, str(wanted)) for name in sizes}
    shown = [name for name, found in better.items() if found.better and found.difference >= MIN_GAIN]
    return int(max(shown, key=lambda name: cells.scores[name][PRIMARY].mean() - mine.mean(), default=str(wanted)))


def _scaling(judge: Judge, context: Context) -> Scaling:
    found = len(context.dataset.splits["train"].queries)
    if found < MIN_QUERIES:
        raise DataError(
            f"{context.dataset_config.source}: expected {MIN_QUERIES} synthetic train queries for --scaling, found {found}",
            hint="add documents, or leave --scaling out",
        )
    return measure_scaling(judge, context)


def _workload(material: Material, judge: Judge, dataset_config: GenerateConfig) -> Workload:
    """Reckon with the sample's windows and queries for the whole corpus."""
    base, sample, config = material.base, judge.sample, TrainConfig()
    windows = windows_of(sample.passages, base, dataset_config.window_tokens, dataset_config.window_overlap)
    counts = base.token_counts([text for passage in windows for text in passage])
    n_dev = min(config.max_dev_windows + config.max_dev_queries, round(1.5 * material.n_passages))
    drawn_from = (0.5 if material.drawn else 1.0) * len(material.passages)
    return Workload(
        corpus_tokens=round(sum(counts) / max(1, sample.tokens) * material.corpus_tokens),
        dev_tokens=round(sum(counts) / max(1, len(counts)) * n_dev),
        train_queries=round(
            len(material.train.queries) / max(1, drawn_from) * dataset_config.split.train * material.n_passages
        ),
    )


def _headroom(judge: Judge, systems: Systems) -> Headroom:
    fuse = is_safe(systems.compared["hybrid_base", "base"], MIN_GAIN)
    system = "hybrid_base" if fuse else "base"
    now = float(systems.scores[system][PRIMARY].mean())
    ceiling = judge.ceiling(systems.runs[system])
    return Headroom(
        system=system,
        now=_round(now),
        perfect_order=_round(ceiling),
        gain=_round(ceiling - now),
        mrr=_round(float(systems.scores[system]["mrr@10"].mean())),
        recall=_round(float(systems.scores[system]["recall@100"].mean())),
    )


def _facts(
    config: GenerateConfig,
    queries: str | None,
    material: Material,
    judge: Judge,
    cells: ChunkCells,
    size: int,
    systems: Systems,
    headroom: Headroom,
    window: WindowShare,
) -> Facts:
    fused = headroom.system == "hybrid_base"
    tuned = systems.compared.get(("hybrid_query_adapter", "hybrid_base") if fused else ("query_adapter", "base"))
    train = material.source.queries.get("train")
    return Facts(
        source=config.source,
        drawn=material.drawn,
        queries=queries,
        n_queries=len(judge.sample.judged.queries),
        share_lost=window.share_lost_whole,
        ready_made=material.source.ready_made,
        size=config.window_tokens,
        best_size=size,
        chunking=None if cells.reference == str(size) else cells.compared[str(size)],
        fusion=systems.compared["hybrid_base", "base"],
        fusion_over_bm25=systems.compared["hybrid_base", "bm25"],
        tuning=tuned,
        headroom=headroom.gain,
        n_labelled=len(train.queries) if train else 0,
    )


def _query_facts(material: Material, judge: Judge) -> QueryFacts:
    return QueryFacts(
        origin="drawn" if material.drawn else "given",
        name=material.judged.name,
        judged_unit=material.judged.judged_unit,
        n=len(judge.sample.judged.queries),
        available=len(material.judged.queries),
        clusters=len(set(judge.clusters)),
        clustered_by=judge.unit,
    )


def _chunk_facts(cells: ChunkCells, size: int) -> ChunkFacts:
    return ChunkFacts(
        reference=cells.reference,
        best=size,
        cells={name: {**_means(scores), "vectors": cells.vectors[name]} for name, scores in cells.scores.items()},
        comparisons=[found.rounded() for found in cells.compared.values()],
    )


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
