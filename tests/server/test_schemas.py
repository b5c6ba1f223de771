from __future__ import annotations

import pytest
from pydantic import ValidationError

from embedtune.server.schemas import EmbeddingsRequest, RerankRequest


def test_one_text_is_a_list_of_one():
    assert EmbeddingsRequest(input="a").texts == EmbeddingsRequest(input=["a"]).texts == ["a"]


@pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]], 5])
def test_token_ids_are_refused(tokens):
    with pytest.raises(ValidationError, match="found token ids"):
        EmbeddingsRequest(input=tokens)


def test_passages_to_rerank_are_texts_or_documents_of_several_fields():
    assert RerankRequest(query="q", documents=["a", {"text": "b", "title": "t"}]).passages == ["a", "b"]
    assert RerankRequest(query="q", texts=["c"]).passages == ["c"]
    assert RerankRequest(query="q").passages == []


@pytest.mark.parametrize("document", ["\ud800", {"text": "\ud800"}, {"text": {"a": 1}}, 5, ["a"]])
def test_documents_that_are_no_texts_are_refused(document):
    with pytest.raises(ValidationError):
        RerankRequest(query="q", documents=[document])
