"""Models that training tests share; each test that changes one loads its own."""

import pytest

from embedtune.config import DEFAULT_MODEL
from embedtune.retrieval.base_model import find_model


@pytest.fixture(scope="session")
def base_folder():
    return find_model(DEFAULT_MODEL)


@pytest.fixture
def shake():
    """Give LoRA weights that change vectors, without training."""
    import torch

    from embedtune.training.adapters import lora_layers

    def call(model, scale=0.05):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for layer in lora_layers(model).values():
                weight = layer.lora_B["default"].weight
                weight.copy_(scale * torch.randn(weight.shape, generator=generator))

    return call


@pytest.fixture(scope="session")
def base(base_folder):
    """Return the base model; no test may change it."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(base_folder))


@pytest.fixture(scope="session")
def matrix():
    """Return a map of query vectors that is near to the identity."""
    import torch

    return torch.eye(384) + 0.02 * torch.randn(384, 384, generator=torch.Generator().manual_seed(0))
