from __future__ import annotations

import numpy as np

from embedtune.evaluation.dev_set import DevQuery, DevSet, Shown
from embedtune.evaluation.gate import USUAL_WEIGHT
from embedtune.stages.fusion_weights import choose_fusion_weight

WORDS = ["pump", "valve", "gasket", "rotor", "sensor", "bearing", "piston", "nozzle"]
CORPUS = [Shown(text, [text]) for text in (f"the {word} number {n}" for word in WORDS for n in range(4))]


def _dev(*, familiar=False):
    queries = [
        DevQuery(f"{word} {n}", {4 * place + n: CORPUS[4 * place + n]}, familiar, word)
        for place, word in enumerate(WORDS)
        for n in range(4)
    ]
    return DevSet(queries, CORPUS, max_windows=1000, seed=0)


def test_a_model_that_knows_nothing_leaves_the_weight_to_words():
    noise = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    assert choose_fusion_weight(_dev(), noise) < 0.5


def test_a_model_that_knows_as_much_gets_the_usual_weight():
    assert choose_fusion_weight(_dev(), np.eye(32, dtype=np.float32)) == USUAL_WEIGHT


def test_queries_that_share_their_words_with_the_answer_have_no_say():
    noise = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    assert choose_fusion_weight(_dev(familiar=True), noise) == USUAL_WEIGHT
