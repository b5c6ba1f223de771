"""A system is a way to search with a model: BM25, a model alone, and the ways to combine them.

Systems are values, ``System("hybrid", "tuned")``; tables, files and JSON name them ``hybrid_tuned``. What differs between the
ways to search is in one registry: after one call of ``register`` a new way is evaluated, reported and served.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Protocol

from embedtune.errors import ConfigError
from embedtune.types import Matrix

BASE, TUNED = "base", "tuned"
MODELS = (BASE, "base_quantized", "base_pca", TUNED)
"""The models of one run, in the order of tables; all others were added for comparison."""

_MODEL_LABELS = {
    BASE: "base model",
    "base_quantized": "base, quantised",
    "base_pca": "base, query PCA",
    TUNED: "tuned model",
    "query_adapter": "base, linear query adapter",
}

Pair = tuple[str, str]
"""Names of a system and of the reference it is compared with."""


class Scores(Protocol):
    """What a search gives a kind of system to combine, each ``(n_queries, n_passages)``."""

    @property
    def dense(self) -> Matrix:
        """Cosines of the best windows; -inf for passages that a vector store did not return."""
        ...

    @property
    def lexical(self) -> Matrix:
        """BM25's scores; 0 where no term is shared."""
        ...

    @property
    def z_score_sum(self) -> Matrix:
        """The weighted sum of both, standardised."""
        ...

    @property
    def reciprocal_rank(self) -> Matrix:
        """Both, fused by their ranks."""
        ...


@dataclass(frozen=True)
class Kind:
    """A way to search."""

    name: str  # in front of the model's name and _: hybrid makes hybrid_base
    label: str  # for people; {model} stands for the label of the model
    scores: Callable[[Scores], Matrix]  # makes the scores of all passages, higher is better
    floor: float = float("-inf")  # passages whose score is not above it are not found
    reranked: bool = False  # whether the best passages are then reordered by late interaction
    models: tuple[str, ...] = (BASE, TUNED)  # models of a run that are searched this way
    builds_on: str = ""  # kind that this one adds something to, and is compared with first, model by model
    compared_with: tuple[str, ...] = ()  # further kinds that it is compared with
    over_base: tuple[str, ...] = ()  # models that are compared with the base, both searched this way
    sliced: bool = False  # whether that comparison is also made on slices of the queries
    # Model → number of its colour in charts; systems without one share the colours that are left
    colours: Mapping[str, int] = field(default_factory=dict)

    def systems(self, models: Iterable[str] | None = None) -> list[System]:
        """Return its systems with these models, or with all of its own."""
        return [System(self.name, model) for model in (self.models if models is None else models)]


@dataclass(frozen=True)
class System:
    """A way to search with a model.

    Attributes:
        kind: Name of a registered ``Kind``; ``dense`` is the model alone.
        model: ``base``, ``tuned``, a variant such as ``base_pca``, or the name of an added model; empty for BM25.
    """

    kind: str
    model: str = ""

    @classmethod
    def parse(cls, name: str) -> System:
        """Return the system of a name; what no kind claims is a model alone."""
        if name == _LEXICAL:
            return cls(_LEXICAL)
        kind, separator, model = name.partition("_")
        is_known = separator and kind in _KINDS and kind not in (_DENSE, _LEXICAL)
        return cls(kind, model) if is_known else cls(_DENSE, name)

    def __str__(self) -> str:
        return self.model if self.kind == _DENSE else self.kind if not self.model else f"{self.kind}_{self.model}"

    @property
    def label(self) -> str:
        """What it is called in texts for people."""
        return _KINDS[self.kind].label.format(model=_MODEL_LABELS.get(self.model, self.model))

    @property
    def colour(self) -> int | None:
        """Number of its colour in charts; None where it has none of its own."""
        return _KINDS[self.kind].colours.get(self.model)

    @property
    def is_added(self) -> bool:
        """Whether it belongs to no kind of a run's systems: a further model or the model of another run."""
        return self.model not in _KINDS[self.kind].models

    @property
    def reference(self) -> System:
        """What its gain is measured against: the same kind with the base, or the base alone."""
        return System(_DENSE if self.model in ("", BASE) else self.kind, BASE)


