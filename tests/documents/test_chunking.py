from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedtune.documents.chunking import chunk, chunk_documents, count_tokens, fit_title, keep_whole
from embedtune.documents.headings import find_sections
from embedtune.errors import ConfigError
from embedtune.types import Document, Passage, Section

COMMON = ["water", "tank", "coffee", "pump", "machine", "filter", "lamp", "descaler", "temperature", "maintenance"]
ODD = [
    "counterclockwise",
    "3.5",
    "1,200",
    "e.g.",
    "U.S.",
    "it's",
    "semi-automatic",
    "naïve",
    "日本語の説明書",
    "100%",
    "☕",
]
words = st.sampled_from(COMMON + ODD)
sentences = st.builds(
    lambda words, end: " ".join(words) + end, st.lists(words, min_size=1, max_size=25), st.sampled_from(".!?。…")
)
paragraphs = st.builds(" ".join, st.lists(sentences, min_size=1, max_size=6))
headings = st.builds(
    lambda level, words: f"{'#' * level} {' '.join(words)}", st.integers(1, 4), st.lists(words, min_size=1, max_size=12)
)
blocks = st.lists(st.one_of(paragraphs, paragraphs, headings), min_size=1, max_size=8)


def document(name: str, title: str, text: str) -> Document:
    return Document(name, title, text, tuple(find_sections(text)))


@pytest.fixture(scope="session")
def cut(token_counts):
    """Return a function that gives the passages of documents for a budget of tokens."""
    return lambda documents, budget: [passage for passage, _ in chunk_documents(documents, token_counts, budget)]


@pytest.fixture(scope="session")
def count(tokenize):
    return lambda text: len(tokenize(text))


def letters(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=40)
@given(blocks=blocks, title=st.sampled_from(["", "Brava 3"]), budget=st.sampled_from([16, 24, 48, 128]))
def test_passages_fit_slice_their_document_and_lose_only_headings(blocks, title, budget, cut, tokenize):
    whole = document("a.md", title, "\n\n".join(blocks) + "\n")
    passages = cut([whole], budget)
    assert [p for p in passages if len(tokenize(p.full_text)) > budget] == []
    assert [p for p in passages if whole.text[p.start : p.end] != p.text or not p.text.strip()] == []
    assert [(a, b) for a, b in pairwise(passages) if a.end > b.start] == []
    body = [block for block in blocks if not block.startswith("#")] or blocks
    assert letters("".join(p.text for p in passages)) == letters("".join(body))
    assert len({p.passage_id for p in passages}) == len(passages)


def test_short_sections_are_one_passage_each_with_the_heading_path_as_title(manual, cut):
    passages = cut([manual], 128)
    assert [passage.title for passage in passages] == [
        "",
        "Brava 3 espresso machine",
        "Brava 3 espresso machine › Filling the tank",
        "Brava 3 espresso machine › Descaling",
        "Brava 3 espresso machine › Descaling › What you need",
        "Brava 3 espresso machine › Descaling › Steps",
    ]
    assert {passage.document_id for passage in passages} == {"brava.md"}


def test_title_of_the_document_stands_first_in_the_path(help_article, cut):
    passages = cut([help_article._replace(title="Help")], 128)
    assert [passage.title for passage in passages] == [
        "Help › Billing and invoices",
        "Help › Billing and invoices › Changing the payment card",
        "Help › Billing and invoices › Refunds",
    ]


def test_title_that_the_outermost_heading_repeats_stands_once(cut):
    whole = Document("a.html", "Help", "Help\n\nCall us.", (Section(("Help",), 6, 14),))
    assert [passage.title for passage in cut([whole], 64)] == ["Help"]


def test_document_without_sections_is_one_section_whatever_its_text_looks_like(cut):
    passages = cut([Document("a.json", "", "# A\nKeep dry.")], 64)
    assert [(passage.title, passage.text) for passage in passages] == [("", "# A\nKeep dry.")]


