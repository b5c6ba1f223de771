"""Two towers in one folder: queries through the tuned model, passages through the untouched base."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def two_towers(queries: SentenceTransformer, passages: SentenceTransformer) -> SentenceTransformer:
    """Return one model that encodes queries with one model and passages with another; weights are shared, not copied.

    Only stock modules of sentence-transformers (its ``Router``), so that any user of it can load the saved folder. Whoever
    calls plain ``encode`` gets passages; ``encode_query`` and ``encode_document`` find their tower by themselves.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Router

    router = Router.for_query_document(
        query_modules=list(queries.children()), document_modules=list(passages.children()), default_route="document"
    )
    return SentenceTransformer(
        modules=[router],
        prompts=passages.prompts,
        similarity_fn_name=passages.similarity_fn_name,
        device=str(passages.device),
    )


def in_shape_of(tuned: SentenceTransformer, base: SentenceTransformer) -> SentenceTransformer:
    """Return a model that computes what the base does, with the modules of the tuned one, so that weights can be compared.

    A tuned model of one tower has the shape of the base. Of two towers, both are the base's, and a map behind the queries
    is the identity.
    """
    import torch

    router: Any = tuned[0]
    if not hasattr(router, "sub_modules"):
        return base
    extra = [deepcopy(module) for module in list(router.sub_modules["query"])[len(list(base.children())) :]]
    for module in extra:
        if hasattr(module, "linear"):
            with torch.no_grad():
                module.linear.weight.copy_(torch.eye(module.in_features))
    queries = type(base)(modules=[*base.children(), *extra], prompts=base.prompts, device=str(base.device))
    return two_towers(queries, base)
