from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.documents.near_duplicates import (
    distinct,
    group_near_duplicates,
    group_same_passages,
    same_passages,
    shingle_keys,
    split_keys,
)
from embedtune.types import Document, Passage

words = st.text(st.sampled_from("ab ,.é語"), max_size=60)


def shingles_of_text(text: str) -> set[int]:
    return set(split_keys(shingle_keys([text]))[1].tolist())


@given(st.lists(words, max_size=6))
def test_texts_together_have_the_shingles_of_each_alone(texts):
    rows, found = split_keys(shingle_keys(texts, first=7))
    assert [set(found[rows == 7 + number].tolist()) for number in range(len(texts))] == [*map(shingles_of_text, texts)]


@pytest.mark.parametrize(
    ("text", "n_shingles"), [("", 0), ("… !", 0), ("one", 1), ("one two three four five", 1), ("a b c d e f", 2)]
)
def test_number_of_shingles(text, n_shingles):
    assert len(shingles_of_text(text)) == n_shingles


def test_every_shingle_is_counted_once():
    assert len(shingle_keys(["a b c d e " * 10])) == 5


@given(st.lists(st.integers(0, 9)))
def test_distinct_keys_are_sorted_and_stand_once(keys):
    assert distinct(np.array(keys, dtype=np.uint64)).tolist() == sorted(set(keys))


def test_case_and_punctuation_do_not_count_and_order_does():
    assert shingles_of_text("Fill it, now — ÉTÉ!") == shingles_of_text("fill it now été")
    assert shingles_of_text("it fill now été") != shingles_of_text("fill it now été")
    assert shingles_of_text("fill it") != shingles_of_text("fill it fill")


TEXT = "Lift the tank out by its handle and fill it with cold tap water up to the line."


def group(*texts: str, containment: float = 0.5) -> list[list[str]]:
    documents = [Document(str(number), "", text) for number, text in enumerate(texts)]
    return group_near_duplicates(documents, containment=containment)


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + 5]) for start in range(max(1, len(words) - 4))}


def grouped_plainly(texts: list[str], containment: float) -> set[frozenset[str]]:
    groups = [{number} for number in range(len(texts))]
    for a, b in combinations(range(len(texts)), 2):
        left, right = shingles(texts[a]), shingles(texts[b])
        common = len(left & right)
        if texts[a] == texts[b] or (common and common >= containment * min(len(left), len(right))):
            merged = next(g for g in groups if a in g) | next(g for g in groups if b in g)
            groups = [merged, *(g for g in groups if not g & merged)]
    return {frozenset(map(str, g)) for g in groups}


def test_unlike_documents_stay_apart(documents):
    assert group_near_duplicates(documents) == [[document.document_id] for document in documents]
    assert len(documents) == 26


def test_copy_joins_its_original_whatever_case_and_punctuation():
    assert group(TEXT, "Refunds take ten days.", TEXT.upper().replace(".", "!")) == [["0", "2"], ["1"]]


def test_contained_text_joins_the_longer_one(documents):
    longer = documents[0].text + documents[1].text + TEXT + documents[2].text
    assert group(longer, "Refunds take ten working days in all.", TEXT) == [["0", "2"], ["1"]]


def test_half_of_the_smaller_documents_shingles_is_enough():
    # ten words have six shingles; with seven words in common three of them are shared
    base = "a b c d e f g h i j"
    assert group(base, "a b c d e f g x y z") == [["0", "1"]]
    assert group(base, "a b c d e f w x y z") == [["0"], ["1"]]
    assert group(base, "a b c d e f w x y z", containment=1 / 3) == [["0", "1"]]


def test_groups_join_through_a_third_document():
    left, right = "a b c d e f g h i j", "k l m n o p q r s t"
    assert group(left, right, f"{left} {right}") == [["0", "1", "2"]]


def test_documents_shorter_than_a_shingle_are_compared_whole():
    assert group("Keep dry", "keep dry!", "Keep wet") == [["0", "1"], ["2"]]