def test_passage_knows_the_page_it_starts_on(cut):
    text = "One.\n\nTwo.\n\nThree."
    sections = (Section(("A",), 0, 4), Section(("B",), 6, 10), Section(("C",), 12, 18))
    passages = cut([Document("a.pdf", "", text, sections, (0, 6, 6, 14))], 64)
    assert [passage.page for passage in passages] == [1, 3, 3]  # page 2 is empty, page 4 starts within a passage
    assert [p.page for p in cut([Document("a.txt", "", text)], 64)] == [None]


def test_long_section_is_cut_at_sentences_into_pieces_of_about_equal_length(cut, tokenize):
    text = " ".join(f"Turn knob number {number} slowly to the left." for number in range(20))
    passages = cut([Document("a.txt", "", text)], 128)
    lengths = [len(tokenize(passage.text)) for passage in passages]
    assert len(tokenize(text)) == 180
    # two pieces of 90 give or take a tenth: eleven of the twenty sentences, and nine
    assert lengths == [99, 81]
    assert all(passage.text.endswith("left.") for passage in passages)


def test_documents_keep_their_order(documents, cut):
    passages = cut(documents, 128)
    assert list(dict.fromkeys(passage.document_id for passage in passages)) == [d.document_id for d in documents]


def test_ids_depend_on_content_alone(manual, help_article, cut):
    alone = cut([help_article], 64)
    together = cut([manual, help_article], 64)
    assert together[-len(alone) :] == alone


def test_same_text_twice_in_a_document_gives_two_ids(cut):
    passages = cut([document("a.md", "", "# A\nKeep dry.\n# A\nKeep dry.\n")], 64)
    assert [passage.text for passage in passages] == ["Keep dry.", "Keep dry."]
    assert passages[0].passage_id != passages[1].passage_id


def test_word_longer_than_the_budget_is_cut_through(cut):
    text = "antidisestablishmentarianism" * 3
    passages = cut([Document("a.txt", "", text)], 16)
    assert len(passages) > 1
    assert "".join(passage.text for passage in passages) == text


@settings(max_examples=40)
@given(text=st.text(st.sampled_from("ab1.,;!? \n\u3000é語。、\u0301"), max_size=300), budget=st.integers(16, 40))
def test_words_that_fit_are_never_cut_through(text, budget, cut, count):
    for before, after in pairwise(cut([Document("a.txt", "", text)], budget)):
        if before.end == after.start and text[before.end - 1] not in "。、":
            start = max(text.rfind(blank, 0, after.start) for blank in " \n\u3000") + 1
            assert count(text[start:].split()[0]) > budget


def test_numbers_and_names_with_full_stops_stay_whole(cut):
    text = "call os.path.join with 3.5 or 1,200 and then " * 40
    passages = cut([Document("a.txt", "", text)], 20)
    assert set(" ".join(passage.text for passage in passages).split()) == set(text.split())


def test_word_that_is_longer_than_the_even_length_and_fits_is_not_cut(cut, count):
    word = "antidisestablishmentarianism" * 2
    assert count(word) == 16
    text = f"one two three {word} four five"  # of 21 tokens, which is two even pieces of 11
    assert [passage.text for passage in cut([Document("a.txt", "", text)], 20)] == ["one two three", word, "four five"]


