"""A model on its way to a hub of its own: a stub that speaks the hub's protocol on a real socket."""

from __future__ import annotations

import json
import shutil
import socket

import pytest
import yaml

from embedtune.dataset import read_dataset
from tests.hub_server import TOKEN, Hub


@pytest.fixture(scope="module")
def run(small_run, tmp_path_factory):
    from embedtune import EvaluateConfig, evaluate

    folder = tmp_path_factory.mktemp("push") / "run"
    shutil.copytree(small_run[0], folder)
    evaluate(EvaluateConfig(rerank=0), folder)
    return folder


@pytest.fixture
def hub(monkeypatch):
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield hub


@pytest.fixture
def push(invoke):
    return lambda *arguments: invoke("push", *map(str, arguments))


def test_a_model_is_private_with_its_card_and_results_and_without_the_documents(push, run, hub):
    code, stdout, stderr = push(run, "me/mine", "--json")
    assert code == 0, stderr
    assert json.loads(stdout) == {
        "schema_version": 1, "name": "me/mine", "address": f"{hub.url}/me/mine", "commit": "c0ffee", "private": True,
    }  # fmt: skip
    (repository,) = hub.repositories.values()
    assert repository["private"]
    merged = run / "model" / "merged"
    expected = {path.relative_to(merged).as_posix() for path in merged.rglob("*") if path.is_file()}
    assert repository["files"].keys() == expected | {"README.md"}
    weights = "model.safetensors"
    assert repository["files"][weights] == (merged / weights).read_bytes()

    card = repository["files"]["README.md"].decode()
    (entry,) = yaml.safe_load(card.split("---\n")[1])["model-index"]
    assert entry["name"] == "mine"
    (result,) = entry["results"]
    assert result["task"]["type"] == "information-retrieval"
    found = {metric["type"]: metric["value"] for metric in result["metrics"]}
    measured = json.loads((run / "eval" / "metrics.json").read_text())["systems"]["tuned"]
    assert found["cosine_ndcg@10"] == measured["ndcg@10"]
    assert found["cosine_accuracy@1"] == measured["hit_rate@1"]
    assert "| tuned |" in card

    dataset = read_dataset(run / "dataset")
    words = [passage.full_text for passage in dataset.passages] + [passage.passage_id for passage in dataset.passages]
    content = b"".join(content for name, content in repository["files"].items() if name != "vocab.txt").decode(
        "utf-8", "ignore"
    )
    assert not [text for text in words if text in content]
    assert str(run) not in content


def test_a_name_without_an_owner_is_the_tokens_and_again_is_a_commit(push, run, hub):
    assert push(run, "mine", "--public")[1] == f"{hub.url}/me/mine   (public)\n"
    assert push(run, "me/mine", "--public")[0] == 0
    code, _, stderr = push(run, "me/mine")
    assert code == 2
    assert "me/mine: expected a private repository, found a public one" in stderr


@pytest.mark.parametrize("name", ["a/b/c", "-mine", "me/..", "me/mine.git", "me/" + "n" * 200, ""])
def test_a_name_that_cannot_be_is_refused_before_anything_is_sent(push, run, hub, name):
    code, stdout, stderr = push("--", run, name)
    assert (code, stdout, hub.repositories) == (2, "", {})
    assert "NAME: expected owner/name of the hub" in stderr


@pytest.mark.parametrize(
    ("token", "name", "code", "words"),
    [
        ("hf_" + "w" * 32, "me/mine", 2, "expected a token that it knows, found status 401"),
        (TOKEN, "others/mine", 2, "expected a token that may write there, found status 403"),
        ("", "me/mine", 2, "expected a token of the hub, found none"),
    ],
)
def test_a_token_that_cannot_be_used_is_a_sentence_without_the_token(
    push, run, hub, monkeypatch, token, name, code, words
):
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    found, stdout, stderr = push(run, name)
    assert (found, stdout) == (code, "")
    assert words in stderr
    assert "Traceback" not in stderr
    assert not token or token not in stderr


@pytest.mark.parametrize("part", ["/api/repos/create", "/preupload/", "/commit/"])
def test_a_hub_that_fails_is_exit_4_and_shows_nothing_half(push, run, hub, monkeypatch, part):
    monkeypatch.setattr("huggingface_hub._commit_api.http_backoff", _once)
    hub.broken[part] = 500
    code, _, stderr = push(run, "me/mine")
    assert code == 4
    assert "found status 500 for me/mine" in stderr
    assert not any(repository["files"] for repository in hub.repositories.values())


def _once(method, url, **options):
    from huggingface_hub.utils import get_session

    return get_session().request(method, url, **options)


def test_no_network_is_exit_4(push, run, hub, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    code, _, stderr = push(run, "me/mine")
    assert code == 4
    assert "expected an answer of the hub, found none (ConnectError" in stderr
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, _, stderr = push(run, "me/mine")
    assert code == 4
    assert "found none (OfflineModeIsEnabled" in stderr


def test_what_is_not_evaluated_is_not_pushed(push, small_run, hub):
    code, _, stderr = push(small_run[0], "me/mine")
    assert code == 3
    assert "embedtune eval" in stderr or "expected the manifest" in stderr
    assert hub.repositories == {}
