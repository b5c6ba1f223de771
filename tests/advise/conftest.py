"""One small source, gathered once with a base of two random layers: what the parts of the advice look at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embedtune.advise.evaluator import Evaluator
from embedtune.advise.inputs import gather
from embedtune.advise.systems import build_context
from embedtune.config.settings import GenerateConfig


@pytest.fixture(scope="session")
def made(document_folder, tiny_base) -> GenerateConfig:
    return GenerateConfig(source=str(document_folder), model=str(tiny_base), window_tokens=32)


@pytest.fixture(scope="session")
def material(made, tmp_path_factory):
    return gather(made, None, tmp_path_factory.mktemp("gathered"))


@pytest.fixture(scope="session")
def evaluator(material):
    return Evaluator(material.sample(0))


@pytest.fixture(scope="session")
def context(material, evaluator, made):
    train = material.train_in(evaluator.sample, 0)
    return build_context(evaluator, train, material.base, dataset_config=made, base_folder=material.base_folder)


@pytest.fixture(scope="session")
def beir_folder(documents, tmp_path_factory) -> Path:
    """Return a BEIR folder of the 26 documents, with test queries that people might ask and train evaluatorments."""
    folder = tmp_path_factory.mktemp("beir")
    (folder / "qrels").mkdir()
    corpus = [{"_id": f"d{number}", "title": "", "text": each.text} for number, each in enumerate(documents)]
    queries = [
        {"_id": f"q{number}", "text": f"how do I care for my {_subject(each)}"} for number, each in enumerate(documents)
    ]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    rows = "".join(f"q{number}\td{number}\t1\n" for number in range(len(documents)))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows, encoding="utf-8")
    return folder


def _subject(document) -> str:
    return document.document_id.removesuffix(".md").split(" ", 1)[1]
