"""Sizes of chunk, compared by retrieval: the same queries, the same passages, only what one vector stands for differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from embedtune.advise.evaluator import Judge, Scores, WindowsOf
from embedtune.models.encoder import Encoder
from embedtune.progress import track
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.corpus import windows_of
from embedtune.types import Passage

SIZES = (64, 128, 256)
"""Tokens of a chunk that are tried, as far as the model's window goes."""

CUT_OFF = "cut_off"
"""The cell of whole passages, of which the model sees the beginning."""


class ChunkCells(NamedTuple):
    """What every size scored.

    Attributes:
        scores: Cell (a size in tokens, or ``CUT_OFF``) → scores.
        vectors: Cell → vectors of the whole sample, which an index would hold.
        compared: Every cell against the reference.
        reference: The cell that stands for what is done now.
        judge: With the sample.
    """

    scores: dict[str, Scores]
    vectors: dict[str, int]
    compared: dict[str, Comparison]
    reference: str
    judge: Judge

    def over(self, name: str, reference: str) -> Comparison:
        """Return one cell against another."""
        return self.judge.compare(self.scores, [(name, reference)])[name, reference]


def sizes_for(window: int, wanted: int) -> list[int]:
    """Return the sizes that are tried with a model: those of ``SIZES`` that it sees whole, its whole window, and the wanted."""
    return sorted({min(size, window) for size in (*SIZES, wanted)})


def measure_chunk_cells(judge: Judge, base: Encoder, *, wanted: int, overlap: float, cut_off: bool) -> ChunkCells:
    """Search a sample with the base, cut in every size; a passage scores as its best chunk, as ``generate`` has it.

    Args:
        judge: With the sample.
        base: The base's encoder.
        wanted: Tokens of a chunk by the settings.
        overlap: Share of a chunk that the next one repeats.
        cut_off: Whether the passages come ready-made, so that a stack without windows would cut the long ones off; then that
            is what is done now, else it is the wanted size.
    """

    def of_size(size: int) -> WindowsOf:
        return lambda passages: windows_of(passages, base, size, overlap)

    ways: dict[str, WindowsOf] = {CUT_OFF: _whole} if cut_off else {}
    ways |= {str(size): of_size(size) for size in sizes_for(base.window, wanted)}
    scores, vectors = {}, {}
    for name, way in ways.items():
        dev = judge.dev_set(way)
        what = "chunks: cut off" if name == CUT_OFF else f"chunks: {name} tokens"
        with track(what, dev.n_encoded) as on_progress:
            scores[name] = judge.score(judge.run(dev.dense_scores(base, on_progress)))
        vectors[name] = sum(len(windows) for windows in way(judge.sample.passages))
    reference = CUT_OFF if cut_off else str(min(wanted, base.window))
    pairs = [(name, reference) for name in ways if name != reference]
    compared = {name: found for (name, _), found in judge.compare(scores, pairs).items()}
    return ChunkCells(scores, vectors, compared, reference, judge)


def _whole(passages: Sequence[Passage]) -> Sequence[list[str]]:
    return [[passage.full_text] for passage in passages]