_DENSE, _LEXICAL = "dense", "bm25"
_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Add a way to search behind those that are there.

    Raises:
        ValueError: If its name is taken, or is that of a model of a run.
    """
    if kind.name in (*_KINDS, *MODELS) or "_" in kind.name:
        raise ValueError(f"kind of system: expected a new name without _, found {kind.name!r}")
    _KINDS[kind.name] = kind


def find_kind(name: str) -> Kind:
    """Return a registered kind.

    Raises:
        ConfigError: If there is none of this name.
    """
    if name not in _KINDS:
        raise ConfigError(f"kind of system: expected one of {', '.join(_KINDS)}, found {name!r}")
    return _KINDS[name]


def fused_kinds() -> list[Kind]:
    """Return the kinds that search with a model and its weight against BM25."""
    return [kind for kind in _KINDS.values() if kind.name not in (_DENSE, _LEXICAL)]


def systems_of_run() -> list[System]:
    """Return all systems that a run can have, in the order of tables."""
    return [system for kind in _KINDS.values() for system in kind.systems()]


def served_systems(*, tuned: bool) -> list[System]:
    """Return the systems that can be served, those of the tuned model only if there is one."""
    models = ("", BASE, TUNED) if tuned else ("", BASE)
    return [system for system in systems_of_run() if system.model in models]


def in_order(names: Collection[str]) -> list[str]:
    """Return names of systems in the order of tables; those of added models come last, in the given order."""
    known = [str(system) for system in systems_of_run()]
    return [name for name in dict.fromkeys([*known, *names]) if name in names]


def pairs_to_compare(names: Collection[str]) -> list[Pair]:
    """Return the pairs of systems that an evaluation compares, each added model with the base and the tuned model last."""
    added = [name for name in names if System.parse(name).is_added]
    return _among(names, chain(*map(_pairs_of, _KINDS.values()), *(((name, BASE), (TUNED, name)) for name in added)))


def sliced_pairs(names: Collection[str], *, before: str = "") -> list[Pair]:
    """Return the pairs whose difference is looked at by slice: what tuning adds, also to the model ``before``."""
    pairs = [_pair(System(k.name, TUNED), System(k.name, BASE)) for k in _KINDS.values() if k.sliced]
    return _among(names, [*pairs, (TUNED, before)])


def main_pairs(names: Collection[str]) -> list[Pair]:
    """Return the pairs that a short summary shows: what tuning adds, then what each kind adds to the base."""
    built = (_pair(System(k.name, BASE), System(k.builds_on, BASE)) for k in _KINDS.values() if k.builds_on)
    return sliced_pairs(names) + _among(names, built)


def _pairs_of(kind: Kind) -> Iterator[Pair]:
    if kind.builds_on:
        yield from (_pair(system, System(kind.builds_on, system.model)) for system in kind.systems())
    yield from (_pair(system, System(kind.name, BASE)) for system in kind.systems(kind.over_base))
    for other in kind.compared_with:
        for system in kind.systems((TUNED, BASE)):
            yield _pair(system, System(other, "" if other == _LEXICAL else system.model))


def _pair(system: System, reference: System) -> Pair:
    return str(system), str(reference)


def _among(names: Collection[str], pairs: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in dict.fromkeys(pairs) if set(pair) <= set(names)]


for _kind in (
    Kind(_LEXICAL, "BM25", attrgetter("lexical"), floor=0.0, models=("",), colours={"": 0}),
    Kind(
        _DENSE,
        "{model}",
        attrgetter("dense"),
        models=MODELS,
        compared_with=(_LEXICAL,),
        over_base=("base_quantized", TUNED),
        sliced=True,
        colours={BASE: 1, TUNED: 2},
    ),
    Kind(
        "hybrid",
        "{model} + BM25 (z-scores)",
        attrgetter("z_score_sum"),
        builds_on=_DENSE,
        compared_with=(_LEXICAL,),
        over_base=(TUNED,),
        sliced=True,
        colours={BASE: 3, TUNED: 4},
    ),
    Kind("rrf", "{model} + BM25 (ranks)", attrgetter("reciprocal_rank")),
    Kind(
        "rerank",
        "{model} + BM25, late-interaction reranking",
        attrgetter("z_score_sum"),
        reranked=True,
        builds_on="hybrid",
        compared_with=(_DENSE,),
        over_base=(TUNED,),
    ),
):
    register(_kind)
