from embedtune.reports.comparing import decision, differences, slice_groups, systems, tiles
from tests.reports.sample import report_data


def test_decisions_are_said_in_words_and_unknown_ones_do_not_colour():
    assert decision("use_fusion") == {"words": "Use fusion with BM25", "css": "use_fusion"}
    assert decision('x" y') == {"words": 'x" y', "css": "inconclusive"}


def test_tiles_tell_before_after_and_how_sure():
    first, *others = tiles(report_data())
    assert first == {"name": "ndcg@10, base → tuned", "value": "0.760 → 0.780", "note": "+1.2 points (−1.0 to +3.4)"}
    assert [tile["note"] for tile in others] == ["+1.2 points (−1.0 to +3.4)", "other model", "from 30 documents"]


def test_without_a_tuned_model_the_tiles_tell_of_fusion():
    data = report_data()
    del data["metrics"]["systems"]["tuned"]
    assert tiles(data)[0]["name"] == "ndcg@10, base → hybrid_base"


def test_the_best_of_a_column_is_marked():
    data = report_data()
    rows = systems(data, ["ndcg@10"])["rows"]
    assert [row["name"] for row in rows] == list(data["metrics"]["systems"])
    assert [row["cells"][0]["best"] for row in rows] == [False] * 8 + [True]
    assert rows[0]["spoken"] == "0.750, 95 % interval 0.700 to 0.800"


def test_differences_with_bm25_stand_apart():
    groups = differences(report_data()["metrics"]["comparisons"], "ndcg@10")
    assert [[(row["a"], row["b"]) for row in group["rows"]] for group in groups] == [
        [("tuned", "base"), ("hybrid_base", "base"), ("other model", "base")],
        [("tuned", "bm25")],
    ]


def test_slices_of_a_pair_share_a_scale():
    (group,) = slice_groups(report_data()["metrics"]["slices"])
    assert list(group["by"]) == ["kind", "document that answers"]
    kind, document = (rows[0] for rows in group["by"].values())
    assert kind["drawn"].mid == document["drawn"].mid
    assert document["drawn"].low is None and document["spoken"].endswith("too few queries for an interval")
    assert slice_groups([]) == []
