"""The lexical part as a method of training: its strength is its scale, and a query-side method may lie below it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.retrieval.lexical import LexicalProjection
from embedtune.training.towers import two_towers

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.methods import Method


class Lexical:
    """v → (v, lexical part), of unit length; see ``retrieval.with_lexical``.

    Attributes:
        model: The model at full strength, what lies below included.
    """

    queries_only = False

    def __init__(
        self,
        base: SentenceTransformer,
        lexical: LexicalProjection,
        *,
        scale: float,
        longest: float,
        below: Method | None = None,
        strength_below: float = 0.0,
    ) -> None:
        """Take the parts.

        Args:
            base: The untouched base; it encodes passages.
            lexical: Fitted to the corpus.
            scale: Of the lexical product against the cosine at full strength.
            longest: Squared length of the longest lexical part of a passage, scaled.
            below: What moves queries; None leaves them with the base.
            strength_below: Of it.
        """
        self._base = base
        self._lexical = lexical
        self._scale = scale
        self._longest = longest
        self._below = below
        self._strength_below = strength_below
        self.model = self._whole(1.0)

    def merged(self, plain: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return the lexical part beside ``plain``, into which a method below is merged first."""
        if self._below is None:
            return self._wrapped(plain, strength)
        return self._wrapped(two_towers(self._below.merged(plain, self._strength_below), self._base), strength)

    def fold(self, strength: float) -> None:
        """Scale the lexical part for good."""
        self._scale *= strength
        self._longest *= strength
        if self._below:
            self._below.fold(self._strength_below)
            self._strength_below = 1.0
        self.model = self._whole(1.0)

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """Write nothing: all of it is in the merged folder."""
        return False

    def _whole(self, strength: float) -> SentenceTransformer:
        return self._wrapped(two_towers(self._below.model, self._base) if self._below else self._base, strength)

    def _wrapped(self, dense: SentenceTransformer, strength: float) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        from embedtune.retrieval.with_lexical import WithLexical

        both = WithLexical(dense, self._lexical, scale=strength * self._scale, longest=strength * self._longest)
        return SentenceTransformer(modules=[both], prompts=dense.prompts, device=str(dense.device))
