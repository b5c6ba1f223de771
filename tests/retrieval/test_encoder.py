from types import SimpleNamespace

import numpy as np
import pytest

from embedtune.config import DEFAULT_MODEL
from embedtune.errors import ConfigError
from embedtune.retrieval.base_model import find_model
from embedtune.retrieval.encoder import Encoder, choose_precision, load_model

TEXTS = [
    "Drain the boiler before the first frost.",
    "A refund takes five working days.",
    "Drain the boiler before the first frost.",
]


@pytest.fixture(scope="module")
def encoder():
    return Encoder(load_model(find_model(DEFAULT_MODEL)))


def test_window_leaves_room_for_special_tokens_and_the_document_prompt(encoder):
    assert encoder.window == 256 - 2
    prompted = Encoder(load_model(find_model(DEFAULT_MODEL), document_prompt="passage: "))
    assert prompted.window == 256 - 2 - len(encoder.token_ids("passage: "))


def test_vectors_are_unit_fp32_and_in_the_order_of_the_texts(encoder):
    reported = []
    vectors = encoder.encode_documents(TEXTS, reported.append)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(vectors[0], vectors[2])
    assert sum(reported) == 2  # equal texts are encoded once
    alone = encoder.encode_documents(TEXTS[1:2])
    assert np.allclose(vectors[1], alone[0], atol=1e-6)


def test_queries_and_documents_get_their_own_prompt():
    prompted = Encoder(load_model(find_model(DEFAULT_MODEL), query_prompt="query: ", document_prompt="passage: "))
    plain = prompted.model.encode(["query: frost", "passage: frost"], normalize_embeddings=True)
    assert np.allclose(prompted.encode_queries(["frost"])[0], plain[0], atol=1e-6)
    assert np.allclose(prompted.encode_documents(["frost"])[0], plain[1], atol=1e-6)


def test_token_offsets_cover_the_words(encoder):
    text = "Ünïcode boilers"
    assert [text[start:end] for start, end in encoder.token_offsets(text)][-1] in ("boilers", "s")
    assert len(encoder.token_offsets(text)) == len(encoder.token_ids(text))


def test_tokens_of_many_texts_are_counted_whatever_was_encoded_before(encoder):
    long = "word " * 1000
    encoder.encode_documents([long])  # sentence-transformers truncates and pads
    assert encoder.token_counts(["", "Ünïcode boilers", long]) == [0, len(encoder.token_ids("Ünïcode boilers")), 1000]


class PythonTokenizer:
    is_fast = False
    model_max_length = 128

    def __call__(self, text, **settings):
        return {"input_ids": text.split()}

    def num_special_tokens_to_add(self):
        return 2


def test_a_tokenizer_written_in_python_counts_too():
    model = SimpleNamespace(tokenizer=PythonTokenizer(), prompts={}, get_max_seq_length=lambda: None)
    assert Encoder(model).token_counts(["", "two words"]) == [0, 2]


def test_no_texts_give_no_vectors(encoder):
    assert encoder.encode_queries([]).shape == (0, 384)


def test_bf16_changes_vectors_only_a_little(encoder):
    half = Encoder(encoder.model, precision="bf16").encode_documents(TEXTS)
    assert (half * encoder.encode_documents(TEXTS)).sum(axis=1).min() > 0.999


def test_a_wish_for_a_precision_is_granted():
    assert choose_precision("fp32") == "fp32"
    assert choose_precision("bf16") == "bf16"
    assert choose_precision("auto") in ("fp32", "bf16")


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(ConfigError, match="expected a sentence-transformers model"):
        load_model(tmp_path)
