"""A causal or seq2seq model of transformers in this process: whole, in int8 or in NF4, with the adapter of a tuned writer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.errors import ConfigError
from embedtune.formats.adapter_files import put_adapter
from embedtune.llm.failures import CallError, RateLimiter
from embedtune.llm.generation import Prompt, encode, generate, prompt_text
from embedtune.llm.providers import ASKED, Described, Provider, import_extra
from embedtune.llm.store import Answer, Call
from embedtune.llm.writers import read_writer
from embedtune.machine import instruction_sets
from embedtune.text.hashing import hash_files, hash_json

_CONTEXT = 2048  # tokens of a prompt and its answer
_BATCH = 16  # calls that are computed at once
_BATCHES = 2  # of such calls that wait: from these the longest are taken
_GATHER_S = 0.1  # calls that come so soon after one another are computed together


class LocalBase(NamedTuple):
    """A model that is not loaded yet."""

    name: str  # hub name or folder
    hash: str  # of its bytes; of a hub name that itself
    config: Any  # of transformers
    tokenizer: Any

    @property
    def chats(self) -> bool:
        """Whether it is asked in the form of a chat."""
        return bool(getattr(self.tokenizer, "chat_template", None)) and not self.config.is_encoder_decoder


def describe_local(name: str, quantize: str, adapter: str | None = None) -> Described:
    """Name a model (of the hub, or by its bytes) without loading its weights.

    Raises ``ConfigError`` if there is none, or the adapter is not of this model.
    """
    return _described(open_base(name), quantize, adapter)


def load_local(name: str, quantize: str, adapter: str | None = None) -> Provider:
    """Load a model from a folder or the hub. Raises ``ConfigError`` if it cannot be loaded."""
    base = open_base(name)
    described = _described(base, quantize, adapter)
    model = load_weights(base, quantize)
    if adapter:
        with _explained(name):
            model = put_adapter(model, Path(adapter))
            model = model.merge_and_unload() if quantize == "none" else model
    return LocalModel(f"hf:{name}", described, model.eval(), base)


def open_base(name: str) -> LocalBase:
    """Read configuration and tokenizer of a model. Raises ``ConfigError`` if there are none."""
    import_extra("transformers", "embedtune[hf]")
    from transformers import AutoConfig, AutoTokenizer

    with _explained(name):
        config, tokenizer = AutoConfig.from_pretrained(name), AutoTokenizer.from_pretrained(name)
    label, folder = name, Path(name)
    if folder.is_dir():
        label = hash_json(hash_files(folder, [*folder.glob("*.safetensors"), *folder.glob("*.json")]))[:16]
    return LocalBase(name, label, config, tokenizer)


def load_weights(base: LocalBase, quantize: str, *, dtype: Any = None) -> Any:
    """Load the weights, by default in bf16 where the machine computes in it. Raises ``ConfigError`` if that is not possible."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if base.config.is_encoder_decoder else AutoModelForCausalLM
    with _explained(base.name):
        return kind.from_pretrained(
            base.name,
            use_safetensors=True,
            device_map="auto" if torch.cuda.is_available() else "cpu",
            dtype=dtype or _fast_dtype(),
            quantization_config=_quantization(quantize),
        )


def _fast_dtype() -> Any:
    """Return bf16 where the machine computes in it, else fp32."""
    import torch

    has_bf16 = torch.cuda.is_available() or {"amx_bf16", "avx512_bf16"} & set(instruction_sets())
    return torch.bfloat16 if has_bf16 else torch.float32


class LocalModel:
    """One model that computes its calls in batches, in a thread; see ``Provider``."""

    max_concurrency = _BATCH * _BATCHES
    is_local = True

    def __init__(self, name: str, described: Described, model: Any, base: LocalBase) -> None:
        self.name = name
        self.model, self.chats = described.model, described.chats
        self._llm = model
        self._base = base
        self._waiting: list[tuple[Call, asyncio.Future[Answer]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._asked: Counter[str] = Counter()  # calls by key

    async def ask(self, call: Call) -> Answer:
        """Compute an answer together with those of other calls; key and number of times asked seed its sampling."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            await self._gather()
            self._waiting.sort(key=lambda each: -sum(len(message.content) for message in each[0].messages))
            taken, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                answers = await asyncio.to_thread(self._answer, [call for call, _ in taken])
            except Exception as error:
                answers = [error] * len(taken)
            for (_, future), answer in zip(taken, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Answer):
                    future.set_result(answer)
                else:
                    future.set_exception(answer)

    async def _gather(self) -> None:
        """Wait while further calls come in, until they fill what may wait."""
        n_before = 0
        while n_before < len(self._waiting) < self.max_concurrency:
            n_before = len(self._waiting)
            await asyncio.sleep(_GATHER_S)

    def _answer(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        prompts = [self._prompt(call) for call in calls]
        lengths = list(map(len, encode(self._base.tokenizer, [each.text for each in prompts], chats=self._base.chats)))
        fitting = [
            number
            for number, prompt in enumerate(prompts)
            if lengths[number] + (0 if self._base.config.is_encoder_decoder else prompt.max_tokens) <= _CONTEXT
        ]
        answers: list[Answer | Exception] = [
            CallError("too_long", f"a prompt of {length} tokens", scope="call") for length in lengths
        ]
        if fitting:
            chosen = [prompts[number] for number in fitting]
            generated = generate(self._llm, self._base.tokenizer, chosen, chats=self._base.chats)
            for number, one in zip(fitting, generated, strict=True):
                answers[number] = Answer(one.text, "stop" if one.ended else "length", lengths[number], one.n_tokens)
        return answers

    def _prompt(self, call: Call) -> Prompt:
        text = prompt_text(self._base.tokenizer, call.messages, chats=self._base.chats)
        seed = int(call.key[:15], 16) + int(call.params.get(ASKED, self._asked[call.key]))
        self._asked[call.key] += 1
        return Prompt(text, seed, float(call.params.get("temperature", 0.0)), int(call.params.get("max_tokens", 256)))

    def attach(self, gate: RateLimiter) -> None:
        """Let as many calls wait as are computed at once."""
        gate.take_slots(self.max_concurrency)

    async def close(self) -> None:
        """Keep the model."""


def _described(base: LocalBase, quantize: str, adapter: str | None) -> Described:
    label = f"hf:{base.hash}@{quantize}"
    if not adapter:
        return Described(label, base.chats)
    writer = read_writer(Path(adapter))
    if writer.base != base.hash:
        raise ConfigError(
            f"--adapter {adapter}: expected a writer that was tuned on {base.name}, found one that was tuned on another model",
            hint="give the model that tune-generator was given as --llm hf:FOLDER",
        )
    return Described(f"{label}+{writer.hash}", chats=False, answer_tokens=writer.answer_tokens)


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
