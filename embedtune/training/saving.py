"""Saving what a training ships, and holding it against what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.models.encoder import is_own_code
from embedtune.models.weights import two_towers
from embedtune.training.parity import check_change, check_reload, encode_plainly

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.trainable import Method


class ParityTexts(NamedTuple):
    """Texts whose vectors are compared before and after saving."""

    queries: list[str]
    documents: list[str]


class Trained(NamedTuple):
    """A trained model in memory.

    Attributes:
        method: Holds the model; the strength is folded in.
        scheme: How the frozen weights are quantised.
        base_name: The base model as the user named it.
    """

    method: Method
    scheme: str
    base_name: str


def save_base(folder: Path, base: SentenceTransformer, texts: ParityTexts) -> dict[str, float]:
    """Write the base as ``merged/``, with its prompts.

    Returns:
        ``reload_difference``: of the vectors of a fresh process.

    Raises:
        IntegrityError: If a fresh process gets other vectors.
    """
    expected = encode_plainly(base, *texts)
    _save_plain(base, folder / "merged")
    return {"reload_difference": check_reload(folder, expected, *texts, scheme="none")}


def save_tuned(
    folder: Path,
    trained: Trained,
    base: SentenceTransformer,
    copy: SentenceTransformer,
    base_folder: Path,
    texts: ParityTexts,
    *,
    trust_remote_code: bool,
) -> dict[str, float]:
    """Write ``adapter/``, if the method has one, and ``merged/``.

    Where only queries were tuned, ``merged/`` holds two towers, and its passages are the base's to the last bit.

    Args:
        folder: The model stage.
        trained: What was trained.
        base: The untouched base.
        copy: Another copy of it, which becomes the merged model.
        base_folder: Where it came from.
        texts: To compare before and after.
        trust_remote_code: As for loading.

    Returns:
        ``reload_difference`` as for ``save_base``, and ``mean_query_cosine_to_base``.

    Raises:
        IntegrityError: If a fresh process gets other vectors from either, or they are the base's.
    """
    n_queries, queries_only = len(texts.queries), trained.method.queries_only
    before = encode_plainly(base, *texts)
    expected = encode_plainly(trained.method.model, *texts)
    if queries_only:
        expected[n_queries:] = before[n_queries:]
    has_adapter = trained.method.save_adapter(folder / "adapter", trained.base_name)
    merged = trained.method.merged(copy)
    _save_plain(two_towers(merged, base) if queries_only else merged, folder / "merged")
    worst = check_reload(
        folder,
        expected,
        *texts,
        scheme=trained.scheme,
        base_folder=base_folder if has_adapter else None,
        queries_only=queries_only,
        trust_remote_code=trust_remote_code or is_own_code(folder / "merged"),
    )
    cosine = check_change(before[:n_queries], expected[:n_queries])
    return {"reload_difference": worst, "mean_query_cosine_to_base": round(cosine, 6)}


def _save_plain(model: Any, folder: Path) -> None:
    """Write a folder that any sentence-transformers user can load, without a card that would print private text."""
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
