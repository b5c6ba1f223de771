"""Saving the shipped model, and two checks: another process gets the trained vectors, and they are not the base's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedtune.errors import IntegrityError
from embedtune.evaluation.drift import mean_cosine
from embedtune.models.encoder import load_encoder
from embedtune.models.opening import is_own_code
from embedtune.models.weights import two_towers
from embedtune.training.reloading import encode_elsewhere, encode_plainly
from embedtune.types import Vectors

if TYPE_CHECKING:
    from embedtune.training.methods.context import Candidate, Context
    from embedtune.training.methods.select import MethodSelection

TOLERANCE = {"none": 1e-5, "int8": 1e-3, "nf4": 1e-3, "fp4": 1e-3}
"""Largest difference of a component after loading, by how the frozen weights were quantised."""

_PARITY_TEXTS = 16
_ROUNDING = 1e-6  # of a mean cosine; dev decides whether a small change is worth shipping


class ParityTexts(NamedTuple):
    """Texts whose vectors are compared before and after saving."""

    queries: list[str]
    documents: list[str]


def save_selection(folder: Path, selection: MethodSelection, context: Context) -> dict[str, float]:
    """Write ``pairs.jsonl``, ``merged/``, and ``adapter/`` if a tuned model is shipped that has one.

    The strength is folded into the model. Where only queries were tuned, ``merged/`` holds two towers, and its passages are the
    base's bit for bit.

    Returns:
        ``reload_difference``: of the vectors of another process; for a tuned model ``mean_query_cosine_to_base`` too.

    Raises:
        IntegrityError: If another process gets other vectors, or those of a tuned model are the base's.
    """
    with (folder / "pairs.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in selection.best.rows)
    queries = [query.text for query in context.dataset.splits["dev"].queries[:_PARITY_TEXTS]]
    changed = list(selection.best.tuned.changed_documents[: _PARITY_TEXTS // 2]) if selection.ships else []
    texts = ParityTexts(queries, [*changed, *context.dev.windows][:_PARITY_TEXTS])
    base = encode_plainly(context.base.model, *texts)
    if selection.ships:
        return _save_tuned(folder, selection.best, context, texts, base)
    _save_plain(context.base.model, folder / "merged")
    trust = context.dataset_config.trust_remote_code
    return {"reload_difference": check_reload(folder, base, texts, scheme="none", trust_remote_code=trust)}


def _save_tuned(folder: Path, best: Candidate, context: Context, texts: ParityTexts, base: Vectors) -> dict[str, float]:
    settings, tuned, n_queries = context.dataset_config, best.tuned, len(texts.queries)
    tuned.fold(best.decision.strength)
    expected = encode_plainly(tuned.model, *texts)
    if tuned.queries_only:
        expected[n_queries:] = base[n_queries:]
    has_adapter = tuned.save_adapter(folder / "adapter", settings.model)
    merged = tuned.merge_into(load_encoder(context.base_folder, settings, "fp32").model)
    _save_plain(two_towers(merged, context.base.model) if tuned.queries_only else merged, folder / "merged")
    worst = check_reload(
        folder,
        expected,
        texts,
        scheme=best.scheme,
        base_folder=context.base_folder if has_adapter else None,
        queries_only=tuned.queries_only,
        trust_remote_code=settings.trust_remote_code or is_own_code(folder / "merged"),
    )
    # Where the vectors of queries may be the base's own, those of the first documents are not.
    n_changed = min(len(tuned.changed_documents), _PARITY_TEXTS // 2)
    rows = slice(n_queries, n_queries + n_changed) if n_changed else slice(n_queries)
    check_change(base[rows], expected[rows])
    cosine = mean_cosine(base[:n_queries], expected[:n_queries])
    return {"reload_difference": worst, "mean_query_cosine_to_base": round(cosine, 6)}


def check_reload(
    model_folder: Path,
    expected: Vectors,
    texts: ParityTexts,
    *,
    scheme: str,
    base_folder: Path | None = None,
    queries_only: bool = False,
    trust_remote_code: bool = False,
) -> float:
    """Load a saved model in another process and compare its vectors with those in memory.

    Args:
        model_folder: A model stage with ``merged/`` and, if ``base_folder`` is given, ``adapter/``.
        expected: Unit vectors in fp32 of the queries, then the documents, ``(n, dim)``.
        texts: To encode, each with its prompt.
        scheme: Of the frozen weights; determines the tolerance.
        base_folder: The adapter is loaded over this model, quantised as it was, and checked too; None for no adapter.
        queries_only: Whether the adapter is for queries alone.
        trust_remote_code: As for loading.

    Returns:
        The largest absolute difference of any component.

    Raises:
        IntegrityError: If a vector differs by more than 1e-5 (unquantised) or 1e-3 (quantised), or the model cannot be
            loaded there.
        ResourceError: If that process was killed.
    """
    found = encode_elsewhere(
        model_folder,
        base=base_folder.resolve() if base_folder else None,
        scheme=scheme,
        trust_remote_code=trust_remote_code,
        **texts._asdict(),
    )
    worst = 0.0
    for name, vectors in found.items():
        compared = len(texts.queries) if name == "adapter" and queries_only else len(expected)
        difference = float(np.abs(vectors - expected)[:compared].max())
        if not difference <= TOLERANCE[scheme]:
            raise IntegrityError(
                f"{model_folder / name}: expected the vectors that were trained, found a difference of {difference:.2g} after "
                f"loading it in another process (at most {TOLERANCE[scheme]:g} is allowed)",
                hint="please report this with `embedtune train -v` output; --quantize none avoids quantised layers",
            )
        worst = max(worst, difference)
    return worst


def check_change(base: Vectors, tuned: Vectors) -> None:
    """Check that vectors changed, by their mean cosine before and after.

    Raises:
        IntegrityError: If it is 1 − 1e-6 or more, which is rounding: the model that would be shipped as tuned is the base.
    """
    cosine = mean_cosine(base, tuned)
    if cosine >= 1 - _ROUNDING:
        raise IntegrityError(
            f"tuned model: expected vectors that differ from the base's, found a mean cosine of {cosine:.6f}",
            hint="raise train.learning_rate or train.epochs",
        )


def _save_plain(model: Any, folder: Path) -> None:
    """Write a folder that any sentence-transformers user can load, without a card that would print private text."""
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
