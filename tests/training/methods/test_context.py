from __future__ import annotations

from embedtune.training.methods.context import Context
from embedtune.training.methods.data import TrainingData


def test_what_methods_share_is_computed_once(train, monkeypatch):
    """Three methods of one training read one corpus and one teacher."""
    calls = []
    for kind, name in ((TrainingData, "frozen_corpus"), (Context, "distillation")):
        computed = vars(kind)[name]
        inner = computed.func
        monkeypatch.setattr(computed, "func", lambda self, name=name, inner=inner: calls.append(name) or inner(self))
    train.again(method="auto", auto_methods=("pca", "linear", "query-lora"))
    assert sorted(calls) == ["distillation", "frozen_corpus"]