@pytest.mark.parametrize("budget", [16, 40])
def test_tokens_that_go_over_blanks_still_fit(budget):
    text = "one two three four five six seven eight nine ten " * 30

    def token_counts(texts):
        return [len(text.split()) + len(text) // 10 for text in texts]  # more than those of its words together

    counted = list(chunk_documents([Document("a.txt", "", text)], token_counts, budget))
    assert [tokens for passage, tokens in counted] == token_counts([passage.text for passage, _ in counted])
    assert max(tokens for _, tokens in counted) <= budget
    assert " ".join(passage.text for passage, _ in counted).split() == text.split()


def test_what_is_tokenized_together_changes_nothing(documents, manual, cut, monkeypatch):
    together = cut([manual, *documents], 32)
    monkeypatch.setattr("embedtune.documents.chunking._BLOCK", 1)
    monkeypatch.setattr("embedtune.documents.segmentation._REMEMBERED_CHARS", 0)
    assert cut([manual, *documents], 32) == together


def test_document_of_headings_alone_is_a_passage_of_them(cut):
    assert [p.text for p in cut([document("a.md", "", "# One\n\n## Two\n")], 64)] == ["# One\n\n## Two"]


@pytest.mark.parametrize(
    ("headings", "room", "title"),
    [
        (("Manual", "Care", "Descaling"), 9, "Manual › Care › Descaling"),  # "descaling" is three tokens, "›" one
        (("Manual", "Care", "Descaling"), 6, "Care › Descaling"),
        (("Manual", "Care", "Descaling"), 3, "Descaling"),
        ((), 5, ""),
    ],
)
def test_long_path_loses_its_outer_headings(headings, room, title, count):
    assert fit_title(headings, count, room) == title


def test_heading_too_long_for_itself_is_cut(count):
    heading = "how to clean the water tank of the machine every week"
    title = fit_title(("Manual", heading), count, 5)
    assert title and heading.startswith(title)
    assert count(title) <= 5


def test_ready_made_documents_stay_whole(token_counts):
    long = "word " * 500
    documents = [Document("d1", "Tank", long), Document("d2", "", "x"), Document("d3", "", "x")]
    passages = list(keep_whole(documents))
    counted = list(count_tokens(passages, token_counts))
    assert [passage for passage, _ in counted] == passages
    assert [tokens for _, tokens in counted] == [501, 1, 1]
    assert [passage[1:] for passage in passages] == [
        ("d1", "Tank", long, 0, 2500, None),
        ("d2", "", "x", 0, 1, None),
        ("d3", "", "x", 0, 1, None),
    ]
    assert len({passage.passage_id for passage in passages}) == 3


def test_full_text_has_the_title_on_a_line_of_its_own():
    assert Passage("p", "d", "Tank", "Fill it.", 0, 8).full_text == "Tank\nFill it."
    assert Passage("p", "d", "", "Fill it.", 0, 8).full_text == "Fill it."


TANK = "# Tank\nFill the tank with cold water up to the line. Close the lid.\n\n# Lamp\nA blinking lamp means: descale."


def test_plain_texts_become_passages(tokenizer, token_counts):
    passages = chunk(TANK, token_counts, 12)
    assert passages == [passage for passage, _ in chunk_documents([document("0", "", TANK)], token_counts, 12)]
    assert {passage.title for passage in passages} == {"Tank", "Lamp"}
    tokenizer.enable_truncation(4)
    try:
        assert chunk([TANK], tokenizer, 12) == passages
        assert tokenizer.truncation["max_length"] == 4
    finally:
        tokenizer.no_truncation()


def test_ids_are_those_given_or_numbers(token_counts):
    assert {passage.document_id for passage in chunk({"a.md": TANK}, token_counts, 48)} == {"a.md"}
    assert [passage.document_id for passage in chunk(["one two", "three"], token_counts, 48)] == ["0", "1"]
    assert chunk([document("d", "Brava", "one two")], token_counts, 48)[0].title == "Brava"


def test_a_models_window_is_a_bound(model_folder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_folder), device="cpu")
    text = " ".join(f"Sentence {number} is about the tank." for number in range(200))
    passages = chunk(text, model, 10_000)
    window = model.max_seq_length - 2
    counts = [len(model.tokenizer(passage.text, add_special_tokens=False)["input_ids"]) for passage in passages]
    assert max(counts) <= window
    assert chunk(text, model.tokenizer, window) == passages


@pytest.mark.parametrize(("tokenizer", "window"), [(object(), 64), (len, 7)])
def test_what_cannot_count_or_hold_tokens_is_refused(tokenizer, window):
    with pytest.raises(ConfigError, match="expected"):
        chunk(TANK, tokenizer, window)
