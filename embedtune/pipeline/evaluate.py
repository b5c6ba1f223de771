"""Stage 3: base and tuned model, BM25 and fusion on the same queries, with the significance of their differences."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from embedtune.config.settings import EvaluateConfig, takes_settings
from embedtune.evaluation.audits.run import audit, prompts_between
from embedtune.evaluation.forgetting import measure_forgetting, strengths_between
from embedtune.evaluation.measures import check_measures
from embedtune.evaluation.runner import KeptVectors, Model, Search
from embedtune.formats.judgements import share_judgements
from embedtune.models.encoder import Encoder
from embedtune.models.locate import hash_model
from embedtune.models.readable_text import readings
from embedtune.pipeline import preflight
from embedtune.pipeline.evaluation_files import write_query_set
from embedtune.pipeline.evaluation_inputs import Inputs
from embedtune.pipeline.model_cards import MODEL_CARD, card_of
from embedtune.project.evaluation_records import EvaluationRecord, ForgettingRecord
from embedtune.project.layout import EVAL, VECTORS, set_folder
from embedtune.project.lock import locked
from embedtune.project.manifest import Circumstances, stage_folder, write_json
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.project.vector_cache import VectorCache
from embedtune.reports.card import model_card
from embedtune.reports.data import background
from embedtune.reports.writing import Reporter


@takes_settings(EvaluateConfig)
@locked("run")
def evaluate(
    config: EvaluateConfig, run: Path, *, others: Sequence[Path] = (), force: bool = False, dry_run: bool = False
) -> StageResult[EvaluationRecord]:
    """Measure a run's models: ``RUN/eval`` with runs, ``per_query.tsv``, ``metrics.json``, report and model card.

    The whole corpus is searched, whatever the queries. Fusion weights come from training, which chose them on the
    dev queries for base and tuned alike. Several query sets have a folder each below ``RUN/eval``.

    Args:
        config: Settings; ``config.queries`` names queries of your own, ``config.models`` further models.
        run: The run folder, with a finished dataset. Without a model, what needs none is measured: BM25, the base, hybrid
            search and reranking; the verdict says whether tuning is worth a try.
        others: Further runs over the same corpus, whose models are compared too; other seeds of one recipe are summarised.
        force: Run even if nothing has changed.
        dry_run: Only report what would happen.

    Returns:
        With the content of ``metrics.json`` as its record.

    Raises:
        ConfigError: If a model or a measure is not found, or two models or query sets have one name.
        DataError: If a stage is missing, the queries judge nothing in this corpus, or another run has another corpus.
        IntegrityError: If dataset or model were changed since they were written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
    """
    check_measures(config.measures, config.depth)
    folder = Path(run) / EVAL
    inputs = Inputs.read(config, Path(run), [Path(other) for other in others])
    identity, models = inputs.identity(config), inputs.models(config)
    plan = {"queries": ", ".join(queries.name for queries in inputs.query_sets), "n_queries": inputs.n_queries}
    n_passages, n_added = len(inputs.dataset.passages), len(inputs.others) + len(inputs.added)
    check = partial(
        preflight.before_evaluate, config, folder, inputs.base_folder, inputs.n_queries, n_passages, n_added
    )
    if result := skip_or_plan(folder, identity, EvaluationRecord, plan, force=force, dry_run=dry_run, check=check):
        return result
    with stage_folder(folder, identity) as stage:
        stage.circumstances = Circumstances(query_sets=inputs.sources(config))
        stage.record = record = _measure(stage.path, config, inputs, models)
    return StageResult(folder, "done", record)


def _measure(folder: Path, config: EvaluateConfig, inputs: Inputs, models: Sequence[Model]) -> EvaluationRecord:
    """Search with every model, and write the files of every query set."""
    run, passages = inputs.run, inputs.dataset.passages
    judged = [share_judgements(queries, passages) for queries in inputs.query_sets]
    hashes = {"base": hash_model(inputs.base_folder), "tuned": run.model_hash}
    kept = KeptVectors(VectorCache(run.folder / VECTORS), hashes, run.search_name)
    search = Search(
        passages,
        judged,
        window_tokens=run.settings.window_tokens,
        window_overlap=run.settings.window_overlap,
        depth=config.depth,
        kept=kept,
        directions=next((tried.directions for tried in run.record.candidates if tried.directions), None),
        rerank=config.rerank,
        shipped=run.record.shipped,
        vectors=config.vectors,
        indexes=config.index,
    )
    for model in models:
        search.add(model)
    kept.cache.prune(kept.models.values())
    base = models[0].load()
    recorded = {"query_prompt": run.settings.query_prompt, "document_prompt": run.settings.document_prompt}
    prompts = prompts_between(inputs.base_folder, run.merged if run.is_trained else inputs.base_folder, **recorded)
    several = len(judged) > 1
    reporter = Reporter(background(run, config), passages, seed=config.seed, alone=not several)
    forgetting = _measure_forgetting(config, inputs, models, base)
    reading = readings(base, [passage.full_text for passage in passages])
    sets = {}
    for original, queries, searched in zip(inputs.query_sets, judged, search.sets, strict=True):
        audits = audit(
            inputs.dataset,
            original,
            searched.runs,
            base,
            prompts=prompts,
            plain=searched.cut_off,
            without_prompt=searched.bare,
            query_cosine=searched.query_cosine,
            reading=reading,
        )
        own = folder / set_folder(queries.name) if several else folder
        sets[queries.name] = write_query_set(
            own, config, inputs, queries, searched, audits, None if several else forgetting, reporter
        )
    if run.is_trained:
        card = card_of(run.record, run.settings, prompts.used, len(passages), list(sets.values()))
        (folder / MODEL_CARD).write_text(model_card(card), encoding="utf-8")
    frame = {"queries": ", ".join(sets), "shipped": run.record.shipped, "sets": sets}
    record = EvaluationRecord(schema_version=1, **frame, **({"forgetting": forgetting} if forgetting else {}))
    if several:
        write_json(folder / "metrics.json", record.as_json())
        reporter.write_overview(folder, record, {set_folder(name): results for name, results in sets.items()})
    return record


def _measure_forgetting(
    config: EvaluateConfig, inputs: Inputs, models: Sequence[Model], base: Encoder
) -> ForgettingRecord | None:
    """Compare the tuned model, if there is one, with the base on sets that have nothing to do with this corpus."""
    tuned, settings = next((model.load() for model in models if model.name == "tuned"), None), inputs.run.settings
    if tuned is None:
        return None
    return measure_forgetting(
        base,
        tuned,
        at_strength=strengths_between(base, tuned),
        extra_sets=[Path(name) for name in config.forgetting],
        window_tokens=settings.window_tokens,
        window_overlap=settings.window_overlap,
        seed=config.seed,
    )
