from __future__ import annotations

import random

import ir_measures
import pandas as pd
import pytest

from embedtune.errors import ConfigError, DataError
from embedtune.evaluation.report import compare
from embedtune.formats.beir import write_qrels
from embedtune.formats.run_files import write_run

QRELS = {f"q{number}": {f"d{number}": 1} for number in range(40)}


def make_run(share: float) -> dict[str, dict[str, float]]:
    draw = random.Random(1)
    return {
        query: {**{f"d{other}": draw.random() for other in range(40)}, answer: 2.0 if draw.random() < share else 0.5}
        for query, (answer,) in QRELS.items()
    }


RUNS = {"base": make_run(0.2), "tuned": make_run(0.9)}


def test_means_comparisons_and_verdict():
    report = compare(QRELS, RUNS, measures=["ndcg@10", "P@1", "AP"])
    assert list(report) == ["base", "tuned"] and list(report["base"]) == ["ndcg@10", "P@1", "AP"]
    found = report.compare("tuned", "base")
    assert found["P@1"].difference == pytest.approx(report["tuned"]["P@1"] - report["base"]["P@1"])
    assert found["ndcg@10"].better and found["ndcg@10"].p_holm >= found["ndcg@10"].p and found["AP"].detectable > 0
    assert report.verdict.decision == "ship" and "tuned gains" in report.verdict.reasons[0]
    assert report.judge("base", "tuned").decision == "do_not_ship"


def test_clusters_make_the_interval_wider():
    alone = compare(QRELS, RUNS, measures=["P@1"]).compare("tuned", "base")["P@1"]
    labels = {query: f"document {number // 10}" for number, query in enumerate(QRELS)}
    report = compare(QRELS, RUNS, measures=["P@1"], clusters=labels)
    assert report.compare("tuned", "base")["P@1"].n_clusters == 4 and alone.n_clusters == 40
    as_list = compare(QRELS, RUNS, measures=["P@1"], clusters=list(labels.values()))
    assert as_list.compare("tuned", "base") == report.compare("tuned", "base")
    assert report.verdict.decision == "inconclusive"


def test_all_usual_forms_of_judgements_and_runs_say_the_same(tmp_path):
    expected = compare(QRELS, RUNS)
    write_qrels(tmp_path, "test", QRELS)
    trec = tmp_path / "qrels.trec"
    trec.write_text("".join(f"{query} 0 {name} 1\n" for query, row in QRELS.items() for name in row))
    write_run(tmp_path / "tuned.trec", RUNS["tuned"], "tuned")
    objects = [
        ir_measures.ScoredDoc(query, name, score) for query, row in RUNS["base"].items() for name, score in row.items()
    ]
    judged = [ir_measures.Qrel(query, name, 1) for query, row in QRELS.items() for name in row]
    for qrels in (tmp_path / "qrels" / "test.tsv", str(trec), judged, pd.DataFrame(judged)):
        for base in (objects, pd.DataFrame(objects)):
            report = compare(qrels, {"base": base, "tuned": tmp_path / "tuned.trec"})
            assert report.per_query == expected.per_query


def test_prints_as_its_table_and_converts_to_a_frame():
    report = compare(QRELS, RUNS, measures=["nDCG@10", "P@1"])
    lines = str(report).splitlines()
    assert lines[0].split()[:3] == ["system", "nDCG@10", "P@1"] and lines[2].startswith("tuned")
    assert "40 queries; Ship the tuned model" in lines[3] and repr(report) == str(report)
    assert report._repr_html_().count("<tr>") == 3
    frame = report.to_frame()
    assert frame.loc["tuned", "P@1"] == report["tuned"]["P@1"] and list(frame.columns) == ["nDCG@10", "P@1"]


def test_names_are_escaped_in_html():
    assert "<b>" not in compare(QRELS, {"<b>": RUNS["base"]})._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (({}, RUNS), DataError, "expected judged queries"),
        ((QRELS, {}), ConfigError, "at least one run"),
        ((QRELS, {"a": 3}), DataError, "found int"),
        ((["q"], RUNS), DataError, "found list"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        compare(*arguments)


def test_wrong_names_and_labels_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'ndcg@10'"):
        compare(QRELS, RUNS, measures=["ndgc@10"])
    with pytest.raises(ConfigError, match="base, tuned, found 'mine'"):
        compare(QRELS, RUNS)["mine"]
    with pytest.raises(DataError, match="clusters"):
        compare(QRELS, RUNS, clusters=["a"])
    with pytest.raises(ConfigError, match="two systems"):
        _ = compare(QRELS, {"base": RUNS["base"]}).verdict


def test_queries_without_a_relevant_document_are_left_out():
    qrels = {"q1": {"a": 1, "b": -2}, "q2": {"a": 0}, "q3": {"b": -2}, "q4": {"b": 2}}
    runs = {"one": {query: {"a": 2.0, "b": 1.0} for query in qrels}}
    report = compare(qrels, runs, measures=["P@1"], clusters=["x", "y", "y", "z"])
    assert report.per_query["one"]["P@1"] == {"q1": 1.0, "q4": 0.0}
    with pytest.raises(DataError, match="expected a query with a relevant document"):
        compare({"q3": {"b": -2}}, runs)
