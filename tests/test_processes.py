import os

import pytest

from embedtune.errors import ConfigError, DataError, ResourceError
from embedtune.processes import Place, demand_first, from_first, gather, here, is_first, launched, share, together
from tests.forks import in_forks


def test_a_process_alone_is_the_first_of_one():
    with together():
        assert launched() == here() == Place(0, 1)
        assert is_first()
        assert gather("a") == ["a"]
        assert from_first(lambda: "b") == "b"
    demand_first("runs/mine")


@pytest.mark.parametrize(
    ("rank", "size", "named"),
    [("abc", "2", "RANK"), ("", "2", "RANK"), ("-1", "2", "RANK"), ("9" * 5000, "2", "RANK"), ("²", "2", "RANK"),
     ("0", "-1", "WORLD_SIZE"), ("0", "1e3", "WORLD_SIZE"), ("2", "2", "RANK"), ("0", "0", "RANK")],
    ids=lambda text: text[:5],
)  # fmt: skip
def test_an_environment_that_torchrun_did_not_set_is_refused(monkeypatch, invoke, tmp_path, rank, size, named):
    for name, text in (("TORCHELASTIC_RUN_ID", "none"), ("RANK", rank), ("WORLD_SIZE", size)):
        monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError, match=f"^{named}: expected"):
        launched()
    code, _, err = invoke("status", tmp_path)
    assert code in (2, 3) and "expected" in err and "Traceback" not in err


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (2, 2), (7, 7)])
def test_shares_are_all_rows_in_order_and_even(rows, size):
    shares = [share(range(rows), Place(rank, size)) for rank in range(size)]
    assert [row for each in shares for row in each] == [*range(rows)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_processes_tell_each_other_values_and_errors():
    def talk():
        with together():
            told = from_first(lambda: os.environ["RANK"]), gather(launched().rank)

            def fail():
                raise DataError("nothing to train on", hint="add documents")

            try:
                from_first(fail)
            except DataError as error:
                return here(), told, str(error), error.hint

    said = ("0", [0, 1]), "nothing to train on", "add documents"
    assert in_forks(2, talk) == [(Place(0, 2), *said), (Place(1, 2), *said)]


def test_a_process_that_ends_is_noticed_by_the_others():
    def leave_or_wait():
        with together():
            gather("all are here")
            if is_first():
                return "gone"
            gather("never answered")
        return None

    def report():
        try:
            return leave_or_wait()
        except ResourceError as error:
            return str(error)

    assert in_forks(2, report) == ["gone", "process 1 of 2: expected the others to work on, found that one has ended"]


def test_processes_may_work_together_twice():
    def twice():
        for _ in range(2):
            with together():
                found = gather(launched().rank)
        return found

    assert in_forks(2, twice) == [[0, 1]] * 2


def test_another_process_than_the_first_may_not_work_alone(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"runs/mine: expected one process, found number 1 of 4") as caught:
        demand_first("runs/mine")
    assert "embedtune train" in caught.value.hint
