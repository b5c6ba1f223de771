"""Stage 3: base and tuned model, BM25 and fusion on the same queries, and what the differences prove."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedtune.config.settings import EvaluateConfig, takes_settings
from embedtune.dataset import Dataset, read_dataset
from embedtune.evaluation.audits.run import audit, prompts_between
from embedtune.evaluation.forgetting import measure_forgetting, strengths_between
from embedtune.evaluation.measures import MEASURES, check_measures
from embedtune.evaluation.models import Model, added_model, check_names, model_of_other_run, models_of_run
from embedtune.evaluation.query_sets import find_query_sets, hash_query_sets
from embedtune.evaluation.runner import KeptVectors, Search
from embedtune.formats.judgements import share_judgements
from embedtune.models.encoder import Encoder, choose_precision
from embedtune.models.locate import hash_model
from embedtune.pipeline import preflight
from embedtune.pipeline.evaluation_files import write_measured
from embedtune.pipeline.model_cards import MODEL_CARD, card_of, write_card
from embedtune.project.layout import DATASET, EVAL, VECTORS, file_name
from embedtune.project.lock import hold
from embedtune.project.manifest import library_versions, stage_folder, write_json
from embedtune.project.stage import StageResult, finished_or_planned
from embedtune.project.trained_run import TrainedRun, check_comparable, differ_in_seed_only, read_trained_run
from embedtune.project.vector_cache import VectorCache
from embedtune.reports.background import background
from embedtune.reports.writing import Reporter
from embedtune.text.hashing import hash_files
from embedtune.types import QuerySet


@takes_settings(EvaluateConfig)
def evaluate(
    config: EvaluateConfig,
    run: Path,
    *,
    others: Sequence[Path] = (),
    force: bool = False,
    dry_run: bool = False,
) -> StageResult:
    """Measure a run's models: ``RUN/eval`` with runs, ``per_query.tsv``, ``metrics.json``, report and model card.

    The whole corpus is searched, whatever the queries. Fusion weights come from training, which chose them on the
    dev queries for base and tuned alike. Several query sets have a folder each below ``RUN/eval``.

    Args:
        config: Settings; ``config.queries`` names queries of your own, ``config.models`` further models.
        run: The run folder, with a finished dataset and model.
        others: Further runs over the same corpus, whose models join the table; other seeds of one recipe are summed up.
        force: Work even if nothing has changed.
        dry_run: Tell what would happen; write nothing.

    Returns:
        Facts: the content of ``metrics.json``.

    Raises:
        ConfigError: If a model or a measure is not found, or two models or query sets have one name.
        DataError: If a stage is missing, the queries judge nothing in this corpus, or another run has another corpus.
        IntegrityError: If dataset or model were changed since they were written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
    """
    with hold(Path(run), idle=dry_run):
        return _evaluate(config, Path(run), [Path(other) for other in others], force=force, dry_run=dry_run)


def _evaluate(
    config: EvaluateConfig, folder: Path, others: Sequence[Path], *, force: bool, dry_run: bool
) -> StageResult:
    check_measures(config.measures, config.depth)
    run, *further = (read_trained_run(each) for each in (folder, *others))
    for other in further:
        check_comparable(run, other, own_queries=bool(config.queries))
    dataset = read_dataset(folder / DATASET)
    query_sets = find_query_sets(config.queries, dataset)
    base_folder = preflight.find_base(run.settings.model, folder / EVAL)
    added = {name: preflight.find_base(name, folder / EVAL) for name in config.models}
    identity = {
        "stage": "eval",
        "config": config.model_dump(mode="json", exclude={"queries", "models", "forgetting"}),
        "queries": hash_query_sets(query_sets),
        "forgetting": {name: _hash_set(Path(name)) for name in config.forgetting},
        "dataset": run.dataset["outputs"],
        "model": run.model["outputs"],
        "recorded": [run.dataset["identity_hash"], run.model["identity_hash"]],  # the report tells of their settings
        "base": hash_model(base_folder),
        "others": {other.name: other.model["outputs"] for other in further},
        "models": {name: hash_model(where) for name, where in added.items()},
        "versions": library_versions(),
    }
    precision = choose_precision(config.precision)
    models = [
        *models_of_run(run, base_folder, precision),
        *(model_of_other_run(other, precision) for other in further),
        *(added_model(name, where, precision) for name, where in added.items()),
    ]
    check_names(models)
    n_queries = sum(len(queries.queries) for queries in query_sets)
    plan = {"queries": ", ".join(queries.name for queries in query_sets), "n_queries": n_queries}
    check = preflight.before_evaluate(
        config, folder / EVAL, base_folder, n_queries, len(dataset.passages), len(further) + len(added)
    )
    if result := finished_or_planned(folder / EVAL, identity, plan, force=force, dry_run=dry_run, check=check):
        return result
    facts: dict[str, Any] = {}
    with stage_folder(folder / EVAL, identity, facts) as temporary:
        seeds = _seeds(run, further)
        facts.update(_measure(temporary, config, run, base_folder, models, dataset, query_sets, seeds))
    return StageResult(folder / EVAL, facts, "done")


def _measure(
    folder: Path,
    config: EvaluateConfig,
    run: TrainedRun,
    base_folder: Path,
    models: Sequence[Model],
    dataset: Dataset,
    query_sets: Sequence[QuerySet],
    seeds: Sequence[str],
) -> dict[str, Any]:
    """Search with every model, write the files of every query set, and return the facts of the stage."""
    judged = [share_judgements(queries, dataset.passages) for queries in query_sets]
    search = Search(
        dataset.passages,
        judged,
        window_tokens=run.settings.window_tokens,
        window_overlap=run.settings.window_overlap,
        depth=config.depth,
        base=KeptVectors(VectorCache(run.folder / VECTORS), hash_model(base_folder)),
        directions=next(
            (rung["directions"] for rung in run.model["facts"].get("candidates", []) if "directions" in rung), None
        ),
        rerank=config.rerank,
    )
    for model in models:
        search.add(model)
    trained, base = run.model["facts"], models[0].load()
    prompts = prompts_between(
        base_folder,
        run.merged,
        query_prompt=run.settings.query_prompt,
        document_prompt=run.settings.document_prompt,
    )
    reporter = Reporter(background(run, config), dataset.passages, seed=config.seed)
    blocks = {}
    for as_judged, queries, runs, found in zip(query_sets, judged, search.runs(), search.for_audits(), strict=True):
        place = folder if len(query_sets) == 1 else folder / file_name(queries.name)
        place.mkdir(exist_ok=True)
        audits = audit(
            dataset, as_judged, runs, base,
            prompts=prompts, plain=found.cut_off, without_prompt=found.bare, query_cosine=found.query_cosine,
        )  # fmt: skip
        more = {"audits": audits} | (_forgetting(config, run, models, base) if len(query_sets) == 1 else {})
        blocks[queries.name] = write_measured(
            place, queries, runs, dataset.passages, trained,
            measures=list(dict.fromkeys([*MEASURES, *config.measures])), seeds=seeds, seed=config.seed, more=more,
            reporter=reporter,
        )  # fmt: skip
    card = card_of(trained, run.settings, prompts.used, len(dataset.passages), list(blocks.values()))
    write_card(folder / MODEL_CARD, card)
    if len(query_sets) == 1:
        return blocks[query_sets[0].name]
    facts = {"schema_version": 1, "queries": ", ".join(blocks), "shipped": trained["shipped"], "sets": blocks}
    facts |= _forgetting(config, run, models, base)
    write_json(folder / "metrics.json", facts)
    reporter.write_overview(folder, facts, {file_name(name): block for name, block in blocks.items()})
    return facts


def _forgetting(config: EvaluateConfig, run: TrainedRun, models: Sequence[Model], base: Encoder) -> dict[str, Any]:
    """Hold the tuned model, if there is one, against sets that have nothing to do with this corpus."""
    tuned = next((model for model in models if model.name == "tuned"), None)
    if tuned is None:
        return {}
    encoder = tuned.load()
    found = measure_forgetting(
        base,
        encoder,
        at_strength=strengths_between(base, encoder),
        extra_sets=[Path(name) for name in config.forgetting],
        window_tokens=run.settings.window_tokens,
        window_overlap=run.settings.window_overlap,
        seed=config.seed,
    )
    return {"forgetting": found}


def _seeds(run: TrainedRun, others: Sequence[TrainedRun]) -> list[str]:
    """Return the systems of several seeds of one recipe; a seed whose training shipped the base counts as the base."""
    if not differ_in_seed_only([run, *others]):
        return []
    return [run.model["facts"]["shipped"], *(f"tuned:{other.name}" for other in others)]


def _hash_set(folder: Path) -> dict[str, str]:
    names = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
    return hash_files(folder, [folder / name for name in names if (folder / name).is_file()])
