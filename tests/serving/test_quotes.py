from __future__ import annotations

from embedtune.retrieval.fusion import Parts
from embedtune.serving.embedder import Embedder
from embedtune.serving.quotes import quote
from embedtune.serving.retriever import Hit
from embedtune.types import Passage


def hits(*texts):
    return [
        Hit(Passage(f"p{n}", "d", "", text, 0, len(text)), 1.0, n + 1, Parts(1, None)) for n, text in enumerate(texts)
    ]


def test_the_nearest_sentences_are_quoted_with_their_passage(served_run):
    embedder = Embedder.from_run(served_run("lora"), "base")
    found = quote(
        embedder,
        "Rinse the tank twice.",
        hits("The lamp blinks orange. Rinse the tank twice.", "Rinse the tank twice. Nobody expects stitches."),
        n=2,
    )
    assert (found[0].text, found[0].passage_id) == ("Rinse the tank twice.", "p0")
    assert found[0].score > 0.99
    assert len({each.text for each in found}) == 2
    assert found[0].score >= found[1].score


def test_where_nothing_was_found_nothing_is_quoted(served_run):
    embedder = Embedder.from_run(served_run("lora"), "base")
    assert quote(embedder, "x", []) == quote(embedder, "x", hits("  ")) == []
