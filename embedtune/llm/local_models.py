"""A causal or seq2seq model in this process, by llama-index's HuggingFaceLLM; whole, in int8 or in NF4."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedtune.errors import ConfigError
from embedtune.llm.failures import RateLimiter
from embedtune.llm.providers import Described, Provider, import_extra
from embedtune.llm.store import Answer, Call
from embedtune.text.hashing import hash_files, hash_json

_CONTEXT = 2048


def describe_local(name: str, quantize: str) -> Described:
    """Name a model (of the hub, or by its bytes) without loading its weights. Raises ``ConfigError`` if there is none."""
    return _open(name, quantize)[0]


def load_local(name: str, quantize: str) -> Provider:
    """Load a model from a folder or the hub. Raises ``ConfigError`` if it cannot be loaded."""
    module = import_extra("llama_index.llms.huggingface", "embedtune[hf]")
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    described, config, tokenizer = _open(name, quantize)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    with _explained(name):
        model = kind.from_pretrained(
            name, use_safetensors=True, device_map="auto", quantization_config=_quantization(quantize)
        ).eval()
    llm = module.HuggingFaceLLM(
        model=_AnswerBehindPrompt(model) if config.is_encoder_decoder else model,
        tokenizer=tokenizer,
        context_window=_CONTEXT,
        is_chat_model=described.chats,
        tokenizer_outputs_to_remove=["token_type_ids"],
    )
    return LocalModel(f"hf:{name}", described, llm, tokenizer)


class LocalModel:
    """One model, one call at a time, in a thread; see ``Provider``."""

    max_concurrency = 1
    is_local = True

    def __init__(self, name: str, described: Described, llm: Any, tokenizer: Any) -> None:
        self.name = name
        self.model, self.chats = described
        self._llm = llm
        self._tokenizer = tokenizer

    async def ask(self, call: Call) -> Answer:
        """Compute an answer; the call's key seeds the sampling, so that a call answers alike in any order."""
        return await asyncio.to_thread(self._ask, call)

    def _ask(self, call: Call) -> Answer:
        import torch
        from llama_index.core.base.llms.types import ChatMessage

        limit = int(call.params.get("max_tokens", 256))
        temperature = float(call.params.get("temperature", 0.0))
        self._llm.max_new_tokens = limit
        self._llm.generate_kwargs = (
            {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        )
        torch.manual_seed(int(call.key[:15], 16))
        if self.chats:
            messages = [ChatMessage(role=message.role, content=message.content) for message in call.messages]
            text = str(self._llm.chat(messages).message.content or "")
        else:
            text = str(self._llm.complete("\n\n".join(message.content for message in call.messages)).text)
        completion = self._count(text)
        finish = "length" if completion >= limit - 1 else "stop"
        return Answer(text, finish, sum(self._count(message.content) for message in call.messages), completion)

    def attach(self, gate: RateLimiter) -> None:
        """There is no server to wait for."""

    async def close(self) -> None:
        """Keep the model."""

    def _count(self, text: str) -> int:
        return len(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


class _AnswerBehindPrompt:
    """A seq2seq model in the form of a causal one: HuggingFaceLLM takes the answer from behind the prompt's tokens."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, input_ids: Any, **options: Any) -> Any:
        """Return prompt and answer in one row."""
        import torch

        answer = self._model.generate(input_ids=input_ids, **options)
        return torch.cat([input_ids, answer[:, 1:]], dim=1)  # without the token that starts the decoder


def _open(name: str, quantize: str) -> tuple[Described, Any, Any]:
    """Return the description, the configuration and the tokenizer; a folder is named by its bytes, not by its place."""
    import_extra("transformers", "embedtune[hf]")
    from transformers import AutoConfig, AutoTokenizer

    with _explained(name):
        config, tokenizer = AutoConfig.from_pretrained(name), AutoTokenizer.from_pretrained(name)
    label, folder = name, Path(name)
    if folder.is_dir():
        label = hash_json(hash_files(folder, [*folder.glob("*.safetensors"), *folder.glob("*.json")]))[:16]
    chats = bool(getattr(tokenizer, "chat_template", None)) and not config.is_encoder_decoder
    return Described(f"hf:{label}@{quantize}", chats), config, tokenizer


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"--llm hf:{name}: expected a causal or seq2seq model with safetensors weights, found: {first}",
            hint="a hub name such as google/flan-t5-base, or a folder that transformers can load",
        ) from error


def _quantization(scheme: str) -> Any:
    from transformers import BitsAndBytesConfig

    if scheme == "none":
        return None
    if scheme == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
