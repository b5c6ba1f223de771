"""Texts to the vectors that ``eval`` measured: the run's model, prompts, window and precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError, DataError, did_you_mean
from embedtune.evaluation.decision import follow
from embedtune.models.encoder import Encoder, choose_precision, load_encoder
from embedtune.models.locate import find_model
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.retrieval.late_interaction import MEMORY, TokenCache, encoded_tokens, match
from embedtune.retrieval.searcher import Match
from embedtune.retrieval.windows import corpus_windows
from embedtune.systems import TUNED
from embedtune.types import Passage, Vectors

Which = Literal["auto", "base", "tuned"]
WHICH: tuple[Which, ...] = ("auto", "base", "tuned")


class Embedder:
    """One model of a run, loaded when it is first used. It can be pickled; a copy loads the model again.

    Threads may share it: they take turns, because a tokenizer cannot be shared, and one call uses all cores anyway.
    """

    def __init__(
        self, folder: Path, settings: GenerateConfig, *, precision: str = "fp32", device: str | None = None
    ) -> None:
        """Use a model folder.

        Args:
            folder: In sentence-transformers form.
            settings: Prompts and window; a prompt of None is the model's own.
            precision: ``fp32``, ``bf16`` or ``auto``.
            device: Such as ``cpu`` or ``cuda:1``; None takes the best there is.

        Raises:
            ConfigError: If there is no such precision.
        """
        self.folder = folder
        self.precision = choose_precision(precision)
        self.device = device
        self._settings = settings
        self._lock = RLock()

    @classmethod
    def from_run(
        cls,
        run: Path | str,
        which: Which = "auto",
        *,
        precision: str = "fp32",
        device: str | None = None,
        trust_remote_code: bool = False,
    ) -> Embedder:
        """Use a model of a run folder, after verifying every byte against its manifest.

        Args:
            run: With a finished dataset and model.
            which: ``auto`` is the model of the decision about the run (``evaluation.decision``); ``base``; or ``tuned``, which
                training must have shipped.
            precision: ``fp32``, ``bf16`` or ``auto``, the default of ``eval``.
            device: Such as ``cpu`` or ``cuda:1``; None takes the best there is.
            trust_remote_code: Run the Python code that comes with the model; never read from the run.

        Raises:
            ConfigError: If ``which`` is no such name, or the base model is not found.
            DataError: If a stage is missing, or training shipped no tuned model.
            IntegrityError: If dataset or model were changed since they were written.
        """
        opened = read_trained_run(Path(run), trust_remote_code=trust_remote_code)
        return cls.of(opened, which, precision=precision, device=device)

    @classmethod
    def of(cls, run: TrainedRun, which: Which, *, precision: str = "fp32", device: str | None = None) -> Embedder:
        """Use a model of a run that has been read; see ``from_run``."""
        which = resolve(run, which)
        folder = find_model(run.settings.model, download=False) if which == "base" else run.merged
        return cls(folder, run.settings, precision=precision, device=device)

    @cached_property
    def encoder(self) -> Encoder:
        """The loaded model; not for several threads at once."""
        return load_encoder(self.folder, self._settings, self.precision, self.device)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.encoder.model.get_embedding_dimension() or 0)

    @property
    def query_prompt(self) -> str:
        """What is put in front of every query; empty where there is nothing."""
        return self.encoder.model.prompts.get("query") or ""

    @property
    def document_prompt(self) -> str:
        """What is put in front of every document; empty where there is nothing."""
        return self.encoder.model.prompts.get("document") or ""

    @property
    def window_tokens(self) -> int:
        """Tokens of a window, without special tokens and prompt."""
        window: int = min(self._settings.window_tokens, self.encoder.window)
        return window

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors ``(n, dim)`` in fp32."""
        with self._lock:
            return self.encoder.encode_queries(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors ``(n, dim)`` in fp32, one for each text; what the model cannot see of a text is cut off.

        Give windows instead of longer texts; ``windows`` cuts them as ``eval`` does.
        """
        with self._lock:
            return self.encoder.encode_documents(texts)

    def encode_query(self, text: str) -> Vectors:
        """Return the unit vector ``(dim,)`` of a query."""
        vector: Vectors = self.encode_queries([text])[0]
        return vector

    def encode_document(self, text: str) -> Vectors:
        """Return the unit vector ``(dim,)`` of a document."""
        vector: Vectors = self.encode_documents([text])[0]
        return vector

    def windows(self, text: str, title: str = "") -> list[str]:
        """Return the windows of a text, the title, if there is one, in front of each; a short text is its only window."""
        return self.windows_of([Passage("", "", title, text, 0, len(text))])[0]

    def windows_of(self, passages: Sequence[Passage]) -> list[list[str]]:
        """Return the windows of each passage."""
        with self._lock:
            cut = corpus_windows(passages, self.encoder, self._settings.window_tokens, self._settings.window_overlap)
        return cut.by_passage()

    def matcher(self, passages: Sequence[Passage], memory: int = MEMORY) -> Match:
        """Return what compares the tokens of queries with those of a corpus's passages; see ``late_interaction.match``.

        Args:
            passages: The corpus.
            memory: MiB in which the tokens of passages are kept; 0 keeps none.
        """

        def encode(numbers: Sequence[int]) -> Iterator[Vectors]:  # loads the model with the first query
            return encoded_tokens(self.encoder, lambda number: self.windows_of([passages[number]])[0])(numbers)

        tokens_of = TokenCache(encode, memory)

        def compare(queries: Sequence[str], candidates: Sequence[Sequence[int]]) -> list[dict[int, float]]:
            with self._lock:
                return match(self.encoder, queries, candidates, tokens_of)

        return compare

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("encoder", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = RLock()


def resolve(run: TrainedRun, which: Which) -> Which:
    """Return ``base`` or ``tuned``: ``auto`` is the model of the decision about the run.

    Raises:
        ConfigError: If there is no such name.
        DataError: If training shipped no tuned model.
        IntegrityError: If the evaluation was changed since it was written.
    """
    if which not in WHICH:
        raise ConfigError(f"which: expected one of {', '.join(WHICH)}, found {which!r}{did_you_mean(which, WHICH)}")
    if which == "auto":
        return "tuned" if follow(run).model == TUNED else "base"
    if which == "tuned":
        require_tuned(run)
    return which


def require_tuned(run: TrainedRun) -> None:
    """Raise a DataError if training shipped the base."""
    if not run.record.is_tuned:
        raise DataError(
            f"{run.folder}: expected a tuned model, found that training shipped the base: {run.record.why_base}",
            hint="use the base, or what is shipped; `embedtune train --method auto` tries other ways",
        )
