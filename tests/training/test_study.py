"""Trials of a study: proposed anew wherever it was interrupted, broken off below the median, and kept in a file."""

import sqlite3
from contextlib import closing

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


_ENDLESS = (
    "ALTER TABLE trials RENAME TO kept",
    "CREATE VIEW trials AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
    "SELECT x AS trial_id, x AS number, 1 AS study_id, 'COMPLETE' AS state, NULL AS datetime_start, "
    "NULL AS datetime_complete FROM c",
)


@pytest.mark.parametrize(
    "statements",
    [
        _ENDLESS,
        ["CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END"],
        ["UPDATE trial_params SET distribution_json = '{'"],
        ["UPDATE trial_params SET distribution_json = '[]'"],
        ["UPDATE trial_params SET param_name = 'trust_remote_code' WHERE param_name = 'lora_rank'"],
        ["UPDATE trial_params SET param_value = 77 WHERE param_name = 'lora_rank'"],
        ["DELETE FROM trial_params"],
        ["UPDATE trial_values SET value = 'high'"],
        ["UPDATE trial_values SET value = 1e300"],
        ["UPDATE trial_values SET value = NULL, value_type = 'INF_POS'"],
        ["UPDATE trials SET state = 'DANCING'"],
        ["UPDATE trials SET number = number + 5"],
        ["UPDATE trials SET number = NULL"],
        ["UPDATE trials SET datetime_start = 'yesterday'"],
        ["UPDATE study_directions SET direction = 'MINIMIZE'"],
        ["INSERT INTO study_directions (direction, study_id, objective) VALUES ('MINIMIZE', 1, 1)"],
        ["INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (1, 'reason', '{')"],
        ["INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (1, 'reason', '[1]')"],
    ],
    ids=lambda statements: statements[-1][:50],
)
def test_a_study_that_somebody_else_wrote_is_refused(tmp_path, statements):
    go_on(open_study(tmp_path), 2)
    with closing(sqlite3.connect(tmp_path / "study.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with pytest.raises(DataError, match=r"study\.sqlite: expected the study of a search, found: "):
        open_study(tmp_path)
