from embedtune.reports.searching import depth, examples, histograms
from tests.reports.sample import report_data


def test_the_main_systems_are_drawn_and_all_are_told():
    drawn = depth(report_data()["hit_rate"])
    assert [line.name for line in drawn["chart"].lines] == [
        "bm25",
        "base",
        "tuned",
        "hybrid_base",
        "hybrid_tuned",
        "other model",
    ]
    assert drawn["shown"] == [1, 3, 5, 10, 20, 50, 100]


def test_no_more_than_three_added_models_are_drawn():
    values = [k / 100 for k in range(1, 101)]
    names = ["base", "rrf_base", *(f"m{number}" for number in range(9))]
    chart = depth({"k": list(range(1, 101)), "systems": dict.fromkeys(names, values)})["chart"]
    assert [line.name for line in chart.lines] == ["base", "m0", "m1", "m2"]


def test_histograms_share_their_height():
    base, tuned = histograms(report_data()["scores"]).values()
    assert (base.right, base.y_ticks) == (tuned.right, tuned.y_ticks)
    assert histograms({"edges": [0, 1], "systems": {}}) == {}


def test_losses_come_first_and_nothing_is_said_where_nothing_changed():
    found = report_data()["examples"]
    told = examples(found)
    assert [title for title, _ in told["groups"]] == ["Biggest losses", "Biggest wins"]
    assert "better than base on 3 queries, worse on 2, the same on 195" in told["sentence"]
    assert [title for title, _ in examples({**found, "losses": []})["groups"]] == ["Biggest wins"]
    assert examples({**found, "losses": [], "wins": []}) is None
    assert examples(None) is None
