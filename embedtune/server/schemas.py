"""Requests, as OpenAI's, Cohere's and Text Embeddings Inference's clients send them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

InputType = Literal["query", "search_query", "document", "passage", "search_document"]
QUERY_TYPES = ("query", "search_query")


def _no_tokens(value: object) -> object:
    if isinstance(value, int) or (isinstance(value, list) and value and isinstance(value[0], int | list)):
        raise ValueError(
            "expected texts, found token ids, which mean nothing to this model; LangChain's OpenAIEmbeddings sends texts with "
            "check_embedding_ctx_length=False"
        )
    return value


def _is_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("expected characters of Unicode, found half of one") from None
    return text


Text = Annotated[str, AfterValidator(_is_text)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore")


class EmbeddingsRequest(_Request):
    """``POST /v1/embeddings``."""

    input: Annotated[Text | list[Text], BeforeValidator(_no_tokens)]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    input_type: InputType | None = None

    @property
    def texts(self) -> list[str]:
        """The texts, also where there is only one."""
        return [self.input] if isinstance(self.input, str) else self.input


class Document(_Request):
    """A document in Cohere's older form."""

    text: Text = ""


class RerankRequest(_Request):
    """``POST /v1/rerank`` and ``/v2/rerank`` in Cohere's form, with ``documents``, or in TEI's, with ``texts``."""

    query: Text
    documents: list[Text | Document] | None = None
    texts: list[Text] | None = None
    model: str = ""
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool = False
    return_text: bool = False

    @property
    def passages(self) -> list[str]:
        """What is to be put into order."""
        if self.texts is not None:
            return self.texts
        return [each if isinstance(each, str) else each.text for each in self.documents or ()]


class SearchRequest(_Request):
    """``POST /search``."""

    query: Text
    k: Annotated[int, Field(ge=1, le=1000)] = 10


class SparseRequest(_Request):
    """``POST /embed_sparse``, as TEI has it."""

    inputs: Annotated[Text | list[Text], BeforeValidator(_no_tokens)]

    @property
    def texts(self) -> list[str]:
        """The texts, also where there is only one."""
        return [self.inputs] if isinstance(self.inputs, str) else self.inputs
