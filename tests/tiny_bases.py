"""Base models of other architectures: one layer, random weights, the packaged tokenizer."""

from __future__ import annotations

from pathlib import Path

KINDS = ("gpt2", "dense-head", "fp16", "bf16")


def make_tiny(folder: Path, kind: str) -> Path:
    """Write a sentence-transformers folder of a kind: GPT-2, Llama, a BERT with a Dense layer behind the pooling, or with halved weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel, GPT2Config, GPT2Model, LlamaConfig, LlamaModel

    from embedtune.config.settings import DEFAULT_MODEL
    from embedtune.models.locate import find_model

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(find_model(DEFAULT_MODEL)))
    if kind == "gpt2":
        shape = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64}
        inner = GPT2Model(GPT2Config(vocab_size=len(tokenizer), **shape))
    elif kind == "llama":
        shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        inner = LlamaModel(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **shape))
    else:
        shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        inner = BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **shape))
    inner.to({"fp16": torch.float16, "bf16": torch.bfloat16}.get(kind, torch.float32)).save_pretrained(folder / "inner")
    tokenizer.save_pretrained(folder / "inner")
    modules = [Transformer(str(folder / "inner"), max_seq_length=64), Pooling(32)]
    if kind == "dense-head":
        modules.append(Dense(32, 24))
    SentenceTransformer(modules=modules).save_pretrained(str(folder / "model"))
    return folder / "model"
