"""Texts to vectors: one way for every model, base or tuned, quantised or not."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from embedtune.errors import ConfigError
from embedtune.executor import mapped, workers
from embedtune.models.bf16 import can_compute_in_bf16, in_bf16
from embedtune.models.inspect import retrieval_prompts
from embedtune.models.locate import find_model, hash_model
from embedtune.models.opening import open_model
from embedtune.types import Progress, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.config.settings import GenerateConfig

_BLOCK = 256  # texts between two progress reports
_BATCH = 32
_COUNTED = 4096  # texts that are tokenized at once; an encoding takes many times the memory of its text
_OPENED = 2  # models that a worker holds: those that a stage compares

Side = Literal["query", "query without prompt", "document"]


class Origin(NamedTuple):
    """What a model was loaded from; another process that sees the folder loads the same."""

    folder: Path
    hash: str
    precision: str
    query_prompt: str | None
    document_prompt: str | None
    trust_remote_code: bool


class Encoder:
    """Encodes queries and passages with a sentence-transformers model and its saved prompts.

    Attributes:
        model: The sentence-transformers model.
        precision: ``fp32`` or ``bf16``.
        window: Tokens that the model sees of a text, special tokens and document prompt not counted.
        loader: Returns where workers load the model from; None where it is in this process alone.
    """

    loader: Callable[[], Origin] | None = None

    def __init__(self, model: SentenceTransformer, *, precision: str = "fp32") -> None:
        """Wrap a model, whose weights stay as they are from the first call on; ``precision`` is ``fp32`` or ``bf16``."""
        self.model = model
        self.precision = precision
        self._tokenizer = model.tokenizer
        prompt = len(self.token_ids(model.prompts.get("document") or ""))
        longest = model.get_max_seq_length() or self._tokenizer.model_max_length
        self.window = longest - self._tokenizer.num_special_tokens_to_add() - prompt

    def token_ids(self, text: str) -> list[int]:
        """Tokenize without special tokens."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        return ids

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, without special tokens: many texts at once, in a third of the time."""
        if not self._tokenizer.is_fast:
            return [len(self.token_ids(text)) for text in texts]
        backend = self._tokenizer.backend_tokenizer
        backend.no_truncation()  # what was set for the call before; each call sets its own
        backend.no_padding()
        counts: list[int] = []
        for start in range(0, len(texts), _COUNTED):
            encodings = backend.encode_batch_fast(list(texts[start : start + _COUNTED]), add_special_tokens=False)
            counts += map(len, encodings)
        return counts

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return first and last+1 character of each token."""
        encoding = self._tokenizer(
            text, add_special_tokens=False, truncation=False, verbose=False, return_offsets_mapping=True
        )
        offsets: list[tuple[int, int]] = encoding["offset_mapping"]
        return offsets

    @property
    def document_prompt(self) -> str | None:
        """Text in front of every passage, if the model has any."""
        prompt: str | None = self.model.prompts.get("document")
        return prompt

    def encode_queries(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Return unit vectors ``(n, dim)`` in fp32; ``on_progress`` is called with the number of texts done."""
        return self._encode("query", texts, on_progress)

    def encode_queries_without_prompt(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of queries as frameworks that ignore prompts encode them, ``(n, dim)``."""
        return self._encode("query without prompt", texts, None)

    def encode_documents(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Return unit vectors ``(n, dim)`` in fp32; equal texts are encoded once."""
        unique = list(dict.fromkeys(texts))
        row = {text: number for number, text in enumerate(unique)}
        vectors = self._encode("document", unique, on_progress)
        return vectors[[row[text] for text in texts]]

    def encode_query_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the unit vectors of each query's tokens, ``(n_tokens, dim)`` in fp32, as they are before they are pooled.

        Special tokens and the prompt are left out; they shape the others all the same.
        """
        return self._encode_tokens(self._computing.encode_query, texts, self.model.prompts.get("query"))

    def encode_document_tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the same of documents."""
        return self._encode_tokens(self._computing.encode_document, texts, self.model.prompts.get("document"))

    def _encode_tokens(
        self, encode: Callable[..., list[dict[str, Any]]], texts: Sequence[str], prompt: str | None
    ) -> list[Vectors]:
        import torch

        with self._autocast():
            outputs = encode(list(texts), batch_size=_BATCH, output_value=None, show_progress_bar=False)
        special = torch.tensor(self._tokenizer("")["input_ids"], dtype=torch.long)
        n_prompt = len(self.token_ids(prompt or ""))
        vectors = []
        for each in outputs:
            ids = each["input_ids"].cpu()
            kept = each["attention_mask"].cpu().bool() & ~torch.isin(ids, special)
            tokens = torch.nn.functional.normalize(each["token_embeddings"].float().cpu()[kept][n_prompt:], dim=-1)
            vectors.append(tokens.numpy())
        return vectors

    def block_encoder(self, side: Side) -> Callable[[Sequence[str]], Vectors]:
        """Return what encodes some texts of about one length in this process, as unit vectors ``(n, dim)``."""
        encode = self._computing.encode_document if side == "document" else self._computing.encode_query
        further = {"prompt": ""} if side == "query without prompt" else {}

        def encoded(texts: Sequence[str]) -> Vectors:
            with self._autocast():
                vectors: Vectors = encode(
                    list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False, **further
                )
            return vectors

        return encoded

    @cached_property
    def origin(self) -> Origin | None:
        """Where workers load the model from; None where it is in this process alone."""
        return self.loader and self.loader()

    def _encode(self, side: Side, texts: Sequence[str], on_progress: Progress | None) -> Vectors:
        if not texts:
            return np.zeros((0, self.model.get_embedding_dimension() or 0), dtype=np.float32)
        # Texts of one length together: padding costs as much as text.
        order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
        rows = [order[start : start + _BLOCK] for start in range(0, len(order), _BLOCK)]
        blocks = [[texts[row] for row in each] for each in rows]  # the same, whoever encodes them
        load = partial(_encoder_of_blocks, self.origin, side) if workers() and self.origin else None
        report = (lambda block: on_progress(len(block))) if on_progress else (lambda _: None)
        vectors: Vectors | None = None
        for each, found in zip(rows, mapped(load, self.block_encoder(side), blocks, report), strict=True):
            if vectors is None:
                vectors = np.empty((len(texts), found.shape[1]), dtype=np.float32)
            vectors[each] = found
        assert vectors is not None
        return vectors

    @cached_property
    def _computing(self) -> SentenceTransformer:
        """The model that computes: a copy in bf16 where there can be one."""
        return in_bf16(self.model) if self.precision == "bf16" and can_compute_in_bf16(self.model) else self.model

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32" or self._computing is not self.model:
            return nullcontext()
        import torch

        return torch.autocast(self.model.device.type, dtype=torch.bfloat16)


def choose_precision(setting: str) -> str:
    """Resolve ``auto``: bf16 where the hardware multiplies it fast (3 × on CPUs with AVX512-BF16), else fp32."""
    if setting != "auto":
        return setting
    import torch

    accelerator = find_accelerator()
    if accelerator == "cuda":
        fast = torch.cuda.is_bf16_supported()
    elif accelerator == "xpu":
        fast = torch.xpu.is_bf16_supported()
    elif accelerator == "mps":
        fast = False  # emulated before macOS 14, and never measured here
    else:
        fast = torch.backends.cpu.get_cpu_capability().startswith("AVX512") and torch.cpu._is_avx512_bf16_supported()
    return "bf16" if fast else "fp32"


def load_encoder(folder: Path, settings: GenerateConfig, precision: str, device: str | None = None) -> Encoder:
    """Load a model with the prompts of a run, or its own where the run sets none."""
    model = load_model(
        folder,
        query_prompt=settings.query_prompt,
        document_prompt=settings.document_prompt,
        trust_remote_code=settings.trust_remote_code,
        device=device,
    )
    encoder = Encoder(model, precision=precision)
    prompts = settings.query_prompt, settings.document_prompt
    encoder.loader = lambda: Origin(
        folder.absolute(), hash_model(folder), precision, *prompts, settings.trust_remote_code
    )
    return encoder


def _encoder_of_blocks(origin: Origin, side: Side) -> Callable[[Sequence[str]], Vectors]:
    """Return what encodes in a worker; raises ``ConfigError`` if it does not see the same model."""
    return _opened(origin).block_encoder(side)


@lru_cache(_OPENED)
def _opened(origin: Origin) -> Encoder:
    found = hash_model(origin.folder) if origin.folder.is_dir() else None
    if found != origin.hash:
        raise ConfigError(
            f"{origin.folder}: expected the same model on {socket.gethostname()}, found {'another' if found else 'none'}",
            hint="put the model on a disk that all machines see in the same place",
        )
    prompts = {"query_prompt": origin.query_prompt, "document_prompt": origin.document_prompt}
    model = load_model(origin.folder, **prompts, trust_remote_code=origin.trust_remote_code)
    return Encoder(model, precision=origin.precision)


def token_counter(origin: Origin) -> Callable[[Sequence[str]], list[int]]:
    """Return what counts tokens in a worker; raises as ``Encoder`` does there."""
    return _opened(origin).token_counts


def load_model(
    folder: Path,
    *,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    trust_remote_code: bool = False,
    device: str | None = None,
) -> SentenceTransformer:
    """Load an unquantised model; a prompt replaces the saved one, no device is the best there is.

    Raises ``ConfigError`` if the folder is not a model that sentence-transformers can load.
    """
    model = open_model(folder, trust_remote_code=trust_remote_code, device=device)
    if not callable(model.tokenizer):
        raise ConfigError(
            f"{folder}: expected a transformer with a tokenizer of the transformers library, found "
            f"{', '.join(type(module).__name__ for module in model)}, which cannot be tuned here",
            hint="take another base model, such as the default",
        )
    set_prompts(model, query_prompt=query_prompt, document_prompt=document_prompt)
    return model


def opened_model(
    model: str | os.PathLike[str] | SentenceTransformer, *, trust_remote_code: bool = False
) -> SentenceTransformer:
    """Return a model that is given by hub name or folder, or loaded already.

    Raises:
        ConfigError: If it is none of these.
    """
    if isinstance(model, str | os.PathLike):
        return load_model(find_model(os.fspath(model)), trust_remote_code=trust_remote_code)
    if not callable(getattr(model, "encode_query", None)):
        raise ConfigError(f"model: expected a name, a folder or a SentenceTransformer, found {type(model).__name__}")
    return model


def set_prompts(model: SentenceTransformer, *, query_prompt: str | None, document_prompt: str | None) -> None:
    """Set the model's prompts; None leaves its own, see ``retrieval_prompts``."""
    model.prompts = retrieval_prompts(model.prompts, query_prompt=query_prompt, document_prompt=document_prompt)


def find_accelerator() -> str | None:
    """Return torch's name of the accelerator to use, or None for the CPU.

    NVIDIA and AMD (``cuda``) before Apple (``mps``) before Intel (``xpu``), as sentence-transformers places its models.
    """
    import torch

    backends = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}
    return next((name for name, backend in backends.items() if backend.is_available()), None)
