import logging

import pytest

from embedtune.dataset import Dataset
from embedtune.errors import DataError
from embedtune.evaluation.query_sets import find_query_sets, hash_query_sets
from embedtune.formats import beir
from embedtune.types import SPLITS, Passage, Query, QuerySet

PASSAGES = [Passage(f"p-{number}", f"d{number // 2}.txt", "", f"text {number}", 0, 6) for number in range(6)]
DATASET = Dataset(PASSAGES, {split: QuerySet(split, [], {}, "passage") for split in SPLITS})


@pytest.fixture
def make(tmp_path):
    def write(qrels):
        beir.write_queries(tmp_path, [Query(query_id, f"text of {query_id}", "typed") for query_id in qrels])
        beir.write_qrels(tmp_path, "test", qrels)
        return [str(tmp_path)]

    return write


def test_ids_of_passages_judge_passages_and_ids_of_documents_documents(make):
    (queries,) = find_query_sets(make({"a": {"p-1": 1, "p-2": 0}, "b": {"p-5": 2}}), DATASET)
    assert (queries.judged_unit, queries.qrels) == ("passage", {"a": {"p-1": 1, "p-2": 0}, "b": {"p-5": 2}})
    (queries,) = find_query_sets(make({"a": {"d1.txt": 1}}), DATASET)
    assert (queries.judged_unit, queries.qrels) == ("document", {"a": {"d1.txt": 1}})


def test_passages_that_are_gone_are_dropped_with_a_warning(make, caplog):
    with caplog.at_level(logging.WARNING, "embedtune"):
        (queries,) = find_query_sets(make({"a": {"p-1": 1, "p-99": 1}, "b": {"p-98": 1}}), DATASET)
    assert queries.qrels == {"a": {"p-1": 1}}
    assert [query.query_id for query in queries.queries] == ["a"]
    assert "2 judged documents are not in this corpus" in caplog.text


def test_a_set_of_another_corpus_is_refused_and_so_is_an_empty_test_split(make):
    with pytest.raises(DataError, match=r"such as 'd0\.txt'"):
        find_query_sets(make({"a": {"p-99": 1}}), DATASET)
    with pytest.raises(DataError, match="expected test queries"):
        find_query_sets([], DATASET)


def test_the_hash_knows_queries_and_grades(make):
    found = [hash_query_sets(find_query_sets(make(qrels), DATASET)) for qrels in ({"a": {"p-1": 1}}, {"a": {"p-1": 2}})]
    assert found[0] != found[1]
    assert found[0] == hash_query_sets(find_query_sets(make({"a": {"p-1": 1}}), DATASET))


def test_label_files_judge_passages(tmp_path, caplog):
    passages = [
        Passage("p1", "a.md", "Pump", "It weighs two tons.", 0, 19),
        Passage("p2", "a.md", "", "Oil it.", 20, 27),
    ]
    dataset = Dataset(passages, {split: QuerySet(split, [], {}, "passage") for split in SPLITS})
    path = tmp_path / "asked.csv"
    path.write_text("query,positive\nheavy?,pump it weighs two\nold?,It was built in 1800.\nall?,a.md\n")
    with caplog.at_level(logging.WARNING, "embedtune"):
        (queries,) = find_query_sets([str(path)], dataset)
    assert (queries.name, queries.judged_unit) == ("asked.csv", "passage")
    assert list(queries.qrels.values()) == [{"p1": 1}, {"p1": 1, "p2": 1}]
    assert "1 documents are not in the corpus, such as 'It was built in 1800.' (line 3)" in caplog.text
