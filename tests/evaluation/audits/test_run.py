from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.dataset import Dataset
from embedtune.evaluation.audits.models import Prompts
from embedtune.evaluation.audits.run import audit, plain_run, prompts_between
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.locate import find_model
from embedtune.retrieval.searcher import units_of
from embedtune.retrieval.windows import Windows
from embedtune.types import Passage, Query, QuerySet

WORDS = SimpleNamespace(window=8, token_offsets=lambda text: [match.span() for match in re.finditer(r"\S+", text)])
LONG = "Fill the tank with cold water up to the line. Rinse the bowl twice with hot water."


def passage(name, text, document=None):
    return Passage(name, document or f"d-{name}", "", text, 0, len(text))


def labelled(qrels, texts, kind="span", judged_unit="passage"):
    return QuerySet("mine", [Query(name, texts.get(name, name), kind) for name in qrels], qrels, judged_unit)


def dataset(passages, train):
    empty = QuerySet("", [], {}, "passage")
    return Dataset(passages, {"train": train, "dev": empty, "test": empty})


def run(**lists):
    return {query: {name: -float(rank) for rank, name in enumerate(ids.split())} for query, ids in lists.items()}


def by_name(found):
    return {audit.name: audit for audit in found}


@pytest.fixture
def corpus():
    return [
        passage("a", "Lift the handle."),
        passage("b", "Lift the handle."),
        passage("c", LONG),
        passage("e", "Wait."),
    ]


def test_a_sound_evaluation_has_nothing_to_report():
    passages = [passage("a", "Lift the handle."), passage("e", "Wait.")]
    train = labelled({"t": {"e": 1}}, {"t": "how long"})
    found = audit(dataset(passages, train), labelled({"q": {"a": 1}}, {}), {"base": run(q="a e")}, WORDS)
    assert [record.name for record in found] == ["same_text", "equal_negatives", "unanswered", "leakage", "truncation"]
    assert {record.severity for record in found} == {"ok"}
    json.dumps([record.as_json() for record in found])


def test_defects_are_found_in_the_queries_as_they_were_judged(corpus):
    train = labelled({"t": {"c": 1}}, {"t": "lift handle up"})
    asked = labelled({"q": {"a": 1}, "r": {"c": 1}, "s": {"gone": 1}}, {"q": "up lift handle", "r": "rinse the bowl"})
    runs = {"base": run(q="b a c", r="c a", s="a"), "tuned": run(q="a b c", r="c a", s="a"), "bm25": run(q="a")}
    found = by_name(audit(dataset(corpus, train), asked, runs, WORDS, query_cosine=0.9))
    assert {name: record.n_affected for name, record in found.items()} == {
        "same_text": 1,
        "equal_negatives": 0,
        "unanswered": 1,
        "leakage": 2,
        "truncation": 1,
        "unchanged": 2,
    }
    # one judgement for a and b: base and tuned both find both first, and the gain that was a matter of the id is gone
    assert found["same_text"].score_impact == pytest.approx(100 * (1 - 0.63093) / 3, abs=1e-2)
    assert found["same_text"].gain_impact == pytest.approx(-100 * (1 - 0.63093) / 3, abs=1e-2)


@pytest.mark.parametrize("kind", ["source", "typed"])
def test_queries_of_people_may_ask_for_text_that_was_trained_on(corpus, kind):
    train = labelled({"t": {"c": 1}}, {"t": "water"})
    asked = labelled({"r": {"c": 1}}, {"r": "rinse the bowl"}, kind=kind)
    found = by_name(audit(dataset(corpus, train), asked, {"base": run(r="c")}, WORDS))
    assert found["leakage"].severity == "ok"
    assert "is meant here" in found["leakage"].sentence


def test_a_near_copy_of_an_answer_is_a_leak_too():
    words = " ".join(f"w{number}" for number in range(40))
    passages = [passage("a", words), passage("b", f"{words} more")]
    train = labelled({"t": {"a": 1}}, {"t": "x"})
    found = by_name(audit(dataset(passages, train), labelled({"q": {"b": 1}}, {}), {"base": run(q="b a")}, WORDS))
    assert found["leakage"].n_affected == 1


def test_documents_are_judged_by_all_their_passages():
    passages = [passage("a", LONG, "one"), passage("b", "Wait.", "one"), passage("c", "Go on.", "two")]
    asked = labelled({"q": {"one": 1}}, {"q": "twice the bowl"}, judged_unit="document")
    found = by_name(audit(dataset(passages, labelled({}, {})), asked, {"base": run(q="one two")}, WORDS))
    assert found["truncation"].n_affected == 1
    assert found["unanswered"].severity == "ok"


def test_prompts_are_audited_where_they_are_given(corpus):
    asked = labelled({"r": {"c": 1}}, {})
    prompts = Prompts({}, {"query": "query: "}, {})
    found = audit(dataset(corpus, labelled({}, {})), asked, {"base": run(r="c")}, WORDS, prompts=prompts)
    assert (found[-1].name, found[-1].severity) == ("prompts", "warn")


def save_prompts(folder, **prompts):
    folder.mkdir()
    saved = {"prompts": prompts, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(saved))
    return folder


def test_prompts_are_read_from_the_folders_and_the_settings(tmp_path):
    base = save_prompts(tmp_path / "base", query="a", document="b")
    shipped = save_prompts(tmp_path / "shipped", query="c", document="")
    found = prompts_between(base, shipped, query_prompt="c", document_prompt=None)
    assert found == Prompts(
        base={"query": "a", "document": "b"}, used={"query": "c", "document": "b"}, saved={"query": "c"}
    )
    none = prompts_between(tmp_path, tmp_path, query_prompt="", document_prompt=None)
    assert none == Prompts(base={}, used={"query": "", "document": ""}, saved={})


@pytest.fixture(scope="module")
def encoder():
    return Encoder(load_model(find_model(DEFAULT_MODEL), query_prompt="query: "))


def test_bare_queries_are_encoded_without_prompt(encoder):
    bare = encoder.encode_queries_without_prompt(["frost"])
    assert np.allclose(bare, encoder.encode_documents(["frost"]), atol=1e-6)
    assert not np.allclose(bare, encoder.encode_queries(["frost"]), atol=1e-3)
    assert encoder.model.prompts["query"] == "query: "


def test_a_plain_run_sees_the_beginning_of_long_passages_alone(encoder):
    filler = "The sea was calm that day. " * 60
    passages = [passage("a", f"{filler}Descale the espresso machine monthly."), passage("e", "Coffee is a drink.")]
    windows = Windows([filler, "Descale the espresso machine monthly.", passages[1].text], np.array([0, 2]))
    queries, vectors = encoder.encode_queries(["espresso machine descaling"]), encoder.encode_documents(windows.texts)
    options = {"windows": windows, "units": units_of(passages, "passage"), "depth": 2}
    found = plain_run(encoder.encode_documents, passages, ["q"], queries, vectors, **options)
    assert max(found["q"], key=found["q"].get) == "e"
    assert found["q"]["a"] == pytest.approx((queries @ encoder.encode_documents([passages[0].text]).T).item(), abs=1e-5)
