from __future__ import annotations

import pytest

from embedtune.errors import ConfigError, IntegrityError
from embedtune.export.gguf import FILE, open_gguf, write_gguf
from embedtune.models.encoder import Encoder

TEXTS = [
    "the lamp blinks orange",
    "Ünïcödé Straße — naïve café 😀 中文 日本語 русский",
    "  two   blanks\n\nand a new line\ttab",
    "x" * 60,
    " ".join(f"word{n}" for n in range(900)),
]


def least_cosine(tower, folder):
    write_gguf(tower, folder)
    with open_gguf(folder) as compute:
        found = compute(TEXTS)
    return (found * Encoder(tower.model).encode_queries_without_prompt(TEXTS)).sum(axis=1).min()


def test_llama_cpp_takes_texts_apart_as_bert_does_and_gives_its_vectors(tower, tmp_path):
    assert least_cosine(tower, tmp_path) > 0.9999


def test_what_llama_cpp_has_not_is_refused(tower, served_run, tmp_path):
    with pytest.raises(ConfigError, match="found one whose vectors are cut to 8 dimensions"):
        write_gguf(tower._replace(dimension=8), tmp_path)
    from embedtune.export.towers import towers_of
    from embedtune.models.encoder import load_model

    query, _ = towers_of(load_model(served_run("linear") / "model" / "merged", device="cpu"))
    with pytest.raises(ConfigError, match="found one with a Dense layer"):
        write_gguf(query, tmp_path)


def test_a_broken_file_is_told(tower, tmp_path):
    write_gguf(tower, tmp_path)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IntegrityError, match=r"expected a file that llama\.cpp loads"), open_gguf(tmp_path):
        pass


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory):
    """Return an encoder of random weights over a small vocabulary of unigrams, whose normaliser has no table."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import Unigram
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from embedtune.export.towers import towers_of

    letters = [chr(number) for number in range(33, 600)] + ["▁"]
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((each, -9.0) for each in letters)]
    pieces += [("▁the", -3.0), ("▁two", -4.0), ("blank", -5.0), ("orange", -4.5)]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>",
        pad_token="<pad>", unk_token="<unk>", model_max_length=128,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("multilingual")
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(pieces), max_position_embeddings=128, **shape)).save_pretrained(folder)
    fast.save_pretrained(folder)
    transformer = Transformer(str(folder))
    model = SentenceTransformer(modules=[transformer, Pooling(64, "mean"), Normalize()], device="cpu")
    return towers_of(model)[0]


@pytest.mark.slow
def test_llama_cpp_takes_texts_apart_by_unigrams_too(multilingual, tmp_path):
    assert least_cosine(multilingual, tmp_path) > 0.9999
