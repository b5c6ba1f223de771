"""Linear maps of the query vector: the principal directions of the corpus, or a map fitted to the teacher; seconds each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedtune.retrieval.query_projection import principal_map
from embedtune.training.methods.context import Candidate, Context, judge, search_strengths
from embedtune.training.methods.teacher import DistillationData, encode_corpus, prepare_distillation

if TYPE_CHECKING:
    from torch import Tensor

_SHARES = (0.75, 0.5, 0.25)  # of the dimensions; the most is taken unless less is better


def tune_by_principal_directions(context: Context, name: str) -> Candidate:
    """Project queries onto the directions in which the corpus varies; how many, dev tells. No query is trained on."""
    import torch

    from embedtune.training.query_adapters import LinearQueryAdapter

    vectors = encode_corpus(context).vectors
    base = context.load_base()
    maps = {
        share: LinearQueryAdapter(base, torch.from_numpy(principal_map(vectors, round(share * vectors.shape[1]))))
        for share in _SHARES
    }
    dense = {
        share: context.retrieval.search_with(each, 1.0, f"dev: {share:.0%} of the directions")
        for share, each in maps.items()
    }
    best = max(maps, key=lambda share: context.dev.reciprocal_ranks(dense[share]).mean())
    decision, chosen, facts = judge(context, {1.0: dense[best]})
    facts |= {"directions": round(best * vectors.shape[1])}
    return Candidate(name, maps[best], "none", decision, chosen, [], facts)


def tune_linear_map(context: Context, name: str) -> Candidate:
    """Fit a residual linear map to the teacher's order of all passages.

    Raises:
        DataError: If there are too few queries for a batch.
    """
    from embedtune.training.query_adapters import LinearQueryAdapter

    lesson = prepare_distillation(context)
    matrix, losses = fit_to_lesson(context, lesson)
    method = LinearQueryAdapter(context.load_base(), matrix)
    decision, chosen, facts = judge(context, search_strengths(context, method))
    facts |= {
        "teacher": context.config.teacher,
        "queries": len(lesson.queries),
        "steps": len(losses),
        "losses": [round(value, 4) for value in losses],
    }
    rows = [{"query_id": query.query_id, "anchor": query.text} for query in lesson.queries]
    return Candidate(name, method, "none", decision, chosen, rows, facts)


def fit_to_lesson(context: Context, lesson: DistillationData) -> tuple[Tensor, list[float]]:
    """Return the map that the settings ask for, ``(dim, dim)``, and the loss of each step."""
    import torch

    from embedtune.training.query_adapters import fit_linear_map

    config, settings = context.config, context.config.query_side
    return fit_linear_map(
        torch.from_numpy(lesson.vectors),
        lesson.passages,
        lesson.teacher,
        temperature=config.temperature,
        hubness_weight=settings.hubness_weight,
        learning_rate=settings.linear_learning_rate,
        weight_decay=config.weight_decay,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=config.seed,
    )
