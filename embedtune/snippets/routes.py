"""The frameworks and servers that code can be printed for, and which part of a run each can load."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple, cast

from embedtune.config.training import ADAPTED
from embedtune.errors import ConfigError, IntegrityError, did_you_mean
from embedtune.evaluation.decision import Decision, decide
from embedtune.models.inspect import find_query_map, read_cut, read_dimension, read_prompts, retrieval_prompts
from embedtune.models.locate import find_model
from embedtune.models.opening import code_of, modules_of_others
from embedtune.project.trained_run import read_trained_run
from embedtune.serving.embedder import Which, resolve
from embedtune.serving.names import served_name
from embedtune.systems import BASE, TUNED

Shape = Literal["one", "two", "map", "hybrid-vector", "passage-residuals", "bottleneck", "prefix", "adaption-prompt"]
"""What is saved in ``merged/``: one model for both sides; two towers; the base with a linear map behind the queries; a model
with hybrid vectors, passage residuals or an adapter beside its weights, which needs this package to load."""

_ADDED: Mapping[str, str] = MappingProxyType(
    {"hybrid-vector": "BM25 sketch", "passage-residuals": "residuals", **dict.fromkeys(ADAPTED, "adapter")}
)
"""What a module of this package adds, for shapes that have one."""


class Facts(NamedTuple):
    """Facts of a run and of one of its models.

    Attributes:
        run: Absolute path of the run folder.
        decision: The decision about the run.
        model: The model that the code loads, that of the decision unless another was asked for.
        merged: Its folder in sentence-transformers form.
        name: What a server calls the model: lower case letters, digits, ``.``, ``_`` and ``-``.
        query_prompt: In front of every query; empty where there is none.
        document_prompt: In front of every document.
        window_tokens: Tokens of a window, as ``eval`` cut passages.
        map_file: Weights of the map, for shape ``map``.
    """

    run: Path
    decision: Decision
    model: Which
    merged: Path
    name: str
    method: str
    shape: Shape
    query_prompt: str
    document_prompt: str
    dimension: int
    window_tokens: int
    trust_remote_code: bool
    has_adapter: bool
    map_file: Path | None

    @property
    def names_prompts(self) -> bool:
        """Whether code must name the prompts: a tuned model carries those of the run, the base's folder only its author's."""
        return self.model == BASE and bool(self.query_prompt or self.document_prompt)

    @property
    def needs_embedtune(self) -> bool:
        """Whether the model loads only where this package is installed."""
        return self.shape in _ADDED

    def as_json(self) -> dict[str, object]:
        """Return the facts as JSON values."""
        return {**self._asdict(), "decision": self.decision._asdict()}


def read_facts(run: Path | str, which: Which = "auto", *, trust_remote_code: bool = False) -> Facts:
    """Read the facts of a run from its files, after checking them against their checksums; no model is loaded.

    Args:
        run: The run folder.
        which: ``auto`` is the model of the decision about the run; ``base`` or ``tuned``.
        trust_remote_code: Let the printed code run code that comes with the model.

    Raises:
        ConfigError: If there is no such model, the base is not found, or the printed code would have to trust this package's
            module and the folder has code of others too.
        DataError: If a stage is missing.
        IntegrityError: If dataset or model were changed since they were written.
    """
    found = read_trained_run(Path(run).absolute(), trust_remote_code=trust_remote_code)
    settings, record, model = found.settings, found.record, resolve(found, which)
    is_tuned = model == TUNED
    is_merged = is_tuned or not record.is_tuned
    merged = found.merged if is_merged else find_model(settings.model, download=False).absolute()
    shape: Shape = cast("Shape", record.method) if is_tuned and record.needs_embedtune else "one"
    if is_tuned and record.queries_only:
        shape = "map" if record.token_vectors == "base" else "two"  # noqa: S105 (no password)
    if not trust_remote_code:
        _check_code(merged if shape in _ADDED else None, found.merged)
    map_file = find_query_map(merged) if shape == "map" else None
    if shape == "map" and map_file is None:
        raise IntegrityError(f"{merged}: expected one linear map behind the queries, found none or several")
    given = {"query_prompt": settings.query_prompt, "document_prompt": settings.document_prompt}
    prompts = retrieval_prompts(read_prompts(merged), **given)
    return Facts(
        run=found.folder,
        decision=decide(found),
        model=model,
        merged=merged,
        name=served_name(found.name),
        method=record.method if is_tuned else "base",
        shape=shape,
        query_prompt=prompts.get("query", ""),
        document_prompt=prompts["document"],
        dimension=read_dimension(merged),
        window_tokens=min(settings.window_tokens, found.dataset.record.window.model_tokens),
        trust_remote_code=settings.trust_remote_code,
        has_adapter=is_tuned and (merged.parent / "adapter").is_dir(),
        map_file=map_file,
    )


def _check_code(trusted: Path | None, merged: Path) -> None:
    """Refuse a run whose model brings code; of ``trusted``, which the printed code trusts, any that it could fetch too."""
    if code := (code_of(trusted) if trusted else []) or modules_of_others(merged):
        raise ConfigError(
            f"{merged}: expected a model without code of its own, found {', '.join(code[:5])}",
            hint="--trust-remote-code allows a model's own code, if you trust its authors",
        )


Kind = Literal["run", "folder", "store", "database", "server"]
"""What the code opens: the run folder, through this package; ``merged/`` by itself; the run folder with a store for its
vectors, in this process or in a database that runs; or a server."""


class Target(NamedTuple):
    """A framework or server: what the code imports besides this package, and what ``pip install`` brings it."""

    title: str
    kind: Kind
    modules: tuple[str, ...]
    install: str


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "llama-index": Target("LlamaIndex", "run", ("llama_index.core",), "embedtune[llama-index]"),
        "langchain": Target("LangChain", "run", ("langchain_core",), "embedtune[langchain]"),
        "haystack": Target("Haystack", "run", ("haystack",), "embedtune[haystack]"),
        "txtai": Target("txtai", "folder", ("txtai",), "txtai"),
        "chroma": Target("Chroma", "store", ("chromadb",), "chromadb"),
        "milvus": Target("Milvus", "store", ("pymilvus", "milvus_lite"), "pymilvus milvus-lite"),
        "pgvector": Target(
            "PostgreSQL with pgvector", "database", ("psycopg", "pgvector"), "psycopg psycopg-binary pgvector"
        ),
        "lancedb": Target("LanceDB", "store", ("lancedb",), "lancedb"),
        "qdrant": Target("Qdrant", "store", ("qdrant_client",), "qdrant-client"),
        "sentence-transformers": Target(
            "sentence-transformers", "folder", ("sentence_transformers",), "sentence-transformers"
        ),
        "tei": Target("Text Embeddings Inference", "server", ("httpx", "numpy"), "httpx numpy"),
        "vllm": Target("vLLM", "server", ("openai", "numpy"), "openai numpy"),
        "ollama": Target("Ollama", "server", ("ollama", "numpy"), "ollama numpy"),
        "openai": Target("a server with OpenAI's interface", "server", ("openai", "numpy"), "openai numpy"),
    }
)


def find_target(name: str) -> Target:
    """Return a target by its name, or raise ``ConfigError`` if there is none."""
    if name not in TARGETS:
        raise ConfigError(f"--for: expected one of {', '.join(TARGETS)}, found {name!r}{did_you_mean(name, TARGETS)}")
    return TARGETS[name]


def demand_packages(target: Target) -> None:
    """Raise ``ConfigError``, with the line that installs them, where packages of a target are missing."""
    missing = []
    for module in target.modules:
        with suppress(ModuleNotFoundError):  # of the package that it is part of
            if find_spec(module):
                continue
        missing.append(module)
    if missing:
        raise ConfigError(
            f"{target.title}: expected the package of {', '.join(missing)}, found none", hint=install_line(target)
        )


def install_line(target: Target) -> str:
    """Return the command that installs a target's packages."""
    return f'pip install "{target.install}"' if "[" in target.install else f"pip install {target.install}"


