from tests.ui.hostile_run import HOSTILE


def test_a_query_shows_every_system_with_marks_and_texts_as_texts(page):
    page.get_by_label("query", exact=True).fill("subject3 " + HOSTILE[3])
    page.get_by_label("passages", exact=True).fill("20")
    page.get_by_label("query", exact=True).press("Enter")
    page.wait_for_selector("#found article")
    names = page.locator("#found h4").all_inner_texts()
    assert [name.split()[0] for name in names] == ["bm25", "base", "tuned", "hybrid_tuned"]
    shown = page.locator("#found section").nth(1).inner_text()
    for text in HOSTILE:
        assert text in shown
    assert page.locator("#found mark").filter(has_text="subject3").count() >= 4
    marks = page.locator("#found section").nth(2).locator(".move").all_inner_texts()
    assert len(marks) == 20
    assert set("".join(marks)) <= set("↑↓=new0123456789")
    page.locator("#found summary").first.click()
    assert page.locator("#found details .whole").first.is_visible()


def test_no_query_is_a_message_and_a_run_of_another_corpus_is_told(page, run):
    page.get_by_role("button", name="Search").click()
    page.get_by_text("query: expected words, found none").wait_for()
    page.get_by_text("Another run beside").click()
    page.locator("#folder input, #folder textarea").fill(str(run))
    page.get_by_role("button", name="Open").click()
    page.get_by_text("expected the corpus of").wait_for()
