from __future__ import annotations

import pytest
import torch

from embedtune.models.device import find_accelerator
from embedtune.models.encoder import choose_precision

BACKENDS = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}


@pytest.fixture
def machine(monkeypatch):
    """Return a function that makes torch report some accelerators and no others."""

    def has(*names):
        for name, backend in BACKENDS.items():
            monkeypatch.setattr(backend, "is_available", lambda name=name: name in names)

    return has


@pytest.mark.parametrize(
    ("present", "expected"),
    [((), None), (("xpu",), "xpu"), (("mps",), "mps"), (("mps", "cuda"), "cuda"), (("xpu", "mps"), "mps")],
)
def test_the_accelerator_that_is_there_is_used(machine, present, expected):
    machine(*present)
    assert find_accelerator() == expected


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", ["cuda", "xpu"])
def test_precision_follows_the_accelerator(machine, monkeypatch, name, fast):
    machine(name)
    monkeypatch.setattr(BACKENDS[name], "is_bf16_supported", lambda: fast)
    assert choose_precision("auto") == ("bf16" if fast else "fp32")


def test_apple_computes_in_single_precision(machine):
    machine("mps")
    assert choose_precision("auto") == "fp32"
    assert choose_precision("bf16") == "bf16"


@pytest.mark.parametrize("name", [None, "mps", "xpu", "cuda"])
def test_the_trainer_uses_it(machine, monkeypatch, tmp_path, name):
    from embedtune.training import trainer

    machine(*filter(None, [name]))
    seen = {}
    monkeypatch.setattr(trainer, "SentenceTransformerTrainingArguments", lambda **given: seen.update(given))
    trainer._arguments(str(tmp_path), [[0, 1]], 1, trainer.TrainingSettings(1e-3, 0.0, "fp32", 0), {})
    assert seen["use_cpu"] == (name is None)
