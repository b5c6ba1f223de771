"""What the doctor says of the libraries."""

from __future__ import annotations

import sys

from embedtune import doctor
from embedtune.doctor import FAIL, OK, WARN, library_rows


def test_a_library_that_is_missing_or_broken_is_a_failure_and_not_an_exception(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    (row,) = doctor.tried("bm25s", library_rows.bm25)
    assert row.status == FAIL
    assert "ModuleNotFoundError" in row.found
    assert "reinstall" in row.next


def test_a_scheme_that_does_not_train_is_a_warning_with_the_error(monkeypatch):
    def refuse(folder, scheme):
        if scheme in ("nf4", "none"):
            raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr("embedtune.training.probe.write_tiny_model", lambda folder: None)
    monkeypatch.setattr("embedtune.training.probe.try_scheme", refuse)
    found = {row.name: row for row in library_rows.quantisation()}
    assert {name: row.status for name, row in found.items()} == {
        "train nf4": WARN, "train fp4": OK, "train int8": OK, "train none": FAIL
    }  # fmt: skip
    assert found["train nf4"].found == "no: RuntimeError: no kernel for this"
    assert "--quantize none" in found["train nf4"].next
