"""Base models of other architectures: random weights, the packaged tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_GROUPED = {**_SHAPE, "num_key_value_heads": 2, "head_dim": 8}
_POSITIONS = {"max_position_embeddings": 80}  # RoBERTa and its kin count from after the padding token

ARCHITECTURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "bert": ("BertModel", _SHAPE | _POSITIONS, "cls"),
    "mpnet": ("MPNetModel", _SHAPE | _POSITIONS, "mean"),
    "roberta": ("RobertaModel", _SHAPE | _POSITIONS, "weightedmean"),
    "xlm-roberta": ("XLMRobertaModel", _SHAPE | _POSITIONS, "mean"),
    "modernbert": ("ModernBertModel", _SHAPE | _POSITIONS | {"local_attention": 8}, "mean"),
    "deberta": (
        "DebertaV2Model",
        _SHAPE | _POSITIONS | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
        "mean",
    ),
    "t5": ("T5EncoderModel", {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}, "mean"),
    "qwen3": ("Qwen3Model", _GROUPED | _POSITIONS, "lasttoken"),
    "llama": ("LlamaModel", _GROUPED | _POSITIONS, "lasttoken"),
    "gpt2": ("GPT2Model", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 80}, "weightedmean"),
}
"""transformers' class, its configuration, and the pooling."""

KINDS = (*ARCHITECTURES, "dense-head", "fp16", "bf16", "truncated", "unpadded")


def make_tiny(folder: Path, kind: str) -> Path:
    """Write a sentence-transformers folder.

    Args:
        folder: To write into.
        kind: An architecture; or a BERT with a Dense layer behind the pooling, with halved weights, or with cut vectors; or
            a Llama whose tokenizer has no padding token.
    """
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    from embedtune.config.settings import DEFAULT_MODEL
    from embedtune.models.locate import find_model

    torch.manual_seed(0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(find_model(DEFAULT_MODEL)))
    name, shape, pooling = ARCHITECTURES.get(kind, ARCHITECTURES["llama" if kind == "unpadded" else "bert"])
    model_class = getattr(transformers, name)
    special = {"pad_token_id": tokenizer.pad_token_id, "vocab_size": len(tokenizer)}
    if kind == "unpadded":
        tokenizer.backend_tokenizer.no_padding()
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer, eos_token=tokenizer.sep_token
        )
    if pooling == "lasttoken":
        tokenizer.padding_side = "left" if kind == "qwen3" else "right"
    inner = model_class(model_class.config_class(**special, **shape))
    inner.to({"fp16": torch.float16, "bf16": torch.bfloat16}.get(kind, torch.float32)).save_pretrained(folder / "inner")
    tokenizer.save_pretrained(folder / "inner")
    modules = [Transformer(str(folder / "inner"), max_seq_length=64), Pooling(32, pooling_mode=pooling)]
    if kind == "dense-head":
        modules.append(Dense(32, 24))
    model = SentenceTransformer(modules=modules, truncate_dim=16 if kind == "truncated" else None)
    model.save_pretrained(str(folder / "model"))
    return folder / "model"
