"""Datasets of ordinary size are what they were before there were bounds: hashes recorded then."""

from __future__ import annotations

import json
from itertools import islice

import embedtune
from benchmarks.scale import texts
from embedtune.text.hashing import hash_folder

DOCUMENTS = {
    "corpus.jsonl": "15959bee60b2edc8",
    "qrels/dev.tsv": "8969dc19d5dc7e2a",
    "qrels/test.tsv": "8d9791c8bdadd9d7",
    "qrels/train.tsv": "18b75c36b14aab98",
    "queries.jsonl": "17a94d515d8c2aa0",
}
ROWS = {
    "corpus.jsonl": "49cf5b558ba2fe1f",
    "qrels/dev.tsv": "75bf463a5b76b7e0",
    "qrels/test.tsv": "ec9a5bdbf45933df",
    "qrels/train.tsv": "9a4bf1620fabc128",
    "queries.jsonl": "0775f4a80d484ea8",
}


def hashes(source, out):
    embedtune.generate(embedtune.GenerateConfig(source=str(source), question_share=0), out)
    found = hash_folder(out / "dataset")
    return {
        name: found[name][:16] for name in sorted(found) if name not in ("manifest.json", "skipped.tsv", "files.jsonl")
    }


def test_folder_of_documents(document_folder, tmp_path):
    assert hashes(document_folder, tmp_path) == DOCUMENTS


def test_ready_made_passages_with_copies(tmp_path):
    rows = [{"_id": f"d{number}", "title": "", "text": text} for number, text in enumerate(islice(texts(), 300))]
    rows += [
        {"_id": f"long{number}", "title": f"No {number}", "text": text} for number, text in enumerate(long_texts())
    ]
    source = tmp_path / "source"
    source.mkdir()
    (source / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert hashes(source, tmp_path / "run") == ROWS


def long_texts():
    """Texts of more than a window."""
    stream = texts(seed=1)
    return [" ".join(islice(stream, 12)) for _ in range(20)]
