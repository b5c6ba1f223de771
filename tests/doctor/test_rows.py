"""The rows of the doctor as a whole, and its exit codes."""

from __future__ import annotations

import pytest

from embedtune import doctor
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.doctor import FAIL, OK, WARN, Row, exit_code


@pytest.fixture(scope="module")
def rows():
    return {row.name: row for row in doctor.examine()}


def test_this_machine_works_and_every_part_has_a_row(rows):
    expected = (
        "python", "libraries", "cores", "instructions", "gpu", "memory", "disk", "folder", "keys", "base model",
        "models offline", "tokenizers", "faiss", "bm25s", "train nf4", "train fp4", "train int8", "train none", "extras",
    )  # fmt: skip
    assert tuple(rows) == expected
    assert [row for row in rows.values() if row.status == FAIL] == []
    assert DEFAULT_MODEL in rows["models offline"].found
    assert "sha256 as upstream" in rows["base model"].found


def test_rows_that_are_not_well_say_what_to_do(rows):
    assert [row for row in rows.values() if (row.status != OK) != bool(row.next)] == []


@pytest.mark.parametrize(
    ("failed", "code"), [([], 0), (["memory"], 5), (["bm25s"], 2), (["bm25s", "disk"], 5), (["folder"], 5)]
)
def test_exit_codes(failed, code):
    assert (
        exit_code([Row("python", OK, ""), Row("gpu", WARN, "", "x"), *(Row(name, FAIL, "", "x") for name in failed)])
        == code
    )
