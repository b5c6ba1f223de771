from __future__ import annotations

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

from embedtune.errors import ConfigError
from embedtune.training.interpolation import Interpolation


def model(weight, n_out=2):
    dense = Dense(2, n_out, bias=False)
    with torch.no_grad():
        dense.linear.weight.copy_(torch.full((n_out, 2), weight))
    return SentenceTransformer(modules=[dense])


def value(found):
    (weight,) = found.state_dict().values()
    return weight.unique().item()


def test_the_line_between_two_models():
    line = Interpolation(model(1.0), model(3.0))
    assert [value(line.at(strength)) for strength in (0.25, 1.0, 0.5, 0.0)] == [1.5, 3.0, 2.0, 1.0]


def test_both_ends_are_exact():
    line = Interpolation(model(0.1), model(0.7))
    assert value(line.at(1.0)) == torch.tensor(0.7).item()
    assert value(line.at(0.0)) == torch.tensor(0.1).item()


def test_neither_model_is_changed():
    base, tuned = model(1.0), model(3.0)
    Interpolation(base, tuned).at(0.5)
    assert (value(base), value(tuned)) == (1.0, 3.0)


def test_prompts_are_those_of_the_tuned_model():
    tuned = model(3.0)
    tuned.prompts = {"query": "find: "}
    assert Interpolation(model(1.0), tuned).at(0.5).prompts["query"] == "find: "


def test_other_shapes_are_refused_with_the_weight():
    with pytest.raises(ConfigError, match=r"0\.linear\.weight as \(2, 2\) float32 in the base and \(3, 2\) float32"):
        Interpolation(model(1.0), model(1.0, n_out=3))


def test_other_types_are_refused():
    with pytest.raises(ConfigError, match=r"float32 in the base and \(2, 2\) float16"):
        Interpolation(model(1.0), model(1.0).half())


def test_other_names_are_refused():
    two = SentenceTransformer(modules=[Dense(2, 2, bias=False), Dense(2, 2, bias=False)])
    with pytest.raises(ConfigError, match=r"1 that only one has, such as 1\.linear\.weight"):
        Interpolation(model(1.0), two)
