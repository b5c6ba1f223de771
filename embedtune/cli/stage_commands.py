"""The commands that write the stages of a run: ``embedtune generate``, ``train``, ``eval`` and ``run``."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import EvaluateConfig, GenerateConfig
from embedtune.config.training import TrainConfig

_FILE = re.compile(r"\.(jsonl?|csv|tsv|txt|trec|qrels|parquet)$")
_log = logging.getLogger("embedtune")


@click.command("generate")
@click.argument("source", required=False)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder; writes OUT/dataset.  [default: runs/NAME, from SOURCE]"
)
@options.setting(
    GenerateConfig,
    "labels",
    multiple=True,
    metavar="FILE",
    help="Queries with the texts or documents that answer them: JSON lines, CSV, Parquet …; repeatable.",
)
@options.settings(GenerateConfig, "model", "generator")
@options.llm
@options.settings(GenerateConfig, "queries_from", "window_tokens", "query_prompt", "document_prompt")
@options.settings(GenerateConfig, "strict", "trust_remote_code")
@options.shared()
@options.ray
def generate_command(common: options.Shared, out: Path | None, **given: Any) -> None:
    """Make passages, queries and relevance judgements from documents.

    SOURCE is a folder of documents (text, Markdown, HTML, PDF, Office, tables, mail …), a BEIR folder, a file of labelled
    pairs, triplets or a search log (JSON lines, CSV, Parquet …), a LlamaIndex {queries, corpus, relevant_docs} JSON file, or
    python-reference (the language reference that comes with Python).

    \b
    Example: embedtune generate docs/
             embedtune generate docs/ --labels clicks.csv
             embedtune generate docs/ --out runs/mine --llm openai:gpt-4o-mini --dry-run
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.generate import generate

    if given["llm.name"] and given["generator"] is None:
        given["generator"] = "llm"
    config = common.load(GenerateConfig, "generate", given)
    folder = out or default_run(config.source)
    if out is None:
        _log.info("run folder: %s", folder)
    result = generate(config, folder, force=common.force, dry_run=common.dry_run)
    output.show("generate", result, as_json=common.as_json)


def default_run(source: str) -> Path:
    """Return the run folder of a source that is given without ``--out``: ``runs/NAME``."""
    name = re.sub(r"[^\w.+-]+", "-", _FILE.sub("", Path(source).resolve().name)).strip("-.")
    return Path("runs") / (name or "mine")


