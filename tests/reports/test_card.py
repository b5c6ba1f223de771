import re

import yaml

from embedtune.project.evaluation_records import QuerySetRecord
from embedtune.project.records import ModelRecord
from embedtune.reports.card import Card, model_card
from tests.reports.hostile import TEXTS
from tests.reports.sample import hostile_data, report_data


def card(**changes):
    training, metrics = (report_data()[name] for name in ("training", "metrics"))
    record = ModelRecord.model_validate(training | {"losses": []})
    measured = [QuerySetRecord.model_validate(metrics)]
    full = Card("org/model", record, {"query": "query: ", "document": ""}, 128, "0.1.0", 1200, measured)
    return model_card(full._replace(**changes))


def header(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_it_tells_how_to_load_and_what_was_measured():
    text = card()
    assert header(text)["base_model"] == "org/model"
    assert header(text)["library_name"] == "sentence-transformers"
    assert '| prompt of queries | "query: " |' in text
    assert "| prompt of passages | none |" in text
    assert "| tuned | 0.780 |" in text
    assert "+1.2 points of ndcg@10 (95 % interval −1.0 to +3.4, p = 0.21). Verdict: Inconclusive." in text
    assert "Queries and passages were tuned" in text
    assert "\n\n\n" not in text


def test_before_an_evaluation_it_has_dev_alone():
    text = card(results=[])
    assert "## Evaluation" not in text and "`embedtune eval` tells" in text
    assert "| 0.5 | 0.430 |" in text


def test_a_base_that_was_kept_says_so():
    assert "# Base model, kept as it was" in card(record=ModelRecord(shipped="base"))
    lost = {"gain": -0.452, "standard_error": 0.173}
    tried = [{"method": "lora", "reason": "worse than the base; training diverged", **lost}]
    kept = card(record=ModelRecord.model_validate({"shipped": "base", "dev": lost, "candidates": tried}))
    assert "lora changed mean reciprocal rank on dev by -0.452 ± 0.173, worse than the base; training diverged." in kept
    assert "an index of them stays as it is" in card(record=ModelRecord(shipped="tuned", passages="base"))


def test_a_lexical_part_is_explained_and_how_it_loads():
    text = card(record=ModelRecord(shipped="tuned", passages="base", sketch=True, method="hybrid-vector"))
    assert "a lexical part" in text and "bm25_sketch.json" in text
    assert 'SentenceTransformer("FOLDER", trust_remote_code=True)' in text
    kept = card(record=ModelRecord(shipped="base", passages="base", method="hybrid-vector"))
    assert "trust_remote_code" not in kept and "bm25_sketch.json" not in kept


def test_names_of_folders_models_queries_and_sets_are_not_on_it():
    data = report_data(lambda text: f"private {text}")
    text = card(base_model=None, results=[QuerySetRecord.model_validate(data["metrics"])] * 2)
    assert "private" not in text
    assert "base_model" not in header(text)
    assert "This is a local model, tuned with" in text
    assert re.findall(r"## Evaluation.*", text) == ["## Evaluation 1", "## Evaluation 2"]


def test_a_name_that_is_none_of_the_hub_is_not_told():
    for name in ("../secret/place", "/home/ada/model", "a\nb: c/d", "a/b/c"):
        assert "base_model" not in header(card(base_model=name))


def test_hostile_words_stay_words():
    metrics = QuerySetRecord.model_validate(hostile_data(TEXTS)["metrics"])
    text = card(results=[metrics], prompts={"query": "a | b\n# c <script>", "document": ""})
    assert r'"a \| b \# c \<script\>"' in text
    assert "<script>" not in text
