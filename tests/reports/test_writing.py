"""The files of a report, beside a real evaluation and at the size that it is promised for."""

import json
import random

import pytest

from embedtune.evaluation.comparisons import summarise
from embedtune.evaluation.measures import means, per_query
from embedtune.project.evaluation_records import QuerySetRecord
from embedtune.reports.data import Background, ReportData
from embedtune.reports.writing import Reporter, as_html
from embedtune.types import Passage, Query, QuerySet
from tests.reports.sample import report_data

N = 1000
SHARED = {
    name: value
    for name, value in report_data().items()
    if name in ("title", "base_model", "dataset", "training", "llm", "settings", "versions", "made")
}
WORDS = [f"{first}{last}" for first in ("ba", "ke", "li", "mo", "tu") for last in ("nd", "rk", "st", "lm", "pp", "zz")]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A thousand queries over as many long passages of thirty documents, four systems."""
    draw = random.Random(0)
    passages = [
        Passage(f"p-{n}", f"a folder of documents/document {n // 34}.md", "A title › " * 5, " ".join(draw.choices(WORDS, k=300)), 0, 9)
        for n in range(N)
    ]  # fmt: skip
    queries = QuerySet(
        "mine",
        [Query(f"q-{n}", " ".join(draw.choices(WORDS, k=12)), draw.choice(("span", "heading"))) for n in range(N)],
        {f"q-{n}": {f"p-{n}": 1} for n in range(N)},
        "passage",
    )
    runs = {
        system: {
            f"q-{n}": {f"p-{unit}": draw.random() for unit in {*draw.sample(range(N), 99), n}}
            | {f"p-{n}": draw.random() + 0.4}
            for n in range(N)
        }
        for system in ("bm25", "base", "tuned", "hybrid_base")
    }
    values = {system: per_query(queries.qrels, run) for system, run in runs.items()}
    summary = summarise(values, runs["bm25"], queries, passages, seed=0)._asdict()
    metrics = QuerySetRecord(
        queries="mine", n_queries=N, judged_unit="passage", shipped="tuned", audits=[],
        systems={system: means(each) for system, each in values.items()},
        **{name: value for name, value in summary.items() if value},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("report")
    Reporter(Background.model_validate(SHARED), passages, seed=0).write(folder, queries, runs, values, metrics)
    return folder


def test_a_thousand_queries_stay_under_two_megabytes(written):
    assert 30_000 < (written / "report.html").stat().st_size < 2_000_000
    data = json.loads((written / "report.json").read_text())
    assert len(data["examples"]["losses"]) == len(data["examples"]["wins"]) == 10
    assert data["metrics"]["slices"]


def test_the_page_is_made_of_the_json_alone(written):
    data = json.loads((written / "report.json").read_text())
    assert as_html(ReportData.model_validate(data)) == (written / "report.html").read_text()
    assert data["schema_version"] == 1


def test_the_figures_are_those_of_the_evaluation(written):
    data = json.loads((written / "report.json").read_text())
    for system, values in data["metrics"]["systems"].items():
        assert data["hit_rate"]["systems"][system][4] == pytest.approx(values["hit_rate@5"], abs=1e-6)
        low, high = data["intervals"]["systems"][system]
        assert low < values["ndcg@10"] < high