@click.command("train")
@click.argument("run", type=options.RUN)
@options.settings(TrainConfig, "method", "quantize", "teacher", "learning_rate", "epochs", "batch_size")
@options.setting(TrainConfig, "dims", type=str, metavar="N,N,…")
@options.setting(TrainConfig, "start", "--from", "start", metavar="RUN")
@options.TRUST
@options.shared()
@options.ray
def train_command(common: options.Shared, run: Path, **given: Any) -> None:
    """Fine-tune the base model of RUN on its dataset.

    Writes RUN/model: the tuned model in sentence-transformers form (merged/) and, for the LoRA methods, a PEFT adapter. If
    tuning does not beat the base model on the dev queries, merged/ is the base model, and the result says so. The base model
    is chosen by generate --model.

    \b
    Example: embedtune train runs/mine
             embedtune train runs/mine --method auto
             embedtune train runs/health --from runs/law
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.train import train
    from embedtune.processes import is_first

    config = common.load(TrainConfig, "train", given)
    result = train(config, run, force=common.force, dry_run=common.dry_run)
    if is_first():
        output.show("train", result, as_json=common.as_json)


@click.command("eval")
@click.argument("runs", type=options.RUN, nargs=-1, required=True, metavar="RUN...")
@options.setting(
    EvaluateConfig,
    "queries",
    multiple=True,
    help="Your own queries with judgements: a BEIR folder, a label file, a LlamaIndex JSON file or a packaged set; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "models",
    "--model",
    "models",
    multiple=True,
    help="A further model to compare: hub name or local folder; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "forgetting",
    multiple=True,
    metavar="BEIR",
    help="A further BEIR folder to check for forgetting, besides the packaged general set; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "measures",
    multiple=True,
    metavar="NAME",
    help="A further measure of ir_measures, such as P@5 or AP; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "vectors",
    multiple=True,
    metavar="FORM",
    help="A form of the shipped model's vectors to compare with whole ones: a number of dimensions, int8, binary; repeatable.",
)
@options.setting(
    EvaluateConfig,
    "index",
    multiple=True,
    metavar="INDEX",
    help="An approximate index of FAISS to search with too, such as ivf4096,pq48, ivf4096,pq48,rflat or hnsw32; repeatable.",
)
@options.setting(EvaluateConfig, "precision")
@options.TRUST
@click.option(
    "--fail-under",
    multiple=True,
    metavar="MEASURE=VALUE",
    help="Exit with 100 if the saved model scores below this, such as hit_rate@5=0.9, or any of --measures; repeatable.",
)
@click.option(
    "--fail-if-worse", is_flag=True, help="Exit with 100 if the tuned model is significantly worse than the base."
)
@options.shared()
@options.ray
def eval_command(
    common: options.Shared, runs: tuple[Path, ...], fail_under: tuple[str, ...], fail_if_worse: bool, **given: Any
) -> None:
    """Compare the base and the tuned model of RUN with BM25 and hybrid search, with significance tests.

    Writes RUN/eval: report.html (which needs no network), a TREC run file for each system, per_query.tsv and metrics.json. If
    the judgements are of documents, a document scores as its best passage. --seed is the seed of the bootstrap and the
    randomisation tests.

    Further RUNs over the same corpus add their models as tuned:NAME; if they differ only in their seed, the verdict is also
    given for their mean. Each query set gets its own table and folder.

    \b
    Example: embedtune eval runs/mine --queries my-queries/ --fail-under hit_rate@5=0.9
             embedtune eval runs/seed0 runs/seed1 runs/seed2 --model BAAI/bge-small-en-v1.5
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.evaluate import evaluate
    from embedtune.pipeline.quality import check_quality, read_bounds

    config = common.load(EvaluateConfig, "eval", given)
    bounds = read_bounds(fail_under, config.measures)
    result = evaluate(config, runs[0], others=runs[1:], force=common.force, dry_run=common.dry_run)
    output.show("eval", result, as_json=common.as_json)
    if result.status != "planned":
        check_quality(result.record, bounds, if_worse=fail_if_worse)


@click.command("run")
@click.argument("recipe", required=False)
@click.option("--out", help="Run folder, instead of the recipe's.")
@click.option("--list", "listing", is_flag=True, help="List the packaged recipes.")
@options.shared()
@options.ray
def run_command(common: options.Shared, recipe: str | None, *, listing: bool, **given: Any) -> None:
    """Generate, train and evaluate with one recipe; stages that are up to date are skipped.

    RECIPE is a YAML file or the name of a packaged recipe.

    \b
    Example: embedtune run --list
             embedtune run quickstart
             embedtune run documents --set generate.source=FOLDER --out runs/mine
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import RunConfig, load_config
    from embedtune.pipeline.run import run
    from embedtune.resources import describe_recipe, find_recipe, recipes

    if listing:
        output.show_facts({name: describe_recipe(path) for name, path in recipes().items()}, as_json=common.as_json)
        return
    if (recipe is None) == (common.file is None):
        raise click.UsageError("expected one recipe, as RECIPE or with --config")
    file = find_recipe(recipe) if recipe else common.file
    if given["seed"] is not None:  # a named option wins over every section's own seed
        given |= {f"{stage}.seed": given["seed"] for stage in ("generate", "train", "eval")}
    config = load_config(RunConfig, file=file, settings=common.settings, options=given)
    output.show_run(run(config, force=common.force, dry_run=common.dry_run), as_json=common.as_json)
