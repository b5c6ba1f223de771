import embedtune
from embedtune.formats import beir
from tests.ui.hostile_run import HOSTILE


def say(page, name):
    page.wait_for_timeout(320)  # sooner is a double click
    page.get_by_role("button", name=name, exact=True).click()


def test_clicks_become_a_test_set_that_eval_takes(page, served):
    page.get_by_role("tab", name="Judge").click()
    queries = [f"subject{number} {HOSTILE[number]}" for number in (2, 13)]
    page.locator("#asked textarea").fill("\n".join(queries))
    page.get_by_role("button", name="Judge these").click()
    page.locator("#task").get_by_text("passage 1 of").wait_for()
    assert page.locator("#task h3").inner_text() == queries[0]
    total = int(page.locator("#task .note").inner_text().split(":")[0].split()[-1])
    for number, name in enumerate(("Relevant", "Not relevant", "Skip"), start=2):
        say(page, name)
        page.locator("#task").get_by_text(f"passage {number} of {total}").wait_for()
    page.get_by_role("button", name="Back").click()
    page.locator("#task").get_by_text(f"passage 3 of {total}").wait_for()
    for number in range(4, total + 1):
        say(page, "Not relevant")
        page.locator("#task").get_by_text(f"passage {number} of {total}").wait_for()
    say(page, "Relevant")
    page.locator("#task h3").filter(has_text="subject13").wait_for()
    assert "1 query judged" in page.locator("#progress").inner_text()
    (grades,) = beir.read_qrels(served.judgements / "qrels" / "test.tsv").values()
    assert sorted(grades.values()) == [0] * (total - 2) + [1, 1]
    assert [query.text for query in beir.read_queries(served.judgements)] == queries
    page.reload()
    page.get_by_role("tab", name="Judge").click()
    page.locator("#task h3").filter(has_text="subject13").wait_for()

    record = embedtune.evaluate(
        embedtune.EvaluateConfig(queries=[str(served.judgements)], precision="fp32"), served.run
    ).record.only
    assert (record.n_queries, record.judged_unit) == (1, "passage")
    assert record.systems["base"]["recall@100"] == 1.0


def test_a_double_click_judges_one_passage(page, served):
    page.get_by_role("tab", name="Judge").click()
    page.locator("#asked textarea").fill("a query of its own")
    page.get_by_role("button", name="Judge these").click()
    page.locator("#task h3").filter(has_text="a query of its own").wait_for()
    page.wait_for_timeout(320)
    page.get_by_role("button", name="Not relevant").dblclick(delay=10)
    page.locator("#task").get_by_text("passage 2 of").wait_for()
    page.wait_for_timeout(320)
    query_id = beir.read_queries(served.judgements)[-1].query_id
    assert len(beir.read_qrels(served.judgements / "qrels" / "test.tsv")[query_id]) == 1
    say(page, "Back")
    page.locator("#task").get_by_text("passage 1 of").wait_for()
