"""Hostile texts, titles, ids and queries on their whole way: read from a folder, searched, evaluated, shown."""

import json
import shutil

import pytest

import embedtune
from embedtune.formats.beir import is_identifier
from tests.reports.hostile import TEXTS
from tests.small_runs import make_dataset, train_nothing

READABLE = [text for text in TEXTS if "\0" not in text]  # the reader refuses the others
BODY = "The {0} of number {2} stands beside the {1}; clean the {0} twice. {3}"
WORDS = ("refund", "invoice", "boiler", "filter", "harbour", "lantern", "piano", "telescope", "orchard", "valve")


def identifier(number, text):
    """Return an id with a hostile text in it, where the format of the files allows it."""
    return f"{number} {text}" if is_identifier(text) else str(number)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("hostile")
    source = place / "<b>docs"
    (source / "qrels").mkdir(parents=True)
    corpus = [
        {"_id": identifier(number, text), "title": text, "text": BODY.format(WORDS[number % 10], WORDS[number // 10 % 10], number, text)}
        for number, text in enumerate(READABLE)
    ]  # fmt: skip
    queries = [
        {"_id": identifier(f"q{number}", text), "text": f"number {number} {text}"}
        for number, text in enumerate(READABLE)
    ]
    for name, each in (("corpus", corpus), ("queries", queries)):
        (source / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in each), encoding="utf-8")
    lines = [f"{query['_id']}\t{document['_id']}\t1\n" for query, document in zip(queries, corpus, strict=True)]
    (source / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines), encoding="utf-8")
    run = place / "run"
    base = make_dataset(run, source, place, split={"train": 0.2, "dev": 0.1, "test": 0.7})
    train_nothing(run, base, noise=0.05)
    added = shutil.copytree(base, place / "<svg onload=window.hit=1>")
    embedtune.evaluate(embedtune.EvaluateConfig(queries=(str(source),), models=(str(added),)), run)
    return run


def test_nothing_of_it_is_obeyed(run, browser):
    page = browser.new_page(viewport={"width": 400, "height": 800})
    dialogs, requests, complaints = [], [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    address = (run / "eval" / "report.html").as_uri()
    page.goto(address)
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None
    assert (dialogs, requests, complaints) == ([], [address], [])
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert page.evaluate("document.querySelectorAll('script, img, iframe, link, object').length") == 0
    assert page.evaluate("document.querySelectorAll('.example').length") > 5
    assert "<svg onload=window.hit=1>" in page.evaluate("document.body.textContent")
    page.close()
