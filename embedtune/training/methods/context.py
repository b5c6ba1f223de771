"""The input of every method, and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.config.training import TrainConfig
from embedtune.project.records import DevRecord
from embedtune.training.checkpoints import Checkpoints
from embedtune.training.dev_set import DevRetrieval, DevSet, build_dev_set, choose_fusion_weight
from embedtune.training.methods.data import DistillationData, TrainingData, prepare_distillation
from embedtune.training.selection import Decision
from embedtune.types import Matrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import TrainerCallback

    from embedtune.training.start import Start
    from embedtune.training.tuned_models import TunedModel


_SHARED = (
    "retrieval", "base_fusion_weight", "relevant", "own", "number_of", "windows", "frozen_corpus", "passage_vectors",
    "searcher", "is_judged",
)  # fmt: skip
"""What is computed once and follows from the base, the dataset, and settings of dev alone."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Context(TrainingData):
    """What all methods of one training share: its data, dev retrieval, and how gradient training is watched and resumed.

    Attributes:
        base_folder: The base model.
        load_base: Loads an unquantised copy of it, whose weights may be changed.
        checkpoints: Returns the checkpoints of a method; None saves none.
        callbacks: Called by the trainer.
        log_folder: For ``report_to``.
        dev_set: None builds it of the dev split.
        start: What training goes on from; None is the base.
        on_dev: Called after each dev evaluation of a training, with the mean reciprocal rank of the queries that choose; may
            raise to end the training.
    """

    base_folder: Path
    load_base: Callable[[], SentenceTransformer]
    checkpoints: Callable[[str], Checkpoints] | None = None
    callbacks: Sequence[TrainerCallback] = ()
    log_folder: Path | None = None
    dev_set: DevSet | None = None
    start: Start | None = None
    on_dev: Callable[[float], None] | None = None

    @cached_property
    def retrieval(self) -> DevRetrieval:
        """Dev retrieval; judged queries search the passages that are hardest to tell from their answers too."""
        hardest = self.hardest if self.is_judged else None
        dev = self.dev_set or build_dev_set(self.dataset, self.base, self.dataset_config, self.config, hardest)
        # Where the whole corpus is encoded anyway, its windows are not encoded again.
        encode = self.document_vectors if self.is_judged else self.base.encode_documents
        return DevRetrieval(dev, self.base, self.load_base, encode)

    @property
    def dev(self) -> DevSet:
        """The dev set."""
        return self.retrieval.dev

    @cached_property
    def base_fusion_weight(self) -> float:
        """The weight of the base in fusion with BM25."""
        return choose_fusion_weight(self.dev, self.retrieval.base)

    @cached_property
    def distillation(self) -> DistillationData:
        """What query-side methods learn from; see ``prepare_distillation``."""
        return prepare_distillation(self)

    def with_config(self, config: TrainConfig, **changes: Any) -> Context:
        """Return a context with other settings of training, which shares dev retrieval and the encoded corpus with this one.

        Settings that these follow from must be the same; ``changes`` are other attributes.
        """
        other = replace(self, config=config, **changes)
        other.__dict__.update({name: value for name, value in vars(self).items() if name in _SHARED})
        return other

    def search_strengths(self, tuned: TunedModel, *, full: Matrix | None = None) -> dict[float, Matrix]:
        """Return dev scores at every strength of the settings; those at full strength may be known already."""
        return {
            alpha: full
            if alpha == 1 and full is not None
            else self.retrieval.search_with(tuned, alpha, f"dev: strength {alpha:g}")
            for alpha in self.config.strengths
        }


class Candidate(NamedTuple):
    """The outcome of one method.

    Attributes:
        name: Of the method.
        tuned: The tuned model, at full strength.
        scheme: How the frozen weights are quantised.
        decision: The selection on dev, against the base.
        dense: Dev scores at the chosen or best strength, ``(n_queries, n_passages)``.
        rows: The training examples, for ``pairs.jsonl``.
        dev: Dev retrieval at each strength, and at each evaluated step.
        details: Fields of ``ModelRecord`` that the method determines.
        fusion_weight: Of the dense side, where the method determines it; None chooses it on dev.
    """

    name: str
    tuned: TunedModel
    scheme: str
    decision: Decision
    dense: Matrix
    rows: list[dict[str, str]]
    dev: DevRecord
    details: dict[str, object]
    fusion_weight: float | None = None
