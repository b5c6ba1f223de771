"""A dataset after its documents have changed."""

import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.dataset import Dataset
from embedtune.documents.chunking import chunk_documents
from embedtune.synthesis.query_sampler import build_pool, sample_queries
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.synthesis.update import count_kinds, update_dataset
from embedtune.types import SPLITS, Document

CONFIG = GenerateConfig(source="documents", window_tokens=48)


@pytest.fixture(scope="module")
def before(documents, passages):
    pool = build_pool(passages, documents, (), seed=0)
    queries, _ = sample_queries(pool, CorpusStatistics(each.full_text for each in passages), CONFIG)
    return Dataset(passages, queries)


@pytest.fixture(scope="module")
def cut(token_counts):
    return lambda *documents: [each.passage for each in chunk_documents(documents, token_counts, 48)]


def judged(dataset, splits=SPLITS):
    """Return query id → relevant passages, of some splits."""
    return {name: set(grades) for split in splits for name, grades in dataset.splits[split].qrels.items()}


def changed_document(documents, number=0):
    document = documents[number]
    text = document.text.replace(
        "\n\n## ", "\n\nThe serial plate of model Corvus 77 is riveted under the left hinge.\n\n## ", 1
    )
    return document._replace(text=text, sections=())


def test_nothing_changed_is_the_same_dataset(before):
    same = update_dataset(before, [], set(), CONFIG)
    assert sorted(same.passages) == sorted(before.passages) and same.new == []
    assert judged(same) == judged(before)


def test_documents_that_are_gone_take_their_queries_with_them(before, documents):
    gone = documents[3].document_id
    now = update_dataset(before, [], {gone}, CONFIG)
    left = {each.passage_id for each in before.passages if each.document_id == gone}
    assert left and not left & {each.passage_id for each in now.passages}
    assert judged(now) == {name: kept for name, ids in judged(before).items() if (kept := ids - left)}


def test_a_new_document_gets_queries_and_the_others_keep_theirs(before, cut):
    text = "# Care of the loom\n\n" + "\n\n".join(
        f"Thread {n} of the warp beam carries {n * 17} grams before the heddle frame lifts shed {n}." for n in range(9)
    )
    now = update_dataset(before, cut(Document("zz loom.md", "", text)), set(), CONFIG)
    assert {each.document_id for each in now.new} == {"zz loom.md"}
    fresh = judged(now).keys() - judged(before).keys()
    assert fresh and all(judged(now)[name] <= {each.passage_id for each in now.new} for name in fresh)
    assert {name: ids for name, ids in judged(now).items() if name not in fresh} == judged(before)
    assert count_kinds(now.splits)["train"] != count_kinds(before.splits)["train"]


def test_a_changed_document_stays_in_its_split_and_what_was_not_touched_keeps_its_queries(before, documents, cut):
    for split in ("train", "test"):
        answered = {name for ids in judged(before, [split]).values() for name in ids}
        others = {name for ids in judged(before, set(SPLITS) - {split}).values() for name in ids}
        of = {each.passage_id: each.document_id for each in before.passages}
        chosen = sorted({of[name] for name in answered} - {of[name] for name in others})
        number = [each.document_id for each in documents].index(chosen[0])
        now = update_dataset(before, cut(changed_document(documents, number)), {chosen[0]}, CONFIG)
        same = {(each.title, each.text) for each in before.passages if each.document_id == chosen[0]}
        assert now.new and not {(each.title, each.text) for each in now.new} & same
        assert any("Corvus" in each.text for each in now.new)
        fresh = judged(now).keys() - judged(before).keys()
        assert fresh <= judged(now, [split]).keys()
        texts = {each.passage_id: each.text for each in (*before.passages, *now.passages)}
        for name in judged(before).keys() & judged(now).keys():
            assert {texts[one] for one in judged(now)[name]} <= {texts[one] for one in judged(before)[name]}


def test_a_copy_of_a_passage_that_was_trained_on_tests_nothing(before, documents, cut):
    train = {name for ids in judged(before, ["train"]).values() for name in ids}
    source = next(each for each in before.passages if each.passage_id in train)
    original = next(each for each in documents if each.document_id == source.document_id)
    now = update_dataset(before, cut(original._replace(document_id="zz copy.md")), set(), CONFIG)
    copies = {each.passage_id for each in now.new if each.text == source.text}
    assert copies
    assert not any(copies & ids for ids in judged(now, ["dev", "test"]).values())
    assert any(copies & ids for ids in judged(now, ["train"]).values())


def test_three_new_documents_are_tested_too(before, documents, passages):
    names = {each.document_id for each in documents[-3:]}
    earlier = update_dataset(before, [], names, CONFIG)
    again = [each for each in passages if each.document_id in names]
    now = update_dataset(Dataset(earlier.passages, earlier.splits), again, set(), CONFIG)
    assert {each.passage_id for each in now.passages} == {each.passage_id for each in passages}
    fresh = {each.passage_id for each in again}
    for split in SPLITS:
        assert any(ids & fresh for ids in judged(now, [split]).values()), split
