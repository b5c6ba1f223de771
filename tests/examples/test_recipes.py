"""Each packaged recipe runs from its documents to its report, small: other sources, models and sizes, the same settings."""

from __future__ import annotations

import json

import pytest

from embedtune.formats.beir import read_qrels
from embedtune.resources import recipes
from tests.llm_server import Script, ScriptedServer

# The quickstart is run in full by tests/e2e/test_demo.py.
SIZES = {
    "generate.window_tokens": 48,
    "train.lora_rank": 2,
    "train.max_pairs": 24,
    "train.batch_size": 8,
    "train.n_evals": 1,
    "train.max_dev_queries": 20,
    "train.query_side.max_queries": 24,
    "train.query_side.batch_size": 8,
    "train.sketch_dimensions": 64,
    "eval.rerank": 0,
}


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """Return the folder of an embedding model over a random Qwen3 of two layers, which reads the last token."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import Qwen3Config, Qwen3Model

    from tests.llm_models import write_tokenizer

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("decoder")
    size = write_tokenizer(folder / "qwen")
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "pad_token_id": 0}
    Qwen3Model(Qwen3Config(vocab_size=size, **shape, **heads)).save_pretrained(folder / "qwen")
    transformer = Transformer(str(folder / "qwen"), max_seq_length=256)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="lasttoken")
    SentenceTransformer(modules=[transformer, pooling, Normalize()]).save_pretrained(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="module")
def collection(documents, tmp_path_factory):
    """Return a BEIR folder: a query for each document, of which a third is for tests."""
    folder = tmp_path_factory.mktemp("collection")
    (folder / "qrels").mkdir()
    rows = [{"_id": f"d{number}", "title": "", "text": each.text} for number, each in enumerate(documents)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queries = [{"_id": f"q{number}", "text": each.text.splitlines()[4][:60]} for number, each in enumerate(documents)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    for name, numbers in (("test", range(0, 26, 3)), ("train", [n for n in range(26) if n % 3])):
        lines = "".join(f"q{number}\td{number}\t1\n" for number in numbers)
        (folder / "qrels" / f"{name}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{lines}")
    return folder


@pytest.fixture
def run_small(invoke, tiny_base, document_folder, tmp_path):
    """Return a function that runs a recipe, and gives the metrics of its evaluation and the facts of its training."""

    def call(name, **changes):
        settings = {"generate.source": document_folder, "generate.model": tiny_base, **SIZES, **changes}
        known = {key: value for key, value in settings.items() if value is not None}
        options = [word for key, value in known.items() for word in ("--set", f"{key}={value}")]
        code, out, err = invoke("run", name, "--out", tmp_path / "run", "--json", *options)
        assert code == 0, err
        assert (tmp_path / "run" / "eval" / "report.html").is_file()
        return json.loads(out)

    return call


def _trained(run):
    return json.loads((run / "model" / "manifest.json").read_text())["facts"]


def test_documents(run_small, tmp_path):
    run_small("documents", **{"train.auto_methods": "[pca, query-lora]"})
    assert _trained(tmp_path / "run")["candidates"]


def test_judged_queries(run_small, collection, tmp_path):
    run_small("judged-queries", **{"generate.source": collection})
    assert read_qrels(tmp_path / "run" / "dataset" / "qrels" / "test.tsv").keys() == {f"q{n}" for n in range(0, 26, 3)}
    train = read_qrels(tmp_path / "run" / "dataset" / "qrels" / "train.tsv")
    assert any(name.startswith("q") for name in train)


def test_own_llm(run_small):
    with ScriptedServer(Script(answers={"grade": "5"})) as server:
        run_small("own-llm", **{"generate.llm.base_url": server.url, "generate.llm.judge": "false"})
        assert server.calls


def test_keep_index(run_small, tmp_path):
    run_small("keep-index")
    trained = _trained(tmp_path / "run")
    assert (trained["passages"], trained["sketch"]) == ("base", False)


def test_other_language(run_small, tmp_path):
    run_small("other-language", **{"train.auto_methods": "[query-lora]"})
    assert (
        json.loads((tmp_path / "run" / "dataset" / "manifest.json").read_text())["identity"]["config"]["query_prompt"]
        == "query: "
    )


def test_several_domains(run_small, tmp_path):
    run_small("several-domains")
    assert _trained(tmp_path / "run")["quantize"] == "none"


def test_decoder_gpu(run_small, decoder, tmp_path):
    run_small("decoder-gpu", **{"generate.model": decoder})
    assert _trained(tmp_path / "run")["quantize"] == "nf4"


def test_every_recipe_is_listed_in_one_line_each_and_on_its_page(invoke):
    code, out, _ = invoke("run", "--list")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0 and lines.keys() == recipes().keys()
    assert max(map(len, out.splitlines())) <= 128
    page = (recipes()["quickstart"].parent / "README.md").read_text()
    assert [name for name in recipes() if f"[{name}]({name}.yaml)" not in page] == []
