from embedtune.reports.data import HitRates, ScoreHistograms, TrainingData
from embedtune.reports.sections import (
    decision,
    depth,
    differences,
    examples,
    histograms,
    origin,
    slice_groups,
    systems,
    tiles,
    training,
)
from tests.reports.sample import report_data, sample


def test_the_main_systems_are_drawn_and_all_are_told():
    drawn = depth(sample().hit_rate)
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
    chart = depth(HitRates(k=list(range(1, 101)), systems=dict.fromkeys(names, values)))["chart"]
    assert [line.name for line in chart.lines] == ["base", "m0", "m1", "m2"]


def test_histograms_share_their_height():
    base, tuned = histograms(sample().scores).values()
    assert (base.right, base.y_ticks) == (tuned.right, tuned.y_ticks)
    assert histograms(ScoreHistograms(edges=[0, 1], systems={})) == {}


def test_losses_come_first_and_nothing_is_said_where_nothing_changed():
    found = sample().examples
    told = examples(found)
    assert [title for title, _ in told["groups"]] == ["Biggest losses", "Biggest wins"]
    assert "better than base on 3 queries, worse on 2, the same on 195" in told["sentence"]
    assert [title for title, _ in examples(found.model_copy(update={"losses": []}))["groups"]] == ["Biggest wins"]
    assert examples(found.model_copy(update={"losses": [], "wins": []})) is None
    assert examples(None) is None


def test_a_training_has_curves_of_loss_and_dev():
    told = training(sample().training)
    assert "+3.0 ± 1.0 points" in told["sentence"] and "tuned model was shipped, at strength 0.5" in told["sentence"]
    loss, by_step, by_strength = told["charts"]
    assert [line.name for line in loss.lines] == ["loss", "mean of 9 around it"]
    assert by_step.level[1] == by_strength.level[1] == "base"
    assert [tick.label for tick in by_step.x_ticks] == ["10", "20"]


def test_the_running_mean_is_the_mean_of_nine():
    found = report_data()["training"]
    found["losses"] = [(step, 1.0 if step % 2 else 0.0) for step in range(1, 41)]
    jumping, calm = training(TrainingData.model_validate(found))["charts"][0].lines
    heights = [float(part.split()[1]) for part in calm.path[1:].split("L")]
    span = max(float(part.split()[1]) for part in jumping.path[1:].split("L")) - min(
        float(part.split()[1]) for part in jumping.path[1:].split("L")
    )
    assert max(heights) - min(heights) < 0.25 * span


def test_losses_that_were_averaged_say_so_and_few_are_not_smoothed():
    found = report_data()["training"]
    assert (
        training(TrainingData.model_validate({**found, "n_losses": 5000}))["charts"][0].title
        == "Training loss by step, means of 5,000 steps"
    )
    few = training(TrainingData.model_validate({**found, "losses": found["losses"][:5], "n_losses": 5}))["charts"][0]
    assert [line.name for line in few.lines] == ["loss"]


def test_what_was_not_trained_by_steps_has_no_loss_and_an_unknown_training_no_part():
    found = {**report_data()["training"], "losses": [], "n_losses": 0}
    del found["dev"]["by_step"]
    assert [chart.title for chart in training(TrainingData.model_validate(found))["charts"]] == [
        "Dev by strength (mean reciprocal rank)"
    ]
    assert training(TrainingData(shipped="base")) is None


def test_decisions_are_said_in_words_and_unknown_ones_do_not_colour():
    assert decision("use_fusion") == {"words": "Use fusion with BM25", "css": "use_fusion"}
    assert decision('x" y') == {"words": 'x" y', "css": "inconclusive"}


def test_tiles_tell_before_after_and_how_sure():
    first, *others = tiles(sample())
    assert first == {"name": "ndcg@10, base → tuned", "value": "0.760 → 0.780", "note": "+1.2 points (−1.0 to +3.4)"}
    assert [tile["note"] for tile in others] == ["+1.2 points (−1.0 to +3.4)", "other model", "from 30 documents"]


def test_without_a_tuned_model_the_tiles_tell_of_fusion():
    data = report_data()
    for name in ("tuned", "hybrid_tuned", "rrf_tuned"):
        del data["metrics"]["systems"][name]
    assert tiles(sample(**data))[0]["name"] == "ndcg@10, base → hybrid_base"


def test_the_best_of_a_column_is_marked():
    data = report_data()
    rows = systems(sample(), ["ndcg@10"])["rows"]
    assert [row["name"] for row in rows] == list(data["metrics"]["systems"])
    assert [row["cells"][0]["best"] for row in rows] == [False] * 8 + [True]
    assert rows[0]["spoken"] == "0.750, 95 % interval 0.700 to 0.800"


def test_differences_with_bm25_stand_apart():
    groups = differences(sample().metrics.comparisons, "ndcg@10")
    assert [[(row.found.system, row.found.reference) for row in group.rows] for group in groups] == [
        [("tuned", "base"), ("hybrid_base", "base"), ("other model", "base")],
        [("tuned", "bm25")],
    ]


def test_slices_of_a_pair_share_a_scale():
    (group,) = slice_groups(sample().metrics.slices)
    assert list(group.by) == ["kind", "document that answers"]
    kind, document = (rows[0] for rows in group.by.values())
    assert kind.drawn.mid == document.drawn.mid
    assert document.drawn.low is None and document.spoken.endswith("too few queries for an interval")
    assert slice_groups([]) == []


def test_stages_settings_and_versions_are_told():
    told = origin(sample())
    assert told["stages"][0] == {
        "stage": "generate", "started": "2026-11-24T07:17:13Z", "seconds": "12.5", "seed": 3,
        "machine": "Linux, 2 cores, Python 3.11.7",
    }  # fmt: skip
    assert told["stages"][2] == {"stage": "eval", "started": "–", "seconds": "–", "seed": 5, "machine": ""}
    settings = dict(told["settings"])
    assert ("split › train", "0.8") in settings["Settings of generate"]
    assert ("strengths", "0.5, 1.0") in settings["Settings of train"]
    assert ("embedtune", "0.1.0") in settings["Versions"]


def test_values_are_said_in_words():
    data = report_data()
    data["settings"]["eval"] = {"a_b": None, "on": True, "off": False, "empty": []}
    assert dict(origin(sample(**data))["settings"])["Settings of eval"] == [
        ("a b", "not set"), ("on", "yes"), ("off", "no"), ("empty", "none"),
    ]  # fmt: skip


def test_the_dataset_is_told_in_a_sentence():
    told = origin(sample())["dataset"]
    assert "40 documents were read and 1 skipped" in told
    assert "train 900 (900 span)" in told and "test 0 (none)" in told
    assert "would lose 25.0\N{NO-BREAK SPACE}% of all" in told
