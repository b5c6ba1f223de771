"""The whole way in a browser: an empty home, documents dropped, advice, a run, its verdict, judged queries to evaluate and train on."""

from __future__ import annotations

import re
import time

import pytest

from embedtune.formats import beir
from embedtune.project.evaluation_records import EvaluationRecord
from embedtune.project.manifest import verify
from embedtune.project.records import DatasetRecord
from tests.faults.kill_runs import make_model
from tests.ui.conftest import opened, serving

DROP = """
(files) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) transfer.items.add(new File([text], name, { type: "text/plain" }));
  const drop = document.getElementById("drop");
  for (const type of ["dragenter", "dragover", "drop"])
    drop.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""
PATIENCE = 170_000  # milliseconds, of one piece of work on a busy machine


@pytest.fixture
def thirty(documents, manual, help_article):
    """Return names and texts of thirty documents."""
    texts = [(document.document_id, document.text) for document in (*documents, manual, help_article)]
    return [*texts, *((f"again {name}", text) for name, text in texts[:2])]


@pytest.mark.slow
def test_from_dropped_documents_to_a_verdict_on_judged_queries(browser, tmp_path, thirty):
    make_model(tmp_path / "base")
    started = time.monotonic()
    with serving(tmp_path) as served, opened(browser, served) as page:
        page.set_default_timeout(PATIENCE)
        page.get_by_role("link", name="Make the first run").click()
        page.evaluate(DROP, thirty)
        page.get_by_text("30 files copied to documents").wait_for()
        assert len(list((tmp_path / "documents").iterdir())) == 30
        page.get_by_label("model", exact=True).fill("base/model")
        page.get_by_label("window tokens").fill("48")
        page.get_by_label("max pairs").fill("64")
        page.locator("#recipe").filter(has_text="max_pairs: 64").wait_for()
        assert page.locator("#command").inner_text() == "embedtune run --config runs/run/recipe.yaml"

        page.get_by_role("button", name="Advise first").click()
        page.locator("#advice").wait_for()
        page.get_by_role("button", name="Start the run").click()
        page.locator(".status.working").wait_for()
        page.reload()  # a page that is opened again finds the work
        page.locator(".status.done").wait_for()
        assert page.locator(".stages .badge.ok").count() == 3
        assert "30 documents read, 0 not read" in page.locator(".stages").inner_text()
        assert page.locator(".charts figure").count() == 2

        page.get_by_role("link", name="See the results").click()
        assert page.locator(".verdict h2").inner_text()
        page.get_by_role("navigation", name="this run").get_by_role("link", name="Search").click()
        page.get_by_label("query", exact=True).fill("when is the battery of the smoke alarm changed")
        page.get_by_role("button", name="Search").click()
        page.locator("#found article").first.wait_for()
        names = page.locator("#found h3").all_inner_texts()
        assert [name.split()[0] for name in names][:2] == ["base", "bm25"]
        assert any(name.startswith("rerank_") for name in names)

        page.get_by_role("link", name="Judge", exact=True).click()
        assert "Build a test set" in page.locator("#task").inner_text()
        page.locator("#new-queries").fill("smoke alarm battery\nsmoke alarm  Battery\nwho repairs a broken drum")
        page.get_by_role("button", name="Look at them").click()
        assert page.locator("#listed tbody tr").count() == 2
        page.get_by_role("button", name="Judge these").click()
        page.locator("#task[data-keys]").wait_for()
        page.wait_for_load_state()  # keys are heard once the page's script has run
        for key, number in (("r", 2), ("n", 3), ("n", 4)):
            page.keyboard.press(key)
            page.locator("#task").get_by_text(re.compile(f"passage {number} of")).wait_for()
        (grades,) = beir.read_qrels(tmp_path / "runs" / "run" / "judgements" / "qrels" / "test.tsv").values()
        assert sorted(grades.values()) == [0, 0, 1]
        page.get_by_role("button", name="Evaluate on them").click()
        page.locator(".status.done").wait_for()

        page.goto(f"{served.base}/judge?run=runs/run")
        while page.locator("#task article").count():
            page.locator("#task button[value=relevant]").click()
        page.get_by_role("button", name="Train a new run on them").click()
        page.locator(".status.done").wait_for()
    record = verify(tmp_path / "runs" / "run" / "eval", EvaluationRecord).record
    assert (record.only.queries, record.only.n_queries) == ("judgements", 1)
    learned = verify(tmp_path / "runs" / "run-judged" / "dataset", DatasetRecord).record
    assert sum(kinds.get("source", 0) for kinds in learned.queries.values()) == 2
    print(f"the whole way took {time.monotonic() - started:.0f} s")
