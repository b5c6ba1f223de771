"""``embedtune export-model --format``: a run's model in other forms, handed over only if each ranks as the checkpoint does."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError, IntegrityError, did_you_mean
from embedtune.evaluation.decision import read_evaluation
from embedtune.evaluation.query_sets import find_query_sets
from embedtune.export.formats import FORMATS
from embedtune.export.parity import (
    MAX_LOSS,
    PASSAGES,
    Found,
    Parity,
    Sample,
    as_json,
    ask,
    compare,
    draw_sample,
    mean_ndcg,
)
from embedtune.models.encoder import Encoder, load_encoder, load_model
from embedtune.pipeline.model_cards import MODEL_CARD, README
from embedtune.progress import track
from embedtune.project.layout import DATASET, EVAL
from embedtune.project.manifest import write_json
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.project.writing import check_new, check_outside, new_folder
from embedtune.types import QuerySet

PARITY = "parity.json"
_log = logging.getLogger("embedtune")


def export_formats(
    run: Path,
    folder: Path,
    formats: Sequence[str],
    *,
    dimension: int | None = None,
    max_loss: float = MAX_LOSS,
    n_passages: int = PASSAGES,
    trust_remote_code: bool = False,
) -> list[Parity]:
    """Write the model that training shipped in some formats, a folder for each, after each has been run by its own engine.

    The queries are those of the run's evaluation, or its test split; the passages those that they judge, and others up to a
    number. ``parity.json`` has the table.

    Args:
        run: A run folder with a finished model.
        folder: Made; what is there already is not touched.
        formats: Names of ``FORMATS``.
        dimension: Components to keep of a vector, the first ones; None keeps all.
        max_loss: Points of nDCG@10 that a format may lose against the checkpoint.
        n_passages: Passages to search; those that are judged are always among them.
        trust_remote_code: Run the Python code that comes with the model.

    Returns:
        A row for each format.

    Raises:
        ConfigError: If there is no such format, the model cannot be written in it, the folder is there already, or a package is
            missing.
        DataError: If a stage is missing, or no query is judged.
        IntegrityError: If a format loses more than is allowed; nothing is written then.
        ResourceError: If the folder cannot be written.
    """
    check_formats(formats)
    check_new(folder)
    check_outside(folder, run, "FOLDER")
    opened = read_trained_run(run, trust_remote_code=trust_remote_code)
    encoder = load_encoder(opened.merged, opened.settings, "fp32", "cpu")
    sample = draw_run_sample(opened, encoder, n_passages)
    with new_folder(folder) as part:
        with track("measure", len(formats) + 1) as on_progress:
            wanted = ask(encoder, sample)
            on_progress(1)
            parities = []
            for name in formats:
                parities.append(_export(opened, name, part / name, dimension, sample, wanted, max_loss))
                on_progress(1)
        demand_parity(parities, mean_ndcg(sample, wanted), max_loss)
        if (opened.folder / EVAL / MODEL_CARD).is_file():
            shutil.copyfile(opened.folder / EVAL / MODEL_CARD, part / README)
        checkpoint = {
            "ndcg": mean_ndcg(sample, wanted),
            "passages_per_second": len(sample.windows.texts) / wanted.seconds,
        }
        write_json(part / PARITY, {"schema_version": 1, "checkpoint": checkpoint, "formats": as_json(parities)})
    return parities


def check_formats(names: Sequence[str]) -> None:
    """Raise ``ConfigError`` for the first name that is no format."""
    for name in names:
        if name not in FORMATS:
            meant = did_you_mean(name, FORMATS)
            raise ConfigError(f"--format: expected one of {', '.join(FORMATS)}, found {name!r}{meant}")


def demand_parity(parities: Sequence[Parity], ndcg: float, max_loss: float) -> None:
    """Raise ``IntegrityError`` where a format loses more points of nDCG@10 than are allowed."""
    if lost := [each for each in parities if not each.passed]:
        found = "; ".join(f"{each.format} lost {each.ndcg_loss:.2f} ({each.ndcg:.4f})" for each in lost)
        raise IntegrityError(
            f"export: expected at most {max_loss:g} points of nDCG@10 below the checkpoint's {ndcg:.4f}, found: {found}; "
            "nothing was written",
            hint="take another format, or allow more with --max-loss",
        )


def draw_run_sample(run: TrainedRun, encoder: Encoder, n_passages: int) -> Sample:
    """Return what a run's exports are asked: the queries of its evaluation, or its test split, and some of its passages."""
    dataset = read_dataset(run.folder / DATASET)
    evaluation = read_evaluation(run)
    sources = (evaluation.circumstances.query_sets if evaluation else None) or []
    names = [each.path for each in sources if each.path is not None]
    query_sets: list[QuerySet] = find_query_sets(names, dataset)
    settings = run.settings
    return draw_sample(
        query_sets,
        dataset.passages,
        encoder,
        window_tokens=settings.window_tokens,
        window_overlap=settings.window_overlap,
        n_passages=n_passages,
    )


def _export(
    run: TrainedRun, name: str, folder: Path, dimension: int | None, sample: Sample, wanted: Found, max_loss: float
) -> Parity:
    """Write one format, run it, and measure it."""
    settings = run.settings
    model = load_model(
        run.merged,
        query_prompt=settings.query_prompt,
        document_prompt=settings.document_prompt,
        trust_remote_code=settings.trust_remote_code,
        device="cpu",
    )
    folder.mkdir()
    form = FORMATS[name]
    form.write(model, folder, dimension)
    del model
    with form.load(folder) as engine:
        found = ask(engine, sample)
    parity = compare(name, form.engine, folder, sample, wanted, found, max_loss)
    _log.info("%s: %.1f passages/s, nDCG@10 %.4f", name, parity.passages_per_second, parity.ndcg)
    return parity
