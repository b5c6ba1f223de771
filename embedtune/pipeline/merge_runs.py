"""Merge the adapters of several runs over one base by weight, into a model of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from embedtune.errors import ConfigError
from embedtune.models.encoder import load_encoder
from embedtune.models.merged_adapters import load_weighted
from embedtune.models.weights import merge, save_adapter
from embedtune.pipeline import preflight
from embedtune.project.layout import MODEL
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.project.writing import check_new, check_outside, new_folder
from embedtune.quiet import quiet_libraries
from embedtune.training.start import METHODS


@quiet_libraries()
def merge_runs(
    runs: Sequence[Path | str], out: Path | str, weights: Sequence[float] = (), *, trust_remote_code: bool = False
) -> Path:
    """Write the base with Σ weight · update of the LoRA adapters of several runs: ``OUT/merged`` and ``OUT/adapter``.

    ``eval RUN --model OUT/merged`` measures it. Updates of different domains interfere, so it is between the runs on
    each, not above them; what it costs is measured, not known (task arithmetic, Ilharco et al. 2023).

    Args:
        runs: Two or more, with LoRA adapters over one base, quantised alike, with the same prompts.
        out: Made; what is there already is not touched.
        weights: Of each run; none are 1 / n.
        trust_remote_code: Run code of the base.

    Returns:
        ``OUT/merged``.

    Raises:
        ConfigError: If the runs do not fit each other, a weight is missing, or ``out`` is there.
        DataError: If a run has no model.
        IntegrityError: If a run was changed since it was written.
        ResourceError: If the folder cannot be written.
    """
    out, folders = Path(out), [Path(run) for run in runs]
    check_new(out)
    for folder in folders:
        check_outside(out, folder, "--out")
    shares = _checked(weights, folders)
    opened = [read_trained_run(folder, trust_remote_code=trust_remote_code) for folder in folders]
    _check_alike(opened)
    first = opened[0]
    base_folder = preflight.find_base(first.settings.model, out, download=False)
    adapters = {run.folder / MODEL / "adapter": share for run, share in zip(opened, shares, strict=True)}
    model, adapter = load_weighted(base_folder, first.record.quantize, adapters, trust_remote_code=trust_remote_code)
    merged = merge(model, load_encoder(base_folder, first.settings, "fp32").model)
    with new_folder(out) as part:
        save_adapter(adapter, part / "adapter", first.settings.model)
        merged.save_pretrained(str(part / "merged"), create_model_card=False, safe_serialization=True)
    return out / "merged"


def _checked(weights: Sequence[float], folders: Sequence[Path]) -> Sequence[float]:
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise ConfigError(f"merge: expected two runs at least, each once, found {', '.join(map(str, folders))}")
    shares = weights or [1 / len(folders)] * len(folders)
    if len(shares) != len(folders) or not all(map(math.isfinite, shares)):
        raise ConfigError(
            f"merge: expected a weight for each of {len(folders)} runs, found {', '.join(f'{each:g}' for each in shares)}",
            hint="give --weight once for each run, in their order",
        )
    return shares


def _check_alike(runs: Sequence[TrainedRun]) -> None:
    first = runs[0]
    for run in runs:
        if not (run.folder / MODEL / "adapter").is_dir() or run.record.method not in METHODS or run.record.queries_only:
            found = f"a model of the method {run.record.method}" if run.record.is_tuned else "the base model"
            raise ConfigError(
                f"{run.folder}: expected a model with a LoRA adapter for queries and passages, found {found}"
            )
        for what, mine, theirs in (
            ("base", first.model.identity.model, run.model.identity.model),
            ("quantisation", first.record.quantize, run.record.quantize),
            ("prompts", _prompts(first), _prompts(run)),
        ):
            if mine != theirs:
                raise ConfigError(
                    f"{run.folder}: expected the {what} of {first.folder}, found another",
                    hint="train both runs with the same base, --quantize and prompts",
                )


def _prompts(run: TrainedRun) -> tuple[str | None, str | None]:
    return run.settings.query_prompt, run.settings.document_prompt
