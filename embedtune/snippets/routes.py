"""Which part of a run a framework or server can load, and why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from embedtune.errors import ConfigError
from embedtune.snippets.facts import Facts
from embedtune.snippets.targets import TARGETS, find_target

_OWN_CLASS: Mapping[str, str] = MappingProxyType(
    {
        "llama-index": "LlamaIndex's HuggingFaceEmbedding replaces saved prompts with empty ones and calls plain encode",
        "langchain": "LangChain's HuggingFaceEmbeddings ignores prompts unless encode_kwargs and query_encode_kwargs set them",
        "haystack": "Haystack's SentenceTransformers embedders call plain encode, without prompts unless prefix sets them",
        "chroma": "Chroma's SentenceTransformerEmbeddingFunction calls plain encode for both queries and documents",
        "lancedb": "LanceDB's sentence-transformers function calls plain encode for both queries and documents",
        "qdrant": "Qdrant stores vectors and does not need to embed anything",
    }
)
_ADAPTER: Mapping[str, str] = MappingProxyType(
    {
        "tei": "adapter/ cannot be used: TEI loads whole weights only",
        "vllm": "adapter/ cannot be used: vLLM's --enable-lora is for architectures with LoRA support, which its BERT lacks",
        "ollama": "adapter/ cannot be used: a Modelfile's ADAPTER is for language models, not for embedding models",
        "openai": "adapter/ is not needed: merged weights load in every server",
    }
)


class Route(NamedTuple):
    """How a framework or server gets the vectors that ``eval`` measured.

    Attributes:
        loads: What it loads; None where it cannot.
        reasons: Reasons, one sentence each.
    """

    loads: str | None
    reasons: tuple[str, ...]


def find_route(facts: Facts, name: str) -> Route:
    """Return how a target loads a run.

    Raises:
        ConfigError: If there is no such target.
    """
    kind = find_target(name).kind
    if kind == "server":
        return _served(facts, name)
    if kind == "folder":
        return Route("the folder model/merged", (_merged_reason(facts, name),))
    return Route("the run folder", (_OWN_CLASS[name], _why_not_merged(facts)))


def all_routes(facts: Facts) -> dict[str, Route]:
    """Return the route of every target."""
    return {name: find_route(facts, name) for name in TARGETS}


def demand_route(facts: Facts, name: str) -> Route:
    """Return how a target loads a run, if it can.

    Raises:
        ConfigError: If it cannot; the hint says what can be done instead, and what is lost.
    """
    route = find_route(facts, name)
    if route.loads is None:
        raise ConfigError(
            f"{TARGETS[name].title}: expected a model that it can load, found one of --method hybrid-vector: "
            f"{route.reasons[0]}",
            hint=f"{facts.merged / 'dense'} is the plain model and loads anywhere, but without the BM25 sketch that "
            "`eval` measured; or use embedtune: --for sentence-transformers, llama-index, langchain or haystack",
        )
    return route


def _why_not_merged(facts: Facts) -> str:
    lost = {
        "one": "the prompts would be lost"
        if facts.query_prompt or facts.document_prompt
        else "long texts would be truncated",
        "two": "queries would be encoded with the document encoder",
        "map": "the query adapter would not be applied",
        "hybrid-vector": "queries would be encoded as passages",
    }
    return f"the code uses the run's own embedder: if you loaded model/merged directly, {lost[facts.shape]}"


def _merged_reason(facts: Facts, name: str) -> str:
    if facts.shape == "hybrid-vector":
        return "its module is in embedtune, so embedtune must be installed and trust_remote_code set"
    if name == "txtai":
        return "txtai's method sentence-transformers calls encode_query for queries and encode_document for data"
    return "encode_query and encode_document select the prompt and the encoder; plain encode does not"


def _served(facts: Facts, name: str) -> Route:
    if facts.shape == "hybrid-vector":
        return Route(None, ("a module of embedtune computes the BM25 sketch, and no server has it",))
    reasons = [
        "not every server reads the format of sentence-transformers 5.4 and later: versions of vLLM and Ollama silently pool "
        "in another way, and TEI refuses it; --export writes the older form, which all of them read"
    ]
    if facts.shape == "two":
        reasons.append(
            "no server loads a Router: each encoder is a model of its own; send queries to one and documents to the other"
        )
    if facts.shape == "map":
        reasons.append(
            "no server loads a Router, and none is needed: the server embeds with the base, and the code applies the linear "
            "query adapter to query vectors; an index of the base stays valid"
        )
    if name == "ollama":
        reasons.append(
            "ollama create converts safetensors to GGUF, in half precision, for architectures that it knows; for others, "
            "llama.cpp's convert_hf_to_gguf.py writes a file to name after FROM in the Modelfile"
        )
    if facts.has_adapter:
        reasons.append(_ADAPTER[name])
    folders = {
        "one": "one exported folder, model",
        "two": "two exported folders, query and document",
        "map": "one exported folder, model, which is the base",
    }
    return Route(folders[facts.shape], tuple(reasons))
