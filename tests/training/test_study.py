"""Trials of a study: proposed anew wherever it was interrupted, broken off below the median, and kept in a file."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from embedtune.errors import DataError
from embedtune.training.study import PrunedError, Study, best_of

SPACE = {
    "learning_rate": (FloatDistribution(1e-4, 1e-2, log=True), 5e-4),
    "epochs": (IntDistribution(1, 3), 1),
    "lora_rank": (CategoricalDistribution([4, 16]), 8),  # what train would take is none of them
}


def open_study(folder, seed=0):
    return Study(folder / "study.sqlite", "mine", SPACE, seed=seed)


def score(proposed):
    return proposed["learning_rate"] * 10 + proposed["epochs"] / 100


def go_on(study, n):
    while study.ended < n:
        trial = study.next()
        trial.end(score(trial.proposed))
    return study.records()


def test_a_study_that_stopped_proposes_what_an_undisturbed_one_does(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "a b#?%20c"  # the name is no part of an address
    whole.mkdir(), broken.mkdir()
    expected = go_on(open_study(whole), 9)
    go_on(open_study(broken), 2)
    begun = open_study(broken).next()  # and never ended
    again = open_study(broken).next()
    assert (again.number, again.proposed) == (begun.number, begun.proposed) == (2, expected[2].settings)
    assert go_on(open_study(broken), 9) == expected
    assert expected[0].settings["learning_rate"] == 5e-4 and expected[0].settings["epochs"] == 1
    assert expected[0].settings["lora_rank"] in (4, 16)
    assert len({str(trial.settings) for trial in expected}) > 6
    best = best_of(expected)
    assert best.score == max(trial.score for trial in expected) == round(score(best.settings), 4)


def test_a_trial_below_the_median_is_broken_off_and_one_that_goes_on_brings_its_scores_again(tmp_path):
    study = open_study(tmp_path)
    for _ in range(4):
        trial = study.next()
        trial.see(0.5)
        trial.end(0.6)
    trial = study.next()
    trial.see(0.55)
    trial = open_study(tmp_path).next()
    trial.see(0.55)
    trial.end(0.7)
    trial = study.next()
    with pytest.raises(PrunedError):
        trial.see(0.4)
    trial.prune()
    trial = study.next()
    trial.fail("the loss was not finite")
    *_, pruned, failed = study.records()
    assert (pruned.state, pruned.score, pruned.number) == ("pruned", 0.4, 5)
    assert (failed.state, failed.score, failed.reason) == ("failed", None, "the loss was not finite")
    assert best_of(study.records()).number == 4
    assert best_of([pruned, failed]) is None


def test_of_equal_trials_the_first_is_best(tmp_path):
    study = open_study(tmp_path)
    for _ in range(2):
        study.next().end(0.5)
    assert best_of(study.records()).number == 0


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at" * 20, None])
def test_a_file_that_is_no_study_is_told(tmp_path, content):
    file = tmp_path / "study.sqlite"
    file.write_bytes(content) if content else file.mkdir()
    with pytest.raises(DataError, match="expected the study of a search, found: ") as error:
        open_study(tmp_path)
    assert error.value.hint == "search again with --force"
