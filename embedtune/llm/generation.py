"""Answers of a transformers model in batches: each row is sampled with a seed of its own, whatever stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

LEFT_OUT = -100
"""The label of a token that no loss is taken of, by transformers' convention."""
_LEAST = 1e-30  # of a random number whose logarithm is taken


class Prompt(NamedTuple):
    """What one answer is generated from."""

    text: str  # with the marks of a chat template, where the model has one
    seed: int  # of the sampling, 0 to 2⁶³ - 1
    temperature: float  # 0 takes the likeliest token each time
    max_tokens: int  # of the answer


class Generated(NamedTuple):
    """An answer."""

    text: str
    n_tokens: int  # with the one that ends it
    ended: bool  # by itself; otherwise it was cut off at its limit


def prompt_text(tokenizer: Any, messages: Sequence[tuple[str, str]], *, chats: bool) -> str:
    """Return messages, each a role and its text, as the model reads them."""
    if not chats:
        return "\n\n".join(text for _, text in messages)
    rows = [{"role": role, "content": text} for role, text in messages]
    text: str = tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=True)
    return text


def encode(tokenizer: Any, texts: Sequence[str], *, chats: bool) -> list[list[int]]:
    """Return the tokens of prompts; a chat template writes the special ones itself."""
    rows: list[list[int]] = tokenizer(list(texts), add_special_tokens=not chats, verbose=False)["input_ids"]
    return rows


def generate(model: Any, tokenizer: Any, prompts: Sequence[Prompt], *, chats: bool) -> list[Generated]:
    """Return the answers to prompts, in one batch.

    An answer depends on its own prompt and seed alone, except for rounding: the rows of a batch are padded to one length.
    """
    import torch
    from transformers import LogitsProcessorList, StoppingCriteriaList

    rows = encode(tokenizer, [prompt.text for prompt in prompts], chats=chats)
    limits = [prompt.max_tokens for prompt in prompts]
    settings = deepcopy(model.generation_config)
    settings.update(do_sample=False, temperature=None, top_p=None, top_k=None, max_length=None)
    settings.update(max_new_tokens=max(limits), pad_token_id=_padding(tokenizer, settings))
    padded = _pad_left(rows, settings.pad_token_id)
    start = 1 if model.config.is_encoder_decoder else padded["input_ids"].shape[1]
    with torch.inference_mode():
        out = model.generate(
            **{name: tensor.to(model.device) for name, tensor in padded.items()},
            generation_config=settings,
            logits_processor=LogitsProcessorList([_seeded(prompts)]),
            stopping_criteria=StoppingCriteriaList([_limited(limits, start)]),
        )
    ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
    return [_read(tokenizer, row[:limit], ends) for row, limit in zip(out[:, start:].tolist(), limits, strict=True)]


def log_loss(model: Any, batches: Sequence[dict[str, torch.Tensor]]) -> float:
    """Return the mean negative log-likelihood (nats) of a token that has a label, over all batches; see ``label_losses``."""
    import torch

    with torch.inference_mode(), _evaluating(model), fast_math(model):
        losses = torch.cat([label_losses(model, batch) for batch in batches])
    return float(losses.mean())


def label_losses(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the negative log-likelihood (nats) of each token that has a label, in one row.

    A batch of a causal model is padded on the left: its labels are at the ends, and only there logits are computed.
    """
    from torch.nn.functional import cross_entropy

    inputs = {name: tensor.to(model.device) for name, tensor in batch.items()}
    labels = inputs.pop("labels")
    if model.config.is_encoder_decoder:
        logits = model(**inputs, decoder_input_ids=model.prepare_decoder_input_ids_from_labels(labels=labels)).logits
    else:
        first = int((labels != LEFT_OUT).any(dim=0).nonzero().min())
        positions = inputs["attention_mask"].cumsum(dim=1) - 1
        n_kept = labels.shape[1] - first + 1  # each token is predicted from those before it
        logits = model(**inputs, position_ids=positions.clamp_min(0), logits_to_keep=n_kept).logits[:, :-1]
        labels = labels[:, first:]
    counted = labels != LEFT_OUT
    return cross_entropy(logits[counted].float(), labels[counted], reduction="none")


def fast_math(model: Any) -> Any:
    """Return a context in which a model in bf16 computes in it throughout, adapters in fp32 too."""
    import torch

    return torch.autocast(model.device.type, torch.bfloat16, enabled=model.dtype == torch.bfloat16)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _padding(tokenizer: Any, settings: Any) -> int:
    end = settings.eos_token_id[0] if isinstance(settings.eos_token_id, list) else settings.eos_token_id
    chosen = next(each for each in (tokenizer.pad_token_id, settings.pad_token_id, end, 0) if each is not None)
    return int(chosen)


def _pad_left(rows: Sequence[Sequence[int]], padding: int) -> dict[str, torch.Tensor]:
    import torch

    longest = max(map(len, rows))
    ids = [[padding] * (longest - len(row)) + list(row) for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def _seeded(prompts: Sequence[Prompt]) -> Any:
    """Return a processor of logits that samples: the highest of logits with Gumbel noise is a sample of their softmax."""
    import torch
    from transformers import LogitsProcessor

    generators = [torch.Generator().manual_seed(prompt.seed) for prompt in prompts]
    scale = torch.tensor([[prompt.temperature] for prompt in prompts])

    class Seeded(LogitsProcessor):  # type: ignore[misc]
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            size = scores.shape[1]
            noise = torch.stack([torch.empty(size).exponential_(generator=each) for each in generators])
            return scores.float() - (scale * noise.clamp_min(_LEAST).log()).to(scores.device)

    return Seeded()


def _limited(limits: Sequence[int], start: int) -> Any:
    """Return what ends each row at its own limit."""
    import torch
    from transformers import StoppingCriteria

    most = torch.tensor(limits)

    class Limited(StoppingCriteria):  # type: ignore[misc]
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
            return (most <= input_ids.shape[1] - start).to(input_ids.device)

    return Limited()


def _read(tokenizer: Any, tokens: list[int], ends: Sequence[int | None]) -> Generated:
    end = next((number for number, token in enumerate(tokens) if token in ends), None)
    kept = tokens if end is None else tokens[:end]
    text: str = tokenizer.decode(kept, skip_special_tokens=True)
    return Generated(text, len(kept) + (end is not None), ended=end is not None)
