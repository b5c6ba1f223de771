"""One query by several systems of a run, side by side, and how far each passage moved from where the base has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from embedtune.evaluation.decision import Decision
from embedtune.serving.excerpts import Excerpt, Excerpts
from embedtune.serving.retriever import Hit, Retriever
from embedtune.serving.run_index import RunIndex
from embedtune.systems import BASE, System
from embedtune.types import Passage


class Moved(NamedTuple):
    """A passage in a system's list."""

    hit: Hit
    was: int | None  # its rank among the base's first k; None where it is not among them, and in the base's own list
    move: str  # ↑3, ↓1, = or new; empty in the base's own list


class Comparison(NamedTuple):
    """The lists of all systems."""

    query: str
    k: int
    decision: Decision  # whose system auto means for this run
    systems: dict[str, list[Moved]]  # system → its list, best first
    gone: dict[str, list[Passage]]  # system → passages among the base's first k that its list has not
    excerpts: dict[str, Excerpt]  # passage id → what to show of it

    def as_json(self) -> dict[str, object]:
        """Return the comparison as JSON values."""
        return {
            "schema_version": 1,
            "query": self.query,
            "k": self.k,
            "auto": self.decision.system,
            "decision": self.decision._asdict(),
            "systems": {name: [_row(moved) for moved in passages] for name, passages in self.systems.items()},
            "gone": {name: [passage.passage_id for passage in passages] for name, passages in self.gone.items()},
            "excerpts": {name: excerpt.text for name, excerpt in self.excerpts.items()},
        }


def compare(
    run: Path | str | RunIndex,
    query: str,
    k: int = 5,
    *,
    systems: Sequence[str] = (),
    width: int = 160,
    trust_remote_code: bool = False,
) -> Comparison:
    """Search with the base and other systems of a run.

    Args:
        run: A run folder, or a run that is open.
        query: Text of the query.
        k: Passages of each system.
        systems: Systems to show after the base. None shows BM25, the base, the tuned model where there is one, and the fused
            system that ``auto`` means, or the hybrid of the best model.
        width: Characters of an excerpt.
        trust_remote_code: Run the Python code that comes with the models of a run folder.

    Raises:
        EmbedtuneError: As ``RunIndex`` and ``Retriever`` do.
    """
    opened = run if isinstance(run, RunIndex) else RunIndex(run, trust_remote_code=trust_remote_code)
    chosen = opened.decision.system
    names = dict.fromkeys([BASE, *systems]) if systems else _systems(opened.systems, chosen)
    hits_of = {name: Retriever(opened, name).retrieve(query, k) for name in names}
    base = {hit.passage.passage_id: hit for hit in hits_of[BASE]}
    cut = Excerpts(opened.passages)
    gone = {name: base.keys() - {hit.passage.passage_id for hit in hits} for name, hits in hits_of.items()}
    return Comparison(
        query,
        k,
        opened.decision,
        {name: [_moved(hit, base, name) for hit in hits] for name, hits in hits_of.items()},
        {name: [hit.passage for passage_id, hit in base.items() if passage_id in ids] for name, ids in gone.items()},
        {hit.passage.passage_id: cut(hit.passage.text, query, width) for hits in hits_of.values() for hit in hits},
    )


def _systems(has: Sequence[str], chosen: str) -> list[str]:
    alone = [name for name in has if System.parse(name).kind in ("bm25", "dense")]
    return [*alone, str(System("hybrid", alone[-1])) if chosen in alone else chosen]


def _moved(hit: Hit, base: dict[str, Hit], system: str) -> Moved:
    if system == BASE:
        return Moved(hit, None, "")
    before = base.get(hit.passage.passage_id)
    if before is None:
        return Moved(hit, None, "new")
    up = before.rank - hit.rank
    return Moved(hit, before.rank, f"↑{up}" if up > 0 else f"↓{-up}" if up < 0 else "=")


def _row(moved: Moved) -> dict[str, object]:
    hit = moved.hit
    return {
        "rank": hit.rank,
        "passage_id": hit.passage.passage_id,
        "document_id": hit.passage.document_id,
        "title": hit.passage.title,
        "score": hit.score,
        "was": moved.was,
        "move": moved.move,
    }
