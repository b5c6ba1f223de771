"""Several domains over one base: each run's tuned model as an adapter, chosen for each call.

What is in memory: the base once for each way in which the runs rounded its frozen weights (``train --quantize``), the untouched
base where queries alone were tuned, and a few hundred kilobytes for each domain. Vectors are those of each run's
``model/merged`` up to 1e-5 in fp32; to add a domain changes no bit of the others' vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError, DataError
from embedtune.formats.adapter_files import put_adapter
from embedtune.models.encoder import Encoder, choose_precision, load_encoder
from embedtune.models.inspect import find_query_map, retrieval_prompts
from embedtune.models.locate import find_model
from embedtune.models.weights import load_rounded
from embedtune.project.layout import MODEL
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.retrieval.query_projection import project
from embedtune.serving.embedder import Embedder
from embedtune.types import Matrix, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class FrozenBase:
    """A base as adapters were trained over it: its linear layers rounded by a scheme, or as they are.

    Weights are kept in fp32 once they are rounded, as in ``merged/``: that is what makes an adapter over them compute what its
    merged model does. Over the unrounded base the same adapter is another function.

    Attributes:
        model: Shared by all adapters.
        own_prompts: Those that the base was saved with.
    """

    def __init__(self, folder: Path, scheme: str, *, trust_remote_code: bool, device: str | None) -> None:
        """Load the base; ``scheme`` is ``none``, ``int8``, ``nf4`` or ``fp4``."""
        as_saved = GenerateConfig(source="", trust_remote_code=trust_remote_code)
        if scheme == "none":
            encoder = load_encoder(folder, as_saved, "fp32", device)
        else:
            encoder = load_rounded(folder, as_saved, "fp32", scheme)
        self.model: SentenceTransformer = encoder.model
        if device:
            self.model.to(device)
        self.own_prompts: dict[str, str] = dict(self.model.prompts)
        self._peft: Any = None
        self._active: str | None = None
        self._count = 0

    def add(self, adapter: Path) -> str:
        """Load a further PEFT folder, and return its name for ``switch``; raises as ``put_adapter``."""
        name = f"adapter{self._count}"
        # Layers are put into the model itself; the wrapper switches them.
        self._peft = put_adapter(self.model[0].model, adapter, name, self._peft)
        self._peft.base_model.enable_adapter_layers()
        self._peft.set_adapter(name)
        self._active = name
        self._count += 1
        self.model.eval()
        return name

    def switch(self, adapter: str | None) -> None:
        """Make the model compute with one adapter, or with none: a matter of a millisecond, no weight is moved."""
        if adapter == self._active:
            return
        if adapter is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            if self._active is None:
                self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(adapter)
        self._active = adapter

    def encoder(self, precision: str, prompts: dict[str, str]) -> Encoder:
        """Return the model as it is switched, with prompts; the next call changes what it computes."""
        self.model.prompts = prompts
        return Encoder(self.model, precision=precision)


class _Side(NamedTuple):
    """How one side of a domain, queries or documents, is computed."""

    base: FrozenBase
    adapter: str | None = None
    matrix: Matrix | None = None


class _Domain(NamedTuple):
    run: TrainedRun
    prompts: dict[str, str]
    queries: _Side
    documents: _Side


class Adapters(Mapping[str, Embedder]):
    """Tuned models of several runs over one base; ``adapters["law"]`` is an ``Embedder`` of that run.

    It can be pickled; a copy reads the runs again. Threads may share it: they take turns.
    """

    def __init__(self, *, precision: str = "fp32", device: str | None = None, trust_remote_code: bool = False) -> None:
        """Start without a domain; the options are those of ``Embedder.from_run``."""
        self._precision = choose_precision(precision)
        self._trust = trust_remote_code
        self._device = device
        self._bases: dict[str, FrozenBase] = {}
        self._domains: dict[str, _Domain] = {}
        self._lock = RLock()

    @classmethod
    def from_runs(cls, runs: Mapping[str, Path | str], **options: Any) -> Adapters:
        """Load the shipped model of each run under a name, see ``add``; ``options`` are those of ``Adapters()``."""
        adapters = cls(**options)
        for name, run in runs.items():
            adapters.add(name, run)
        return adapters

    def add(self, name: str, run: Path | str) -> None:
        """Load what a run shipped: a LoRA adapter, a linear map of queries, or nothing where it was the base.

        Raises:
            ConfigError: If the name is taken, or the base model is not found.
            DataError: If a stage is missing, the run has another base, or every weight was trained.
            IntegrityError: If the run was changed since it was written.
        """
        if name in self._domains:
            raise ConfigError(f"adapters: expected a new name, found {name!r} again")
        opened = read_trained_run(Path(run), trust_remote_code=self._trust)
        _demand_same_base(opened, next((domain.run for domain in self._domains.values()), opened))
        with self._lock:
            self._domains[name] = self._load(opened)

    def __getitem__(self, name: str) -> Embedder:
        if name not in self._domains:
            raise ConfigError(
                f"adapters: expected one of {', '.join(self) or 'no name, none was added'}, found {name!r}"
            )
        return _DomainEmbedder(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __len__(self) -> int:
        return len(self._domains)

    def _load(self, run: TrainedRun) -> _Domain:
        untouched = not run.record.is_tuned
        adapter = run.folder / MODEL / "adapter"
        if untouched or not adapter.is_dir():
            plain = _Side(self._base(run, "none"))
            queries = plain if untouched else plain._replace(matrix=_read_map(run))
            documents = plain
        else:
            base = self._base(run, run.record.quantize)
            queries = _Side(base, base.add(adapter))
            documents = _Side(self._base(run, "none")) if run.record.queries_only else queries
        given = {"query_prompt": run.settings.query_prompt, "document_prompt": run.settings.document_prompt}
        return _Domain(run, retrieval_prompts(queries.base.own_prompts, **given), queries, documents)

    def _base(self, run: TrainedRun, scheme: str) -> FrozenBase:
        if scheme not in self._bases:
            folder = find_model(run.settings.model, download=False)
            self._bases[scheme] = FrozenBase(folder, scheme, trust_remote_code=self._trust, device=self._device)
        return self._bases[scheme]

    def _encode(self, name: str, side: str, texts: Sequence[str]) -> Vectors:
        domain = self._domains[name]
        base, adapter, matrix = domain.queries if side == "queries" else domain.documents
        with self._lock:
            base.switch(adapter)
            encoder = base.encoder(self._precision, domain.prompts)
            vectors = encoder.encode_queries(texts) if side == "queries" else encoder.encode_documents(texts)
        return vectors if matrix is None else project(vectors, matrix)

    def __reduce__(self) -> tuple[Any, ...]:
        runs = {name: domain.run.folder for name, domain in self._domains.items()}
        options: dict[str, Any] = {
            "precision": self._precision,
            "device": self._device,
            "trust_remote_code": self._trust,
        }
        return partial(Adapters.from_runs, **options), (runs,)


class _DomainEmbedder(Embedder):
    def __init__(self, adapters: Adapters, name: str) -> None:
        run = adapters._domains[name].run
        super().__init__(run.merged, run.settings, precision=adapters._precision, device=adapters._device)
        self._adapters = adapters
        self._name = name
        self._lock = adapters._lock

    @property
    def encoder(self) -> Encoder:
        """The shared model with this domain's prompts; not for several threads at once."""
        domain = self._adapters._domains[self._name]
        return domain.documents.base.encoder(self.precision, domain.prompts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """See ``Embedder``."""
        return self._adapters._encode(self._name, "queries", texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """See ``Embedder``."""
        return self._adapters._encode(self._name, "documents", texts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _DomainEmbedder, (self._adapters, self._name)


def _demand_same_base(run: TrainedRun, other: TrainedRun) -> None:
    if run.model.identity.model != other.model.identity.model:
        raise DataError(
            f"{run.folder}: expected the base model of {other.folder} ({other.settings.model}), found another "
            f"({run.settings.model})",
            hint="adapters share a base; open this run by itself with Embedder.from_run",
        )


def _read_map(run: TrainedRun) -> Matrix:
    """Return the linear map behind the queries, ``(dim, dim)``."""
    from safetensors.numpy import load_file

    found = find_query_map(run.merged)
    if not run.record.queries_only or found is None:
        raise DataError(
            f"{run.folder}: expected an adapter or a map of queries, found neither",
            hint="open this run by itself with Embedder.from_run; it shares no weight with its base",
        )
    matrix: Matrix = load_file(found)["linear.weight"]
    return matrix[:, : len(matrix)]  # what a base cuts off has weights of zero
