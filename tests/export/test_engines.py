from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from embedtune.export.engines import Prompted, Tokenized, prompted
from embedtune.export.towers import save_tokenizer


def test_each_side_has_its_prompt_and_its_tower():
    lengths = {
        name: lambda texts, name=name: np.array([[len(text), ord(name[0])] for text in texts])
        for name in ("query", "document")
    }
    engine = Prompted(lengths, {"query": "12: ", "document": ""})
    assert engine.encode_queries(["a"]).tolist() == [[5, ord("q")]]
    assert engine.encode_documents(["a"]).tolist() == [[1, ord("d")]]


def test_rows_come_back_in_the_order_of_the_texts(tower, tmp_path):
    save_tokenizer(tower, tmp_path)
    sums = Tokenized(tmp_path, lambda ids, mask: mask.sum(axis=1, keepdims=True).astype(np.float32))
    texts = ["word " * (n % 7 + 1) for n in range(20)]
    assert sums(texts)[:, 0].tolist() == [n % 7 + 3 for n in range(20)]
    assert len(sums([])) == 0


def test_towers_are_opened_by_the_names_of_their_folders_and_closed(tmp_path):
    closed = []

    @contextmanager
    def open_tower(folder):
        yield lambda texts: folder.name
        closed.append(folder.name)

    for name in ("query", "document"):
        (tmp_path / name).mkdir()
    with prompted(tmp_path, {}, open_tower) as engine:
        assert (engine.encode_queries([]), engine.encode_documents([])) == ("query", "document")
    assert sorted(closed) == ["document", "query"]
