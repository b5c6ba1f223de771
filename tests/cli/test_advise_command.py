"""``embedtune advise`` as a user types it."""

from __future__ import annotations

import base64
import json
import shutil

import pytest


@pytest.fixture
def advise(invoke, tiny_base):
    return lambda *arguments: invoke("advise", *arguments, "--model", tiny_base, "--set", "window_tokens=32")


def test_the_recommendation_stands_last_and_the_file_is_what_json_prints(advise, document_folder, tmp_path):
    code, stdout, _ = advise(document_folder, "--out", tmp_path / "advice.json", "-q")
    assert code == 0
    lines = stdout.splitlines()
    plain = stdout.replace(str(tmp_path), "out").replace(str(document_folder), "documents")
    assert max(map(len, plain.splitlines())) <= 100
    document = json.loads((tmp_path / "advice.json").read_text(encoding="utf-8"))
    sentence = document["recommendation"]["sentence"]
    assert f"Recommendation: {sentence}" in lines
    rule = next(number for number, line in enumerate(lines) if line.startswith("═"))
    assert lines.index(f"Recommendation: {sentence}") == rule + 1
    titles = ("Text beyond the model's limit", "Chunk size", "Search systems", "Room for improvement")
    places = [next(n for n, line in enumerate(lines) if line.startswith(title)) for title in titles]
    assert places == sorted(places) and places[-1] < rule
    assert "favour BM25" in stdout
    assert lines[-1] == f"written: {tmp_path / 'advice.json'}"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nowhere",), 3, "a folder of documents"),
        ((), 2, "source"),
        (("SOURCE", "--queries", "nowhere"), 3, "nowhere"),
        (("SOURCE", "--queries", "SOURCE"), 3, "queries.jsonl"),
        (("SOURCE", "--out", "missing/advice.json"), 5, "expected a file that can be written"),
        (("SOURCE", "--window", "3"), 2, "window_tokens"),
    ],
)
def test_what_cannot_be_used_is_refused_without_a_traceback(
    advise, document_folder, monkeypatch, tmp_path, arguments, code, words
):
    monkeypatch.chdir(tmp_path)
    found, stdout, stderr = advise(*(document_folder if each == "SOURCE" else each for each in arguments))
    assert found == code
    assert stdout == "" and words in stderr and "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_nowhere_is_exit_2(invoke, document_folder, tmp_path):
    code, _, stderr = invoke("advise", document_folder, "--model", tmp_path)
    assert code == 2 and "safetensors" in stderr


def test_what_was_left_out_of_a_document_is_said(advise, document_folder, tmp_path):
    source = shutil.copytree(document_folder, tmp_path / "source")
    encoded = base64.b64encode(bytes(range(256)) * 12).decode()
    (source / "picture.txt").write_text(f"The picture shows the pump of the boiler.\n\n{encoded}\n")
    code, stdout, _ = advise(source, "-q")
    assert code == 0
    assert any(line.strip().startswith("note: picture.txt: ") for line in stdout.splitlines())
