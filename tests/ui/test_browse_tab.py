from tests.ui.hostile_run import HOSTILE


def choose(page, label, option):
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_gains_and_losses_are_chosen_and_a_click_shows_both_lists(page):
    page.get_by_role("tab", name="Browse").click()
    page.locator("#changes label").first.wait_for()
    gains = page.locator("#changes label").all_inner_texts()
    assert all(row.startswith("+") for row in gains)
    page.locator("#changes label").first.click()
    page.wait_for_selector("#view article")
    assert [name.split()[0] for name in page.locator("#view h4").all_inner_texts()] == ["base", "tuned"]
    assert page.locator("#view article.relevant").count() == 2
    assert page.locator("#view h3").inner_text() in {f"subject{n} {text}" for n, text in enumerate(HOSTILE)}
    page.get_by_label("losses").click()
    page.locator("#changes label").filter(has_text="-").first.wait_for()
    losses = page.locator("#changes label").all_inner_texts()
    assert all(row.startswith("-") for row in losses)
    assert page.locator("#view article").count() == 0
    choose(page, "slice", "length: 9+ (7)")
    page.get_by_text("7 queries: ").wait_for()
    choose(page, "measure", "recall@100")
    page.get_by_text("7 equal; mean +0.0 points.").wait_for()
    assert page.locator("#changes label").count() == 0
