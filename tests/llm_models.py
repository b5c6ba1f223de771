"""Language models of two layers with random weights, made on the spot: they speak, and say nothing."""

from __future__ import annotations

from pathlib import Path

_CHAT = "{% for message in messages %}<{{ message.role }}> {{ message.content }} {% endfor %}<assistant>"


def write_tokenizer(folder: Path) -> int:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    from embedtune.config.settings import DEFAULT_MODEL
    from embedtune.models.locate import find_model

    words = AutoTokenizer.from_pretrained(str(find_model(DEFAULT_MODEL)))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words.backend_tokenizer, pad_token="[PAD]", eos_token="[SEP]", unk_token="[UNK]"
    )
    tokenizer.model_max_length = 2048
    if "causal" in folder.name:
        tokenizer.chat_template = _CHAT
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def make_seq2seq(folder: Path) -> Path:
    """Write a T5."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    size = write_tokenizer(folder)
    shape = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}
    config = T5Config(vocab_size=size, decoder_start_token_id=0, pad_token_id=0, eos_token_id=102, **shape)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def make_causal(folder: Path) -> Path:
    """Write a Llama that chats; the folder's name must hold ``causal``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    size = write_tokenizer(folder)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(
        vocab_size=size, max_position_embeddings=2048, pad_token_id=0, bos_token_id=101, eos_token_id=102, **shape
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
