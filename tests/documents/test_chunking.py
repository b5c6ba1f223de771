from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedtune.documents.chunking import chunk_documents, fit_title, keep_whole
from embedtune.documents.headings import find_sections
from embedtune.records import Document, Passage, Section

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


def letters(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=40)
@given(blocks=blocks, title=st.sampled_from(["", "Brava 3"]), budget=st.sampled_from([16, 24, 48, 128]))
def test_passages_fit_slice_their_document_and_lose_only_headings(blocks, title, budget, tokenize):
    whole = document("a.md", title, "\n\n".join(blocks) + "\n")
    passages = list(chunk_documents([whole], tokenize, budget))
    assert [p for p in passages if len(tokenize(p.full_text)) > budget] == []
    assert [p for p in passages if whole.text[p.start : p.end] != p.text or not p.text.strip()] == []
    assert [(a, b) for a, b in pairwise(passages) if a.end > b.start] == []
    body = [block for block in blocks if not block.startswith("#")] or blocks
    assert letters("".join(p.text for p in passages)) == letters("".join(body))
    assert len({p.passage_id for p in passages}) == len(passages)


def test_short_sections_are_one_passage_each_with_the_heading_path_as_title(manual, tokenize):
    passages = list(chunk_documents([manual], tokenize, 128))
    assert [passage.title for passage in passages] == [
        "",
        "Brava 3 espresso machine",
        "Brava 3 espresso machine › Filling the tank",
        "Brava 3 espresso machine › Descaling",
        "Brava 3 espresso machine › Descaling › What you need",
        "Brava 3 espresso machine › Descaling › Steps",
    ]
    assert {passage.document_id for passage in passages} == {"brava.md"}


def test_title_of_the_document_stands_first_in_the_path(help_article, tokenize):
    passages = list(chunk_documents([help_article._replace(title="Help")], tokenize, 128))
    assert [passage.title for passage in passages] == [
        "Help › Billing and invoices",
        "Help › Billing and invoices › Changing the payment card",
        "Help › Billing and invoices › Refunds",
    ]


def test_title_that_the_outermost_heading_repeats_stands_once(tokenize):
    whole = Document("a.html", "Help", "Help\n\nCall us.", (Section(("Help",), 6, 14),))
    assert [passage.title for passage in list(chunk_documents([whole], tokenize, 64))] == ["Help"]


def test_document_without_sections_is_one_section_whatever_its_text_looks_like(tokenize):
    passages = list(chunk_documents([Document("a.json", "", "# A\nKeep dry.")], tokenize, 64))
    assert [(passage.title, passage.text) for passage in passages] == [("", "# A\nKeep dry.")]


def test_passage_knows_the_page_it_starts_on(tokenize):
    text = "One.\n\nTwo.\n\nThree."
    sections = (Section(("A",), 0, 4), Section(("B",), 6, 10), Section(("C",), 12, 18))
    passages = list(chunk_documents([Document("a.pdf", "", text, sections, (0, 6, 6, 14))], tokenize, 64))
    assert [passage.page for passage in passages] == [1, 3, 3]  # page 2 is empty, page 4 starts within a passage
    assert [p.page for p in list(chunk_documents([Document("a.txt", "", text)], tokenize, 64))] == [None]


def test_long_section_is_cut_at_sentences_into_pieces_of_about_equal_length(tokenize):
    text = " ".join(f"Turn knob number {number} slowly to the left." for number in range(20))
    passages = list(chunk_documents([Document("a.txt", "", text)], tokenize, 128))
    lengths = [len(tokenize(passage.text)) for passage in passages]
    assert len(tokenize(text)) == 180
    # two pieces of 90 give or take a tenth: eleven of the twenty sentences, and nine
    assert lengths == [99, 81]
    assert all(passage.text.endswith("left.") for passage in passages)


def test_documents_keep_their_order(documents, tokenize):
    passages = list(chunk_documents(documents, tokenize, 128))
    assert list(dict.fromkeys(passage.document_id for passage in passages)) == [d.document_id for d in documents]


def test_ids_depend_on_content_alone(manual, help_article, tokenize):
    alone = list(chunk_documents([help_article], tokenize, 64))
    together = list(chunk_documents([manual, help_article], tokenize, 64))
    assert together[-len(alone) :] == alone


def test_same_text_twice_in_a_document_gives_two_ids(tokenize):
    passages = list(chunk_documents([document("a.md", "", "# A\nKeep dry.\n# A\nKeep dry.\n")], tokenize, 64))
    assert [passage.text for passage in passages] == ["Keep dry.", "Keep dry."]
    assert passages[0].passage_id != passages[1].passage_id


def test_word_longer_than_the_budget_is_cut_through(tokenize):
    text = "antidisestablishmentarianism" * 3
    passages = list(chunk_documents([Document("a.txt", "", text)], tokenize, 16))
    assert len(passages) > 1
    assert "".join(passage.text for passage in passages) == text


def test_document_of_headings_alone_is_a_passage_of_them(tokenize):
    assert [p.text for p in chunk_documents([document("a.md", "", "# One\n\n## Two\n")], tokenize, 64)] == [
        "# One\n\n## Two"
    ]


@pytest.mark.parametrize(
    ("headings", "room", "title"),
    [
        (("Manual", "Care", "Descaling"), 9, "Manual › Care › Descaling"),  # "descaling" is three tokens, "›" one
        (("Manual", "Care", "Descaling"), 6, "Care › Descaling"),
        (("Manual", "Care", "Descaling"), 3, "Descaling"),
        ((), 5, ""),
    ],
)
def test_long_path_loses_its_outer_headings(headings, room, title, tokenize):
    assert fit_title(headings, tokenize, room) == title


def test_heading_too_long_for_itself_is_cut(tokenize):
    heading = "how to clean the water tank of the machine every week"
    title = fit_title(("Manual", heading), tokenize, 5)
    assert title and heading.startswith(title)
    assert len(tokenize(title)) <= 5


def test_ready_made_documents_stay_whole():
    long = "word " * 500
    passages = list(keep_whole([Document("d1", "Tank", long), Document("d2", "", "x"), Document("d3", "", "x")]))
    assert [passage[1:] for passage in passages] == [
        ("d1", "Tank", long, 0, 2500, None),
        ("d2", "", "x", 0, 1, None),
        ("d3", "", "x", 0, 1, None),
    ]
    assert len({passage.passage_id for passage in passages}) == 3


def test_full_text_has_the_title_on_a_line_of_its_own():
    assert Passage("p", "d", "Tank", "Fill it.", 0, 8).full_text == "Tank\nFill it."
    assert Passage("p", "d", "", "Fill it.", 0, 8).full_text == "Fill it."
