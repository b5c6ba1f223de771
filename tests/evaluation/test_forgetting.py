from __future__ import annotations

import json
from copy import deepcopy

import pytest
import torch

from embedtune import resources
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.errors import ConfigError, DataError
from embedtune.evaluation.forgetting import MEASURES, measure_forgetting, strengths_between
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.locate import find_model

CORPUS = {
    "tea": "Green tea turns bitter when the water is too hot; eighty degrees are enough.",
    "rent": "The tenant pays for heating, the landlord for the roof.",
    "owl": "An owl hears a mouse under the snow because its ears sit at different heights.",
}
QUERIES = {"q1": ("how hot should water for sencha be", "tea"), "q2": ("who repairs the roof of a flat", "rent")}


def write_beir(folder, qrels=None):
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": name, "text": text}) for name, text in CORPUS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    lines = [json.dumps({"_id": name, "text": text}) for name, (text, _) in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n")
    rows = [f"{query}\t{found}\t1" for query, (_, found) in QUERIES.items()] if qrels is None else qrels
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def base():
    return Encoder(load_model(find_model(DEFAULT_MODEL)))


@pytest.fixture(scope="module")
def damaged(base):
    """Return the base after a fall: every matrix with noise on it."""
    model = deepcopy(base.model)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.add_(0.06 * torch.randn(weight.shape, generator=generator))
    return Encoder(model)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Put three passages in the place of the general set."""
    folder = write_beir(tmp_path / "general")
    monkeypatch.setattr(resources, "GENERAL_SET", folder)
    return folder


def test_the_general_set_shows_damage(base, damaged, monkeypatch):
    monkeypatch.setattr(resources, "GENERAL_SET", resources.find_query_set("general"))  # all of it
    found = measure_forgetting(base, damaged)
    general = found.sets["general"]
    assert (general.n_passages, general.n_queries) == (150, 150)
    assert 0.75 < general.measures["ndcg@10"].reference_mean < 0.95
    assert general.measures["ndcg@10"].difference < -0.05
    assert found.severity == general.severity == "warn"
    assert "has forgotten: ndcg@10 on general goes from 0.823" in general.sentence


def test_a_model_forgets_nothing_against_itself(base, small):
    found = measure_forgetting(base, base).sets["general"]
    assert found.curve == []
    assert found.drift.as_json() == {"passage_cosine": 1.0, "query_cosine": 1.0, "top10_overlap": 1.0, "top10_rbo": 1.0}
    assert {row.difference for row in found.measures.values()} == {0.0}
    assert found.severity == "note"  # two queries rule nothing out


def test_the_curve_ends_at_base_and_tuned(base, damaged, small):
    asked = []
    between = strengths_between(base, damaged)
    found = measure_forgetting(base, damaged, at_strength=lambda strength: asked.append(strength) or between(strength))
    general = found.sets["general"]
    assert asked == [0.25, 0.5, 0.75]
    assert [row["strength"] for row in general.curve] == found.strengths == [0.0, 0.25, 0.5, 0.75, 1.0]
    for name in MEASURES:
        assert general.curve[0][name] == general.measures[name].reference_mean
        assert general.curve[-1][name] == general.measures[name].mean


def test_half_way_lies_between(base, damaged):
    texts = list(CORPUS.values())
    ends = [encoder.encode_documents(texts) for encoder in (base, damaged)]
    half = strengths_between(base, damaged)(0.5).encode_documents(texts)
    cosines = [(half * end).sum(axis=1).mean() for end in (*ends,)]
    assert min(cosines) > (ends[0] * ends[1]).sum(axis=1).mean()


def test_folders_of_your_own_are_measured_too(base, small, tmp_path):
    mine = write_beir(tmp_path / "mine")
    again = write_beir(tmp_path / "other" / "mine")
    found = measure_forgetting(base, base, extra_sets=[mine, again])
    assert list(found.sets) == ["general", "mine", str(again)]


def test_a_folder_without_test_queries_is_refused(base, small, tmp_path):
    folder = write_beir(tmp_path / "mine")
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    with pytest.raises(DataError, match=r"mine: expected a BEIR folder with qrels/test.tsv, found splits: dev"):
        measure_forgetting(base, base, extra_sets=[folder])


def test_judgements_of_nothing_here_are_refused(base, small, tmp_path):
    with pytest.raises(DataError, match="expected judgements of documents of this corpus"):
        measure_forgetting(base, base, extra_sets=[write_beir(tmp_path / "mine", ["q1\tgone\t1"])])


def test_a_strength_outside_the_line_is_refused(base, small):
    with pytest.raises(ConfigError, match=r"strengths from 0 to 1, found 1\.5"):
        measure_forgetting(base, base, strengths=(0.0, 1.5))
