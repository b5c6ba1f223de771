"""From a recipe to a run: its folder, what a dry run finds, its start, and a second run that learns from judgements."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from embedtune import machine
from embedtune.advise.result import Advice
from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError, DataError, EmbedtuneError, InUseError, ResourceError
from embedtune.models.inspect import inspect_model
from embedtune.models.locate import find_model
from embedtune.pipeline.machine_checks import memory_of_training
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.manifest import MANIFEST, read_manifest
from embedtune.project.records import DatasetRecord, ModelRecord, Record
from embedtune.project.writing import replace_file
from embedtune.regular import read_json
from embedtune.types import Passage
from embedtune.ui.jobs import ADVICE, EMBEDTUNE, RECIPE, Job, find_job, start_job
from embedtune.ui.judgement_folder import JudgementFolder
from embedtune.ui.roots import Root
from embedtune.ui.settings_form import Recipe, read_form, read_recipe

_RUNS = "runs"
_LABELS = "judged.jsonl"
_SECONDS = 600
_MOST_FOLDERS = 500
_DEPTH = 3


def suggested_name(root: Root, source: str = "") -> str:
    """Return a free name for a run folder: below ``runs`` as the command line has it, or beside the other runs."""
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(source).name).strip("-") or "run"
    prefix = "" if root.folder.name == _RUNS else f"{_RUNS}/"
    for count in range(1, 1_000):
        name = f"{prefix}{stem}" if count == 1 else f"{prefix}{stem}-{count}"
        if not os.path.lexists(root.folder / name):
            return name
    return f"{prefix}{stem}-1000"


def source_folders(root: Root) -> list[str]:
    """Return folders below the root that may hold documents, to choose from."""
    found: list[str] = []
    waiting = [(root.folder, 0)]
    while waiting and len(found) < _MOST_FOLDERS:
        here, depth = waiting.pop(0)
        with suppress(OSError), os.scandir(here) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                plain = entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                if plain and not any(
                    (Path(entry.path) / stage / MANIFEST).is_file() for stage in (DATASET, MODEL, EVAL)
                ):
                    found.append(root.name_of(Path(entry.path)))
                    if depth < _DEPTH:
                        waiting.append((Path(entry.path), depth + 1))
    return found


def save_recipe(root: Root, recipe: Recipe) -> Path:
    """Write a recipe into its run folder, and return that.

    Raises:
        ConfigError: If the folder is no run of this page, such as one with files of the user's.
        InUseError: If a process works there.
        ResourceError: If it cannot be written.
    """
    if not root.can_grow:
        raise ConfigError("expected a page over a folder, found one over single runs: start embedtune ui FOLDER")
    run = root.place(str(recipe.config.out))
    if run == root.folder:
        raise ConfigError("run folder: expected a name, found none")
    if job := find_job(run):
        raise InUseError(f"{run.name}: expected a run that nobody works in, found process {job.pid} ({job.command})")
    if run.exists() and not (run / RECIPE).is_file() and (not run.is_dir() or any(run.iterdir())):
        raise ConfigError(
            f"{recipe.config.out}: expected a new run folder, found one with other files", hint="choose another name"
        )
    try:
        run.mkdir(parents=True, exist_ok=True)
        replace_file(run / RECIPE, recipe.text.encode())
    except OSError as error:
        raise ResourceError(
            f"{recipe.config.out}: expected to write there, found: {error}", hint="choose another name"
        ) from error
    return run


def start_run(root: Root, run: Path) -> Job:
    """Generate, train and evaluate by the run's recipe; stages that are done are skipped, one that was stopped goes on.

    Raises:
        ConfigError: If the recipe cannot be used here.
        InUseError: If a process works in the run.
    """
    read_recipe(run, root)
    trusts = [f"{stage}.trust_remote_code=false" for stage in ("generate", "train", "eval")]
    options = [part for setting in (*trusts, f"out={json.dumps(str(run))}") for part in ("--set", setting)]
    return start_job(run, ["run", "--config", str(run / RECIPE), *options], cwd=root.workplace)


def start_advice(root: Root, run: Path) -> Job:
    """Measure what is worth doing with the documents of a recipe; raises as ``start_run`` does."""
    from embedtune.events import EVENTS

    read_recipe(run, root)
    arguments = ["advise", "--config", str(run / RECIPE), "--out", str(run / ADVICE), "--events", str(run / EVENTS)]
    return start_job(run, [*arguments, "--set", "trust_remote_code=false"], cwd=root.workplace)


def start_evaluation(root: Root, run: Path, queries: Path) -> Job:
    """Evaluate a run on judged queries; raises ``InUseError`` if a process works there."""
    return start_job(run, ["eval", str(run), "--queries", str(queries)], cwd=root.workplace)


def read_advice(run: Path) -> Advice | None:
    """Return the advice of a run folder, if there is one."""
    with suppress(OSError, ValueError, RecursionError):
        return Advice.model_validate(read_json(run / ADVICE))
    return None


class Preview(NamedTuple):
    """What a dry run found: sentences on work, time, memory and cost, and what would stop it."""

    sentences: list[str]
    problem: str = ""
    hint: str = ""


def dry_run(root: Root, recipe: Recipe) -> Preview:
    """Read the documents as the run would, and say what it would take; nothing is written but a temporary file."""
    with tempfile.TemporaryDirectory(prefix="embedtune-page-") as scratch:
        path = Path(scratch) / RECIPE
        path.write_text(recipe.text, encoding="utf-8")
        out = root.place(str(recipe.config.out))
        command = [*EMBEDTUNE, "run", "--config", str(path), "--dry-run", "--json", "-q"]
        try:
            done = subprocess.run(  # noqa: S603 (our own module, no shell)
                [*command, "--set", f"out={json.dumps(str(out))}"],
                cwd=root.workplace, capture_output=True, text=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Preview([], f"The documents were not read within {_SECONDS} s.")
    if done.returncode:
        message, _, hint = done.stderr.strip().partition("\nHint: ")
        return Preview([], message.removeprefix("Error: ")[-4_000:], hint)
    stages = json.loads(done.stdout)["stages"]
    return Preview([*_stages(stages), *_time(root, recipe, out), *_memory(recipe.config.generate, recipe.config.train)])


def _stages(stages: Mapping[str, Any]) -> Iterator[str]:
    for name, plan in stages.items():
        if not plan.get("would_run"):
            yield f"{name}: done already, and would be skipped."
            continue
        if name == "generate":
            yield f"generate: {plan['documents']:,} documents can be read, {plan['skipped']:,} cannot."
        if llm := plan.get("llm"):
            price = "not known without llm.price_input and llm.price_output"
            if llm["price"] is not None:
                price = f"about {llm['price']:.2f}, at most {llm['price_at_most']:.2f}"
            yield (
                f"Language model: {llm['calls']:,} calls, about {llm['prompt_tokens']:,} prompt and "
                f"{llm['completion_tokens']:,} completion tokens, {llm['seconds']:.0f} s; price {price}."
            )
    if all(not plan.get("llm") for plan in stages.values()):
        yield "No language model is asked, so nothing is paid and nothing leaves this machine."


def _time(root: Root, recipe: Recipe, out: Path) -> Iterator[str]:
    if advice := read_advice(out):
        cost = advice.cost
        tuning = cost.query_side if recipe.config.train.method in ("query-lora", "linear") else cost.both_sides
        if tuning:
            yield (
                f"Time, measured by the advice on {cost.cores:g} cores: encoding the corpus "
                f"{cost.encode_corpus_seconds:.0f} s, training about {tuning.seconds:.0f} s."
            )
            return
    earlier = _earlier(root, recipe)
    yield earlier or "Time: not known yet; the advice measures it, and while the work runs its page says what is left."


def _earlier(root: Root, recipe: Recipe) -> str:
    """Say how long the most similar run below the root took; empty where there is none with this base and method."""
    from embedtune.ui.home import read_rows

    for row in read_rows(root):
        if row.problem or row.stage == "new":
            continue
        run = root.place(row.name)
        with suppress(EmbedtuneError):
            dataset, model = read_manifest(run / DATASET, DatasetRecord), read_manifest(run / MODEL, ModelRecord)
            same = dataset.identity.config.get("model") == str(recipe.config.generate.model)
            if same and model.record.method == recipe.config.train.method:
                made, trained = dataset.circumstances.duration_s or 0, model.circumstances.duration_s or 0
                return (
                    f"Time: {row.name}, of the same base and method, took {made:.0f} s for "
                    f"{dataset.record.passages:,} passages and {trained:.0f} s for {model.record.steps or 0:,} training steps."
                )
    return ""


def _memory(generate: GenerateConfig, train: TrainConfig) -> Iterator[str]:
    with suppress(EmbedtuneError):
        size = inspect_model(find_model(str(generate.model), download=False))
        needed = memory_of_training(size, train.batch_size, generate.window_tokens)
        free = machine.in_words(machine.memory().available)
        yield f"Memory: training needs about {machine.in_words(needed)}; {free} are free."


def learn_from_judgements(root: Root, run: Path, judged: JudgementFolder, passages: list[Passage]) -> Path:
    """Make a recipe for a new run over the same documents that trains on what people judged, and return its folder.

    The settings of ``generate`` and the method are those of the run; how it trains follows from the judgements.

    Raises:
        ConfigError: If the documents are not below the root.
        DataError: If fewer than two queries have a relevant passage.
    """
    labels = list(_label_rows(judged, passages))
    if len(labels) < 2:
        raise DataError(f"{run.name}: expected two judged queries with a relevant passage or more, found {len(labels)}")
    dataset = read_manifest(run / DATASET, Record)
    source = dataset.circumstances.source or ""
    name = suggested_name(root, f"{run.name}-judged")
    place = root.place(name)
    config = GenerateConfig.model_validate({**dataset.identity.config, "source": source, "labels": ()})
    values = config.model_dump(mode="json", exclude_defaults=True, exclude={"trust_remote_code", "source", "labels"})
    found = root.name_of(Path(source)) if Path(source).is_absolute() else source
    form = {"generate.source": found, "generate.labels": f"{name}/{_LABELS}", "generate.queries_from": "both"}
    if (run / MODEL).is_dir():
        form["train.method"] = str(read_manifest(run / MODEL, Record).identity.config["method"])
    recipe = read_form({**_typed("generate", values), **form}, name, root)
    rows = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in labels)
    try:
        place.mkdir(parents=True)
        (place / _LABELS).write_text(rows, encoding="utf-8")
        (place / RECIPE).write_text(recipe.text, encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"{name}: expected to write there, found: {error}", hint="free disk space") from error
    return place


def _typed(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as the form has them."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= _typed(f"{prefix}.{key}", value) or {}
            found[f"{prefix}.{key}"] = json.dumps(value)
        else:
            found[f"{prefix}.{key}"] = value if isinstance(value, str) else json.dumps(value)
    return found


def _label_rows(judged: JudgementFolder, passages: list[Passage]) -> Iterator[dict[str, Any]]:
    texts = {passage.passage_id: passage.text for passage in passages}
    qrels = judged.qrels
    for query in judged.queries:
        grades = {name: grade for name, grade in qrels.get(query.query_id, {}).items() if name in texts}
        relevant = [texts[name] for name, grade in grades.items() if grade > 0]
        if relevant:
            yield {
                "query": query.text,
                "pos": relevant,
                "neg": [texts[name] for name, grade in grades.items() if grade <= 0],
            }
