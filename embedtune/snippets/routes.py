"""Which part of a run a stack can load, and why that one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from embedtune.errors import ConfigError
from embedtune.snippets.facts import Facts
from embedtune.snippets.targets import TARGETS, find_target

_OWN_CLASS: Mapping[str, str] = MappingProxyType(
    {
        "llama-index": "LlamaIndex's HuggingFaceEmbedding replaces saved prompts by empty ones and calls plain encode",
        "langchain": "LangChain's HuggingFaceEmbeddings calls plain encode, without prompts unless it is told them twice",
        "haystack": "Haystack's SentenceTransformers embedders call plain encode, without prompts unless they are given",
        "chroma": "Chroma's SentenceTransformerEmbeddingFunction calls plain encode for queries and documents alike",
        "lancedb": "LanceDB's sentence-transformers function calls plain encode for queries and documents alike",
        "qdrant": "Qdrant takes vectors and embeds nothing unless it is asked to",
    }
)
_ADAPTER: Mapping[str, str] = MappingProxyType(
    {
        "tei": "adapter/ is of no use here: TEI loads whole weights only",
        "vllm": "adapter/ is of no use here: vLLM's --enable-lora is for architectures with LoRA support, which its BERT lacks",
        "ollama": "adapter/ is of no use here: a Modelfile's ADAPTER is for language models, not for embedders",
        "openai": "adapter/ is left aside: merged weights load in every server",
    }
)


class Route(NamedTuple):
    """How a stack comes to the vectors that ``eval`` measured.

    Attributes:
        loads: What it loads; None where it cannot.
        reasons: Why that, a sentence each.
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
            f"{TARGETS[name].title}: expected a model that it can load, found one by --method lexical: {route.reasons[0]}",
            hint=f"{facts.merged / 'dense'} is its plain model and loads anywhere, but without the words of a text, which "
            "`eval` measured with it; or use this package: --for sentence-transformers, llama-index, langchain or haystack",
        )
    return route


def _why_not_merged(facts: Facts) -> str:
    lost = {
        "one": "the prompts would be lost"
        if facts.query_prompt or facts.document_prompt
        else "the windows would be lost",
        "two": "queries would go through the passages' tower",
        "map": "queries would miss their map",
        "hybrid-vector": "queries would be taken for passages",
    }
    return f"the code uses the run's own embedder: with model/merged in theirs {lost[facts.shape]}"


def _merged_reason(facts: Facts, name: str) -> str:
    if facts.shape == "hybrid-vector":
        return "its module is in this package, so embedtune must be installed and trust_remote_code set"
    if name == "txtai":
        return "txtai's method sentence-transformers calls encode_query for queries and encode_document for data"
    return "stock modules; encode_query and encode_document take their prompt and their tower by themselves, encode does not"


def _served(facts: Facts, name: str) -> Route:
    if facts.shape == "hybrid-vector":
        return Route(None, ("the words of a text are computed by this package's own module, which no server has",))
    reasons = [
        "servers do not all read what sentence-transformers 5.4 and later save: versions of vLLM and Ollama then pool in "
        "another way, without a word, and TEI refuses; --export writes the older form, which all of them read"
    ]
    if facts.shape == "two":
        reasons.append(
            "no server loads a Router: each tower is a model of its own; queries to one, documents to the other"
        )
    if facts.shape == "map":
        reasons.append(
            "no server loads a Router, but this one needs none: the server embeds with the base, and the code applies the map "
            "to the vectors of queries; an index of the base stays good"
        )
    if name == "ollama":
        reasons.append(
            "ollama create turns safetensors into GGUF, in half precision, for architectures that it knows; for others "
            "llama.cpp's convert_hf_to_gguf.py makes the file that FROM in the Modelfile then names"
        )
    if facts.has_adapter:
        reasons.append(_ADAPTER[name])
    folders = {
        "one": "one exported folder, model",
        "two": "two exported folders, query and document",
        "map": "one exported folder, model, which is the base",
    }
    return Route(folders[facts.shape], tuple(reasons))
