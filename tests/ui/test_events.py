from embedtune.ui.events import EVENT


def test_one_event_runs_at_a_time():
    assert EVENT["concurrency_limit"] == 1
    assert EVENT["concurrency_id"]
