"""The trial that tells whether quantised training works here."""

import pytest

from embedtune.errors import IntegrityError
from embedtune.models.quantisation import SCHEMES
from embedtune.training import probe as trial

PLAIN = {"load_in_4bit": True, "llm_int8_skip_modules": ["query", "key", "value", "dense"]}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    trial.write_tiny_model(folder)
    return folder


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_trains(tiny, scheme):
    trial.try_scheme(tiny, scheme)


def test_layers_that_stay_plain_are_noticed(tiny, monkeypatch):
    monkeypatch.setattr(trial, "quantisation_arguments", lambda scheme: PLAIN)
    with pytest.raises(IntegrityError, match="nf4: expected quantised layers, found only plain ones"):
        trial.try_scheme(tiny, "nf4")


def test_a_gradient_that_does_not_arrive_is_noticed(tiny, monkeypatch):
    load = trial._load

    def cut_off(folder, scheme):
        model = load(folder, scheme)
        model.register_forward_hook(lambda module, given, output: _detached(output))
        return model

    monkeypatch.setattr(trial, "_load", cut_off)
    with pytest.raises(IntegrityError, match="expected a gradient in the adapter, found 0"):
        trial.try_scheme(tiny, "none")


def _detached(output):
    output["last_hidden_state"] = output["last_hidden_state"].detach().requires_grad_()
    return output
