"""Datasets of ordinary size do not change unless the writer of queries does: hashes recorded with it."""

from __future__ import annotations

import json
from itertools import islice

import embedtune
from benchmarks.scale import texts
from embedtune.text.hashing import hash_folder

DOCUMENTS = {
    "corpus.jsonl": "15959bee60b2edc8",
    "qrels/dev.tsv": "486b094c5b982983",
    "qrels/test.tsv": "50d52e6ddb4df74c",
    "qrels/train.tsv": "296f1ea88f8495e8",
    "queries.jsonl": "59f898997a32bee9",
}
ROWS = {
    "corpus.jsonl": "49cf5b558ba2fe1f",
    "qrels/dev.tsv": "117f1620fb35a012",
    "qrels/test.tsv": "5853855aa07dc3f4",
    "qrels/train.tsv": "cac6d01a26287e6c",
    "queries.jsonl": "48602b0e9620f144",
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