_OWN_CLASS: Mapping[str, str] = MappingProxyType(
    {
        "llama-index": "LlamaIndex's HuggingFaceEmbedding replaces saved prompts with empty ones and calls plain encode",
        "langchain": "LangChain's HuggingFaceEmbeddings ignores prompts unless encode_kwargs and query_encode_kwargs set them",
        "haystack": "Haystack's SentenceTransformers embedders call plain encode, without prompts unless prefix sets them",
        "chroma": "Chroma's SentenceTransformerEmbeddingFunction calls plain encode for both queries and documents",
        "lancedb": "LanceDB's sentence-transformers function calls plain encode for both queries and documents",
        "qdrant": "Qdrant stores vectors and does not need to embed anything",
        "milvus": "Milvus's SentenceTransformerEmbeddingFunction calls plain encode for both queries and documents",
        "pgvector": "PostgreSQL stores vectors and does not need to embed anything",
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
    """How a framework or server gets the vectors that ``eval`` measured: what it loads (None where it cannot), and why."""

    loads: str | None
    reasons: tuple[str, ...]


def find_route(facts: Facts, name: str) -> Route:
    """Return how a target loads a run."""
    kind = find_target(name).kind
    if kind == "server":
        return _served(facts, name)
    if kind == "folder":
        reason = "encode_query and encode_document select the prompt and the encoder; plain encode does not"
        if facts.shape in _ADDED:
            reason = "its module is in embedtune, so embedtune must be installed; SentenceTransformer needs trust_remote_code"
        elif name == "txtai":
            reason = "txtai's method sentence-transformers calls encode_query for queries and encode_document for data"
        return Route("the folder model/merged", (reason,))
    has_prompts = facts.query_prompt or facts.document_prompt
    lost = {
        "one": "the prompts would be lost" if has_prompts else "long texts would be truncated",
        "two": "queries would be encoded with the document encoder",
        "map": "the query adapter would not be applied",
        "hybrid-vector": "queries would be encoded as passages",
        "passage-residuals": "queries would be encoded as passages",
        **dict.fromkeys(ADAPTED, "it would be refused without trust_remote_code"),
    }
    why = f"the code uses the run's own embedder: if you loaded model/merged directly, {lost[facts.shape]}"
    return Route("the run folder", (_OWN_CLASS[name], why))


def all_routes(facts: Facts) -> dict[str, Route]:
    """Return the route of every target."""
    return {name: find_route(facts, name) for name in TARGETS}


def demand_route(facts: Facts, name: str) -> Route:
    """Return how a target loads a run; where it cannot, ``ConfigError`` says what can be done instead, and what is lost."""
    route = find_route(facts, name)
    if route.loads is None and facts.shape not in _ADDED:
        raise ConfigError(
            f"{TARGETS[name].title}: expected a transformer, a pooling and a normalisation, found more: {route.reasons[0]}",
            hint=f"embedtune serve {facts.run} has OpenAI's interface and applies it; or --for sentence-transformers",
        )
    if route.loads is None:
        raise ConfigError(
            f"{TARGETS[name].title}: expected a model that it can load, found one of --method {facts.shape}: "
            f"{route.reasons[0]}",
            hint=f"{facts.merged / 'dense'} is the plain model and loads anywhere, but without the {_ADDED[facts.shape]} that "
            "`eval` measured; or use embedtune: --for sentence-transformers, llama-index, langchain or haystack",
        )
    return route


def _served(facts: Facts, name: str) -> Route:
    if facts.shape in _ADDED:
        return Route(None, (f"a module of embedtune adds the {_ADDED[facts.shape]}, and no server has it",))
    if _has_dense_layer(facts):
        return Route(
            None, (f"a Dense layer gives the {facts.dimension} dimensions, and servers give what is in front of it",)
        )
    if read_cut(facts.merged):
        return Route(None, (f"vectors are cut to {facts.dimension} dimensions, and servers give all of them",))
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


def _has_dense_layer(facts: Facts) -> bool:
    """Return whether the model has a Dense layer besides the map of queries."""
    added = facts.map_file.parent if facts.map_file else None
    return any(path != added for path in facts.merged.glob("*_Dense"))
