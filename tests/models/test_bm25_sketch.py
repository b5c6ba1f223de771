from __future__ import annotations

import numpy as np
import pytest

from embedtune.errors import IntegrityError
from embedtune.models.hybrid_vector import BM25Sketch
from embedtune.retrieval.bm25 import BM25
from embedtune.text.analyzer import WORDS_VERSION

TEXTS = [
    f"the {noun} of the {place} is {state} when the {cause} fails"
    for noun in ("pump", "valve", "gasket", "rotor", "sensor", "bearing")
    for place in ("boiler", "washer", "freezer", "mixer")
    for state in ("hot", "noisy")
    for cause in ("motor", "fan", "relay")
]
QUERIES = ["noisy rotors of a freezer", "relay failing in the mixer", "hot gasket boiler"]


def test_products_are_the_scores_of_bm25_but_for_noise():
    exact = BM25(TEXTS).scores(QUERIES)
    noise = {}
    for dimensions in (128, 8192):
        lexical = BM25Sketch.fit(TEXTS, dimensions)
        products = lexical.queries(QUERIES) @ lexical.documents(TEXTS).T
        noise[dimensions] = 1 - min(np.corrcoef(row, scores)[0, 1] for row, scores in zip(products, exact, strict=True))
    assert noise[8192] < 0.02
    assert noise[128] > noise[8192]


def test_signs_are_the_same_in_every_process_and_version():
    """The sketch of a corpus is stored with its model, and that of a query is made years later."""
    (vector,) = BM25Sketch.fit(TEXTS, 64).documents(["rotor"])
    assert np.packbits(vector > 0).tobytes().hex() == "e57d70cbedce054d"


def test_a_term_that_the_corpus_did_not_have_weighs_most():
    lexical = BM25Sketch.fit(TEXTS, 256)
    new, old = (np.linalg.norm(lexical.queries([word])) for word in ("turbocharger", "pump"))
    assert new > old


def test_words_of_one_stem_meet_and_stop_words_say_nothing():
    lexical = BM25Sketch.fit(TEXTS, 256)
    assert np.array_equal(lexical.queries(["rotors"]), lexical.queries(["the rotor"]))
    assert not lexical.queries(["the of is"]).any()
    assert not lexical.documents([""]).any()


def test_it_comes_back_from_its_settings():
    lexical = BM25Sketch.fit(TEXTS, 100)
    again = BM25Sketch.from_settings(lexical.settings())
    assert np.array_equal(again.documents(TEXTS), lexical.documents(TEXTS))
    assert again.documents(TEXTS).shape == (len(TEXTS), 100)


def test_terms_of_one_text_alone_are_not_stored():
    assert "turbocharg" not in BM25Sketch.fit([*TEXTS, "a turbocharger"], 64).settings()["counts"]


def test_missing_settings_are_named():
    with pytest.raises(IntegrityError, match="'counts'"):
        BM25Sketch.from_settings({"words": WORDS_VERSION, "languages": [], "parts": {}, "n_texts": 3, "dimensions": 8})


def test_the_parts_of_compounds_are_kept():
    texts = ["Die Festplatte wird vor der Sicherung der Daten ausgeschaltet, weil sie sonst zu warm werden kann."] * 3
    lexical = BM25Sketch.fit(texts, 64)
    again = BM25Sketch.from_settings(lexical.settings())
    whole, parts = again.queries(["Datensicherung"]), again.queries(["Datensicherung Daten Sicherung"])
    assert np.array_equal(whole, lexical.queries(["Datensicherung"]))
    assert (whole @ parts.T).item() > 0.5 * np.linalg.norm(whole) * np.linalg.norm(parts)
    assert not np.array_equal(whole, BM25Sketch.fit(["Etwas"], 64).queries(["Datensicherung"]))


def test_a_sketch_of_other_words_is_refused():
    settings = {"language": "english", "n_texts": 3, "counts": {}, "dimensions": 8}  # as embedtune wrote it once
    with pytest.raises(IntegrityError, match=f"expected words of version {WORDS_VERSION}, found version 1"):
        BM25Sketch.from_settings(settings)


def test_japanese_meets_by_bigrams():
    texts = ["これは水タンクを洗う方法です", "これは布を縫う方法です"]
    lexical = BM25Sketch.fit(texts, 512)
    products = lexical.queries(["タンク"]) @ lexical.documents(texts).T
    assert products[0, 0] > products[0, 1] + 0.3
