from embedtune.reports.tuning import training
from tests.reports.sample import report_data


def test_a_training_has_curves_of_loss_and_dev():
    told = training(report_data()["training"])
    assert "+3.0 ± 1.0 points" in told["sentence"] and "tuned model was shipped, at strength 0.5" in told["sentence"]
    loss, by_step, by_strength = told["charts"]
    assert [line.name for line in loss.lines] == ["loss", "mean of 9 around it"]
    assert by_step.level[1] == by_strength.level[1] == "base"
    assert [tick.label for tick in by_step.x_ticks] == ["10", "20"]


def test_the_running_mean_is_the_mean_of_nine():
    found = report_data()["training"]
    found["losses"] = [(step, 1.0 if step % 2 else 0.0) for step in range(1, 41)]
    jumping, calm = training(found)["charts"][0].lines
    heights = [float(part.split()[1]) for part in calm.path[1:].split("L")]
    span = max(float(part.split()[1]) for part in jumping.path[1:].split("L")) - min(
        float(part.split()[1]) for part in jumping.path[1:].split("L")
    )
    assert max(heights) - min(heights) < 0.25 * span


def test_losses_that_were_averaged_say_so_and_few_are_not_smoothed():
    found = report_data()["training"]
    assert training({**found, "n_losses": 5000})["charts"][0].title == "Training loss by step, means of 5,000 steps"
    few = training({**found, "losses": found["losses"][:5], "n_losses": 5})["charts"][0]
    assert [line.name for line in few.lines] == ["loss"]


def test_what_was_not_trained_by_steps_has_no_loss_and_an_unknown_training_no_part():
    found = {**report_data()["training"], "losses": [], "n_losses": 0}
    del found["dev"]["by_step"]
    assert [chart.title for chart in training(found)["charts"]] == ["Dev by strength (mean reciprocal rank)"]
    assert training({"shipped": "base", "attempts": [], "losses": [], "n_losses": 0}) is None