def test_documents_without_words_group_only_when_they_are_equal():
    assert group("", "…", "") == [["0", "2"], ["1"]]
    assert group() == []


def footed(n: int) -> list[str]:
    """Make short documents that have nothing in common but their last twelve words, two thirds of each one's shingles."""
    footer = " ".join(f"footer{number}" for number in range(12))
    return [f"own{number}a own{number}b own{number}c own{number}d {footer}" for number in range(n)]


def test_footer_of_more_than_fifty_documents_is_no_evidence_of_copying():
    assert group(*footed(50)) == [[str(number) for number in range(50)]]
    assert group(*footed(51)) == [[str(number)] for number in range(51)]
    assert group(*footed(80)) == [[str(number)] for number in range(80)]


def test_copy_among_documents_with_a_common_footer_is_found_by_its_own_words():
    texts = footed(80)
    # not equal, but all four shingles with a word of its own are the same
    groups = group(*texts, texts[7].upper())
    assert groups == [["7", "80"] if number == 7 else [str(number)] for number in range(80)]


def test_equal_texts_group_however_many_they_are():
    assert group(*[TEXT] * 80) == [[str(number) for number in range(80)]]
    assert group("Refunds take ten days.", *[TEXT] * 80) == [["0"], [str(number) for number in range(1, 81)]]


@given(st.data())
def test_groups_equal_a_plain_comparison_of_all_pairs(data):
    draw = random.Random(data.draw(st.integers(0, 10_000)))
    sentences = [" ".join(f"w{draw.randrange(40)}" for _ in range(draw.randrange(3, 9))) for _ in range(6)]
    texts = [" ".join(draw.choices(sentences, k=draw.randrange(1, 4))) for _ in range(7)]
    containment = draw.choice([0.25, 0.5, 0.75, 1.0])
    groups = group(*texts, containment=containment)
    assert {frozenset(g) for g in groups} == grouped_plainly(texts, containment)
    assert [g[0] for g in groups] == sorted(g[0] for g in groups)


TEXT = "Lift the tank out by its handle and fill it with cold tap water up to the line."


def passages(*texts: str, first: int = 0) -> list[Passage]:
    return [Passage(f"p{number}", f"d{number}", "", text, 0, len(text)) for number, text in enumerate(texts, first)]


def test_passages_that_say_the_same_share_a_number():
    shorter = TEXT.replace(" up to the line", "")
    same = same_passages(passages(TEXT, "Refunds take ten days.", TEXT.upper(), TEXT + " " + shorter[::-1], ""))
    assert sorted(same) == ["p0", "p1", "p2", "p3", "p4"]
    assert same["p0"] == same["p2"] == same["p3"]
    assert len({same["p0"], same["p1"], same["p4"]}) == 3


@pytest.mark.parametrize(("n_common", "n_groups"), [(18, 1), (17, 1), (16, 2), (9, 2), (0, 2)])
def test_nine_shingles_in_ten_make_passages_the_same(n_common, n_groups):
    common = TEXT.split()[:n_common]
    # eighteen words have fourteen shingles; with seventeen words in common 13 are shared, with sixteen 12
    other = " ".join(common + [f"other{number}" for number in range(18 - n_common)])
    assert len(TEXT.split()) == 18
    assert len(set(same_passages(passages(TEXT, other)).values())) == n_groups


def test_part_of_a_passage_is_the_same():
    assert len(set(same_passages(passages(TEXT, TEXT.split(" and ")[1])).values())) == 1


def test_titles_do_not_make_passages_differ():
    one, other = passages(TEXT, TEXT)
    assert len(set(same_passages([one, other._replace(title="Tank")]).values())) == 1


def test_further_passages_join_the_groups_they_belong_to():
    groups = group_same_passages(passages(TEXT, "Refunds take ten days."), passages(TEXT.upper(), "Alone.", first=2))
    assert groups == [["p0", "p2"], ["p1"]]
