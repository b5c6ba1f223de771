import json

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.errors import ConfigError
from embedtune.snippets.served_folders import export, folder_names
from tests.served_runs import QUERIES


@pytest.mark.parametrize("method", ["lora", "query-lora", "linear"])
def test_folders_have_the_older_form_that_servers_read(method, facts_of, exported):
    facts = facts_of(method, True)
    folder = exported(facts)
    assert sorted(path.name for path in folder.iterdir()) == sorted(folder_names(facts))
    for name in folder_names(facts):
        modules = json.loads((folder / name / "modules.json").read_text(encoding="utf-8"))
        assert [module["type"] for module in modules] == [
            "sentence_transformers.models.Transformer",
            "sentence_transformers.models.Pooling",
        ]
        pooling = json.loads((folder / name / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        assert [key for key, value in pooling.items() if key.startswith("pooling_mode") and value] == [
            "pooling_mode_mean_tokens"
        ]
        assert pooling["word_embedding_dimension"] == facts.dimension
        limits = json.loads((folder / name / "sentence_bert_config.json").read_text(encoding="utf-8"))
        assert limits["max_seq_length"] == 64
        config = json.loads((folder / name / "config_sentence_transformers.json").read_text(encoding="utf-8"))
        assert config["prompts"] == {"query": "query: ", "document": "passage: "}
        assert (folder / name / "Modelfile").read_text(encoding="utf-8") == f"FROM {folder / name}\n"


def test_towers_are_those_of_the_run(facts_of, exported):
    facts = facts_of("query-lora", True)
    whole = SentenceTransformer(str(facts.merged))
    queries, documents = (SentenceTransformer(str(exported(facts) / name)) for name in ("query", "document"))
    assert np.abs(whole.encode_query(QUERIES) - queries.encode_query(QUERIES)).max() < 1e-6
    assert np.abs(whole.encode_document(QUERIES) - documents.encode_document(QUERIES)).max() < 1e-6
    assert np.abs(queries.encode_query(QUERIES) - documents.encode_query(QUERIES)).max() > 1e-3


def test_a_folder_that_is_there_is_not_written_over(facts_of, tmp_path):
    with pytest.raises(ConfigError, match="expected a folder to be made"):
        export(facts_of("lora", True), tmp_path)


def test_a_model_that_servers_do_not_know_is_refused_and_leaves_nothing(facts_of, tmp_path, monkeypatch):
    facts = facts_of("linear", True)._replace(shape="two")  # its query tower ends with a Dense
    with pytest.raises(ConfigError, match="found Dense"):
        export(facts, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_normalisation_is_named_as_servers_know_it(facts_of, model_folder, tmp_path):
    facts = facts_of("lora", True)._replace(run=tmp_path / "run", merged=model_folder)
    export(facts, tmp_path / "served")
    modules = json.loads((tmp_path / "served" / "model" / "modules.json").read_text(encoding="utf-8"))
    assert [module["type"].rpartition(".")[2] for module in modules] == ["Transformer", "Pooling", "Normalize"]
    again, before = (SentenceTransformer(str(folder)) for folder in (tmp_path / "served" / "model", model_folder))
    assert again.get_max_seq_length() == before.get_max_seq_length() == 256
    assert np.abs(again.encode(QUERIES[:4]) - before.encode(QUERIES[:4])).max() < 1e-6
