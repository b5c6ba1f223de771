"""``embedtune tune-generator``."""

import json

import pytest

from tests.llm_models import make_causal


@pytest.fixture
def labels(tmp_path):
    place = tmp_path / "labels.jsonl"
    rows = (
        {"query": f"is boiler {number} hot", "text": f"Boiler {number} heats {number} litres."} for number in range(12)
    )
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_causal(tmp_path_factory.mktemp("causal"))


def test_it_says_how_likely_and_how_human_the_queries_are_and_what_is_next(invoke, labels, folder, tmp_path):
    command = ("tune-generator", labels, "--llm", f"hf:{folder}", "--out", tmp_path / "run", "--epochs", 1, "-q")
    code, out, _ = invoke(*command)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("tuned on 9 judged queries; a token of 3 held-out ones costs ")
    assert [line.split()[0] for line in lines[2:5]] == ["people", "base", "writer"]
    assert str(tmp_path / "run" / "writer") in lines
    assert f"--llm hf:{folder} --adapter {tmp_path / 'run' / 'writer'}" in out
    code, out, _ = invoke(*command, "--json")
    assert (code, json.loads(out)["stage"], json.loads(out)["train"]) == (0, "tune-generator", 9)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"--llm": "openai:gpt-4o-mini"}, 2, "--llm: llm: expected hf:FOLDER"),
        ({"--llm": "hf:no/such/folder"}, 2, "expected a causal or seq2seq model"),
        ({"--max-queries": "9"}, 2, "max_queries: expected greater than or equal to 10"),
        ({"SOURCE": "nowhere"}, 3, "expected a folder of documents"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(invoke, labels, folder, tmp_path, change, code, words):
    options = {"SOURCE": labels, "--llm": f"hf:{folder}", "--out": tmp_path / "run"} | change
    source = options.pop("SOURCE")
    found, _, err = invoke("tune-generator", source, *(part for pair in options.items() for part in pair))
    assert (found, words in err, "Traceback" in err) == (code, True, False), err
    assert not (tmp_path / "run" / "writer").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--llm", "local", "--adapter", "writer"), "adapter needs name hf:FOLDER"),
        (
            ("--llm", "hf:{folder}", "--adapter", "{tmp}/none"),
            "expected the folder of a tuned query writer, found none",
        ),
        (("--llm", "gguf:{tmp}/none.gguf"), "expected a model as a GGUF file, found nothing"),
    ],
)
def test_generate_tells_what_is_wrong_with_a_local_model(invoke, labels, folder, tiny_base, tmp_path, options, words):
    given = [each.format(folder=folder, tmp=tmp_path) for each in options]
    code, _, err = invoke(
        "generate", labels, "--model", tiny_base, "--queries-from", "both", "--out", tmp_path / "run", *given
    )
    assert (code, words in err, "Traceback" in err) == (2, True, False), err
