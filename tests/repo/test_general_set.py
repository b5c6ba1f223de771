"""The packaged general set keeps what its README says."""

from collections import Counter
from pathlib import Path

import pytest

from embedtune.documents.near_duplicates import group_near_duplicates
from embedtune.formats.beir import read_documents, read_qrels, read_queries
from embedtune.resources import find_query_set

FOLDER = Path(__file__).parents[2] / "data" / "general"


@pytest.fixture(scope="module")
def documents():
    return list(read_documents(FOLDER))  # refuses an id that is used twice


def test_it_is_packaged():
    assert find_query_set("general") == FOLDER


def test_fifteen_fields_of_ten_passages(documents):
    fields = Counter(document.document_id.rsplit("-", 1)[0] for document in documents)
    assert len(fields) == 15 and set(fields.values()) == {10}


def test_passages_are_short_and_unlike(documents):
    lengths = [len(document.text.split()) for document in documents]
    assert min(lengths) >= 40 and max(lengths) <= 80
    assert len(group_near_duplicates(documents, containment=0.1)) == len(documents)


def test_each_query_is_judged_and_each_passage_asked_for(documents):
    queries, qrels = read_queries(FOLDER), read_qrels(FOLDER / "qrels" / "test.tsv")
    assert len({query.text for query in queries}) == len(queries) == 150
    assert qrels.keys() == {query.query_id for query in queries}
    judged = {name for grades in qrels.values() for name, grade in grades.items() if grade > 0}
    assert judged == {document.document_id for document in documents}
