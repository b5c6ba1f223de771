from __future__ import annotations

from embedtune.retrieval.fusion import Parts
from embedtune.serving.embedder import Embedder
from embedtune.serving.excerpts import Excerpt, Excerpts, quote
from embedtune.serving.retriever import Hit
from embedtune.types import Passage

TEXT = (
    "Keep the machine on a level surface, away from children and from the sun. It weighs four kilos and has a cord of one "
    "metre. Limescale narrows the pipes.\nDescale the machine every two months, or when the lamp blinks orange. Rinse the "
    "tank twice afterwards, and dry it with a cloth before you put it back into the machine and use it again."
)
CUT = Excerpts([Passage("p", "d", "", TEXT, 0, len(TEXT))])


def words(found):
    return [found.text[start:end] for start, end in found.matches]


def test_a_short_text_stays_whole_on_one_line():
    assert CUT("The lamps\nblink.", "a blinking lamp") == Excerpt("The lamps blink.", [(4, 9), (10, 15)])


def test_the_stretch_with_most_of_the_querys_words_is_shown():
    found = CUT(TEXT, "when does the orange lamp blink", width=80)
    assert words(found) == ["lamp", "blinks", "orange"]
    assert len(found.text) <= 80
    assert found.text.startswith("…")
    assert found.text.endswith("…")


def test_words_are_not_cut_through():
    found = CUT(TEXT, "descaling", width=60)
    assert set(found.text.strip("…").split()) <= set(TEXT.split()) | {word.rstrip(".,") for word in TEXT.split()}
    assert words(found) == ["Descale"]


def test_without_a_common_word_it_is_the_beginning():
    found = CUT(TEXT, "invoice", width=40)
    assert found.matches == []
    assert found.text == "Keep the machine on a level surface…"


def test_a_word_longer_than_the_width_is_cut():
    assert len(CUT("x" * 300, "y", width=50).text) <= 50


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
