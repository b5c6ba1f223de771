"""The tuned model gives the same vectors through every way of loading it, with and without prompts."""

import json

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.models.locate import find_model
from embedtune.training.reloading import encode_plainly, load_with_adapter
from embedtune.training.saving import TOLERANCE

QUERIES = ["why does my default list argument keep its values", "walrus operator", "unpack a dictionary into arguments"]
PASSAGES = ["A default parameter value is evaluated once, when the function is defined.", "An assignment expression."]
PROMPTS = {"query": "query: ", "document": "passage: "}


@pytest.fixture(scope="module")
def merged(trained_run):
    return trained_run[0] / "model" / "merged"


@pytest.fixture(scope="module")
def expected(merged):
    return encode_plainly(SentenceTransformer(str(merged)), QUERIES, PASSAGES)


def without_prompts(folder):
    model = SentenceTransformer(str(folder))
    return np.concatenate(
        [model.encode(QUERIES, normalize_embeddings=True), model.encode(PASSAGES, normalize_embeddings=True)]
    )


def test_prompts_are_saved_and_change_the_vectors(merged, expected):
    saved = json.loads((merged / "config_sentence_transformers.json").read_text())["prompts"]
    assert saved == PROMPTS
    assert np.abs(expected - without_prompts(merged)).max() > 1e-2


def test_the_tuned_model_is_not_the_base(merged):
    base = SentenceTransformer(str(find_model(DEFAULT_MODEL)))
    tuned = SentenceTransformer(str(merged))
    before, after = base.encode(QUERIES, normalize_embeddings=True), tuned.encode(QUERIES, normalize_embeddings=True)
    assert (before * after).sum(axis=1).mean() < 1 - 1e-3


def test_adapter_over_the_quantised_base_gives_the_merged_vectors(trained_run, expected):
    model = load_with_adapter(find_model(DEFAULT_MODEL), trained_run[0] / "model" / "adapter", "nf4")
    model.prompts = PROMPTS
    assert np.abs(encode_plainly(model, QUERIES, PASSAGES) - expected).max() <= TOLERANCE["nf4"]
    model.prompts = {"query": "", "document": ""}
    plain = without_prompts(trained_run[0] / "model" / "merged")
    assert np.abs(encode_plainly(model, QUERIES, PASSAGES) - plain).max() <= TOLERANCE["nf4"]


def test_peft_alone_loads_the_adapter(trained_run, expected):
    """As a user of transformers and peft would: no sentence-transformers, mean pooling by hand."""
    import torch
    from peft import PeftModel
    from transformers import AutoModel, AutoTokenizer, BitsAndBytesConfig

    from embedtune.models.quantisation import fix_mode, quantisation_arguments

    folder = find_model(DEFAULT_MODEL)
    quantisation = BitsAndBytesConfig(**quantisation_arguments("nf4"))
    base = AutoModel.from_pretrained(str(folder), quantization_config=quantisation, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, str(trained_run[0] / "model" / "adapter")).eval()
    fix_mode(model)
    texts = [PROMPTS["query"] + text for text in QUERIES] + [PROMPTS["document"] + text for text in PASSAGES]
    tokens = AutoTokenizer.from_pretrained(str(folder))(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1)
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1).numpy()
    assert np.abs(vectors - expected).max() <= TOLERANCE["nf4"]


@pytest.mark.parametrize("prompted", [True, False])
def test_llama_index_gives_the_merged_vectors(merged, expected, prompted):
    """LlamaIndex drops the saved prompts of a local folder, so they must be handed over."""
    embeddings = pytest.importorskip("llama_index.embeddings.huggingface")
    prompts = {"query_instruction": PROMPTS["query"], "text_instruction": PROMPTS["document"]} if prompted else {}
    embedder = embeddings.HuggingFaceEmbedding(model_name=str(merged), device="cpu", **prompts)
    queries = [embedder.get_query_embedding(text) for text in QUERIES]
    vectors = np.array(queries + embedder.get_text_embedding_batch(PASSAGES))
    reference = expected if prompted else without_prompts(merged)
    assert np.abs(vectors - reference).max() <= 1e-5
