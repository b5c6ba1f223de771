from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.errors import ConfigError
from embedtune.models.encoder import Encoder, choose_precision, find_accelerator, load_model
from embedtune.models.locate import find_model

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


def test_tokens_are_those_that_are_pooled(encoder):
    query, long = "drain the boiler", "word " * 1000
    vectors = encoder.encode_query_tokens([query, "", long])
    assert [len(each) for each in vectors] == [len(encoder.token_ids(query)), 0, 254]
    assert np.allclose(np.linalg.norm(vectors[0], axis=1), 1, atol=1e-6)
    features = encoder.model.tokenizer(query, return_tensors="pt")
    hidden = encoder.model[0].auto_model(**features).last_hidden_state[0, 1:-1].detach().numpy()
    assert np.allclose(vectors[0], hidden / np.linalg.norm(hidden, axis=1, keepdims=True), atol=1e-5)
    (alone,) = encoder.encode_document_tokens([query])
    assert np.allclose(alone, vectors[0], atol=1e-5)


def test_tokens_of_the_prompt_are_seen_and_left_out(encoder):
    prompted = Encoder(load_model(find_model(DEFAULT_MODEL), query_prompt="query: ", document_prompt="passage: "))
    (plain,), (asked,), (told,) = (
        encoder.encode_query_tokens(["frost"]), prompted.encode_query_tokens(["frost"]), prompted.encode_document_tokens(["frost"])
    )  # fmt: skip
    assert len(plain) == len(asked) == len(told) == 1
    assert not np.allclose(asked, told, atol=1e-2)
    assert not np.allclose(asked, plain, atol=1e-2)


def test_token_offsets_cover_the_words(encoder):
    text = "Ünïcode boilers"
    assert [text[start:end] for start, end in encoder.token_offsets(text)][-1] in ("boilers", "s")
    assert len(encoder.token_offsets(text)) == len(encoder.token_ids(text))


def test_tokens_of_many_texts_are_counted_whatever_was_encoded_before(encoder):
    long = "word " * 1000
    encoder.encode_documents([long])  # sentence-transformers truncates and pads
    assert encoder.token_counts(["", "Ünïcode boilers", long]) == [0, len(encoder.token_ids("Ünïcode boilers")), 1000]


def test_a_model_that_adds_up_vectors_of_words_is_refused(encoder, tmp_path):
    tokenizer = encoder.model.tokenizer.backend_tokenizer
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=8)]).save_pretrained(str(tmp_path))
    with pytest.raises(ConfigError, match=r"expected a transformer .*, found StaticEmbedding"):
        load_model(tmp_path)


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
    with pytest.raises(ConfigError, match=r"expected weights in \*.safetensors, found none"):
        load_model(tmp_path)


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
