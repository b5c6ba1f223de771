from __future__ import annotations

import sys

import pytest

from embedtune import doctor
from embedtune.doctor import FAIL, OK, WARN
from embedtune.errors import IntegrityError
from embedtune.models.quantisation import SCHEMES


def test_a_library_that_is_missing_or_broken_is_a_failure_and_not_an_exception(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    (row,) = doctor.tried("bm25s", doctor.bm25)
    assert row.status == FAIL
    assert "ModuleNotFoundError" in row.found
    assert "reinstall" in row.next


def test_a_scheme_that_does_not_train_is_a_warning_with_the_error(monkeypatch):
    def refuse(folder, scheme):
        if scheme in ("nf4", "none"):
            raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr("embedtune.doctor.write_tiny_model", lambda folder: None)
    monkeypatch.setattr("embedtune.doctor.try_scheme", refuse)
    found = {row.name: row for row in doctor.quantisation()}
    assert {name: row.status for name, row in found.items()} == {
        "train nf4": WARN, "train fp4": OK, "train int8": OK, "train none": FAIL
    }  # fmt: skip
    assert found["train nf4"].found == "no: RuntimeError: no kernel for this"
    assert "--quantize none" in found["train nf4"].next


PLAIN = {"load_in_4bit": True, "llm_int8_skip_modules": ["query", "key", "value", "dense"]}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    doctor.write_tiny_model(folder)
    return folder


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_trains(tiny, scheme):
    doctor.try_scheme(tiny, scheme)


def test_layers_that_stay_plain_are_noticed(tiny, monkeypatch):
    monkeypatch.setattr(doctor, "quantisation_arguments", lambda scheme: PLAIN)
    with pytest.raises(IntegrityError, match="nf4: expected quantised layers, found only plain ones"):
        doctor.try_scheme(tiny, "nf4")


def test_a_gradient_that_does_not_arrive_is_noticed(tiny, monkeypatch):
    load = doctor._load

    def cut_off(folder, scheme):
        model = load(folder, scheme)
        model.register_forward_hook(lambda module, given, output: _detached(output))
        return model

    monkeypatch.setattr(doctor, "_load", cut_off)
    with pytest.raises(IntegrityError, match="expected a gradient in the adapter, found 0"):
        doctor.try_scheme(tiny, "none")


def _detached(output):
    output["last_hidden_state"] = output["last_hidden_state"].detach().requires_grad_()
    return output
