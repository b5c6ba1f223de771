"""The temperature of the softmax over cosines, from the base's own cosines.

How far apart cosines lie differs by model. Those of a query with random passages have a standard deviation of 0.09 in
all-MiniLM-L6-v2 and of 0.02 in multilingual-e5-small, whose authors trained them at temperatures of 0.05 and 0.01. At the wrong
one of the two all passages are equally wrong, or a single one is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedtune.types import TextEncoder

_OF_SPREAD = 0.55  # both models' temperature divided by their spread
_ROUND = (0.01, 0.02, 0.05, 0.1)  # so that a base has the same one on nearly every corpus
_SAMPLE = 100


def choose_temperature(base: TextEncoder, queries: Sequence[str], passages: Sequence[str], *, seed: int = 0) -> float:
    """Return 0.01, 0.02, 0.05 or 0.1: what is nearest to 0.55 standard deviations of a query's cosines with random passages.

    Args:
        base: The model that will be trained.
        queries: One or more; a sample of 100 is encoded.
        passages: One or more, each short enough for the model; the same.
        seed: Of the samples.
    """
    draw = np.random.default_rng(seed)
    sampled = (
        [texts[number] for number in sorted(draw.permutation(len(texts))[:_SAMPLE])] for texts in (queries, passages)
    )
    of_queries, of_passages = sampled
    cosines = base.encode_queries(of_queries) @ base.encode_documents(of_passages).T
    wanted = max(_ROUND[0], _OF_SPREAD * float(cosines.std(axis=1).mean()))
    return min(_ROUND, key=lambda value: abs(np.log(value / wanted)))
