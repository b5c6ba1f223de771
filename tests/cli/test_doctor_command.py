"""``embedtune doctor`` as a user types it."""

import json

import pytest
from click.testing import CliRunner

from embedtune import cli, doctor
from embedtune.doctor import Row


@pytest.fixture
def invoke(monkeypatch):
    def call(rows, *arguments):
        monkeypatch.setattr(doctor, "examine", lambda run: rows)
        return CliRunner().invoke(cli.group, ["doctor", *arguments])

    return call


GOOD = [Row("python", "ok", "3.11"), Row("gpu", "warn", "none", "buy one")]


def test_the_table_has_a_row_for_each_check_and_what_to_do_next(invoke):
    done = invoke(GOOD)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "ok    python  3.11",
        "warn  gpu     none",
        "              → buy one",
        "embedtune can work here",
    ]


@pytest.mark.parametrize(("name", "code"), [("memory", 5), ("bm25s", 2)])
def test_a_failure_has_its_exit_code(invoke, name, code):
    done = invoke([*GOOD, Row(name, "fail", "bad", "mend it")])
    assert done.exit_code == code
    assert done.stdout.splitlines()[-1] == "embedtune cannot work here: 1 check failed"


def test_json_is_one_document(invoke):
    document = json.loads(invoke(GOOD, "--json").stdout)
    assert document["works"] is True
    assert document["rows"][1] == {"name": "gpu", "status": "warn", "found": "none", "next": "buy one"}
