import numpy as np
import pytest

from embedtune.training.temperature import choose_temperature


class Spread:
    """Encodes queries and passages to vectors whose cosines lie around a mean with a standard deviation."""

    def __init__(self, mean, deviation):
        self.mean, self.deviation = mean, deviation

    def encode_queries(self, texts, on_progress=None):
        return np.tile([self.mean, 1.0], (len(texts), 1))

    def encode_documents(self, texts, on_progress=None):
        return np.stack([np.ones(len(texts)), self.deviation * np.array([float(text) for text in texts])], axis=1)


@pytest.mark.parametrize(
    ("mean", "deviation", "temperature"),
    [(0.2, 0.09, 0.05), (0.25, 0.107, 0.05), (0.8, 0.0185, 0.01), (0.8, 0.04, 0.02), (0.0, 0.0, 0.01), (0.0, 1.0, 0.1)],
)
def test_it_follows_the_spread_of_the_cosines_not_their_mean(mean, deviation, temperature):
    texts = ["-1", "1"] * 40
    assert choose_temperature(Spread(mean, deviation), ["a", "b"], texts) == temperature


def test_a_large_corpus_is_sampled_alike_by_a_seed():
    asked = []

    class Counting(Spread):
        def encode_documents(self, texts, on_progress=None):
            asked.append(texts)
            return super().encode_documents(texts)

    texts = [str(number % 7) for number in range(500)]
    first, second = (choose_temperature(Counting(0.5, 0.03), texts, texts, seed=3) for _ in range(2))
    assert (first, asked[0], len(asked[0])) == (second, asked[1], 100)
