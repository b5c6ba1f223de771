"""Columns of labels by their names; ``test_label_files`` reads whole files."""

from __future__ import annotations

import pytest

from embedtune.formats.labels import Columns


@pytest.mark.parametrize(
    ("names", "shown", "holds", "certain"),
    [
        (["id", "query", "pos", "neg", "prompt"], "query, pos, neg", "texts", True),
        (["Anchor", "Positive", "Negative 1", "negative-2"], "Anchor, Positive, Negative 1, negative-2", "texts", True),
        (["question", "answer"], "question, answer", "texts", False),
        (["question", "answers", "score"], "question, answers, score", "texts", False),
        (["sentence1", "sentence2", "score"], "sentence1, sentence2, score", "either", True),
        (["query", "url", "clicks"], "query, url, clicks", "ids", True),
        (["query", "clicked_document"], "query, clicked_document", "either", False),
        (["query", "document", "document_id", "count"], "query, document_id, count", "ids", True),
        (["query", "positive", "negative", "score"], "query, positive, negative", "texts", True),
    ],
)
def test_columns_are_known_by_their_names(names, shown, holds, certain):
    columns = Columns.of(names)
    assert (str(columns), columns.holds, columns.certain) == (shown, holds, certain)


@pytest.mark.parametrize("names", [[], ["query"], ["positive"], ["title", "text"], [None, 5]])
def test_other_columns_are_no_labels(names):
    assert Columns.of(names) is None
