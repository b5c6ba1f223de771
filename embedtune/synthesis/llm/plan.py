"""What asking a language model would take: calls, tokens, price and time, before anything is sent.

What a language model will be asked: passages and settings become calls, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.config.settings import LLM_ASKING, GenerateConfig, LlmConfig
from embedtune.llm.cost import Prices, prompt_tokens
from embedtune.llm.failures import Outcome
from embedtune.llm.store import Call, Message, make_call
from embedtune.synthesis.llm.examples import read_examples
from embedtune.synthesis.llm.filters import drop_injections
from embedtune.synthesis.llm.kinds import Request, plan_requests
from embedtune.synthesis.llm.prompts import Prompts, choose_examples, delimiter_for
from embedtune.synthesis.llm.replies import GradesAnswer, QueriesAnswer
from embedtune.synthesis.query_sampler import PassagePool
from embedtune.text.hashing import fingerprint, hash_json
from embedtune.text.language import language_of
from embedtune.types import SPLITS, Passage

WRITE, JUDGE, RELABEL = "write", "judge", "relabel"
SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    WRITE: QueriesAnswer.model_json_schema(),
    JUDGE: GradesAnswer.model_json_schema(),
    RELABEL: GradesAnswer.model_json_schema(),
}
_PATHS = frozenset({"examples", "templates"})  # their bytes count, not where they lie


class PlannedCall(NamedTuple):
    """A request and the call that makes it."""

    request: Request
    call: Call


class LlmSettings:
    """Templates, examples and settings of a run with a language model.

    Attributes:
        config: Settings.
        prompts: Templates.
        examples: The user's own queries.
    """

    def __init__(self, config: LlmConfig, seed: int) -> None:
        """Read the files that the settings name.

        Raises:
            ConfigError: If a template cannot be used.
            DataError: If the examples cannot be read.
        """
        self.config = config
        self.prompts = Prompts(Path(config.templates) if config.templates else None)
        self.examples = read_examples(Path(config.examples)) if config.examples else []
        self._seed = seed

    def identity(self) -> dict[str, object]:
        """Return what answers depend on beside the settings."""
        return {"templates": self.prompts.hash, "examples": hash_json(self.examples)}

    def plan(self, pool: PassagePool, model: str, *, single_query: bool) -> tuple[list[PlannedCall], int]:
        """Return the calls that write queries, in a fixed order, and how many passages were left out as orders to a model.

        Args:
            pool: Passages and their splits.
            model: As it stands in the key of a call.
            single_query: One query for each call, in the plain template: for models that do not chat.
        """
        config, planned, n_screened = self.config, list[PlannedCall](), 0
        for split in SPLITS:
            passages = _distinct(pool, split)
            if config.screen:
                passages, n_suspicious = drop_injections(passages)
                n_screened += n_suspicious
            requests = plan_requests(
                _limited(passages, config.limit, len(pool.split.of_passage), self._seed),
                weights_of(config, split),
                per_passage=config.per_passage,
                long_share=config.long_share,
                seed=self._seed,
                single_query=single_query,
            )
            planned += [PlannedCall(request, self._write(request, model, plain=single_query)) for request in requests]
        return planned, n_screened

    def judge(self, model: str, passages: Sequence[Passage], queries: Sequence[str]) -> Call:
        """Return the call that grades queries of a passage."""
        delimiter = delimiter_for(self._seed, [passage.full_text for passage in passages])
        return self._call(model, self.prompts.judge(passages, queries, delimiter=delimiter), JUDGE)

    def relabel(self, model: str, query: str, passages: Sequence[Passage]) -> Call:
        """Return the call that asks which passages answer a query."""
        texts = [passage.full_text for passage in passages]
        return self._call(
            model, self.prompts.relabel(query, texts, delimiter=delimiter_for(self._seed, texts)), RELABEL
        )

    def _write(self, request: Request, model: str, *, plain: bool) -> Call:
        text = "\n".join(passage.full_text for passage in request.passages)
        prompt = self.prompts.write(
            request,
            delimiter=delimiter_for(self._seed, [passage.full_text for passage in request.passages]),
            examples=choose_examples(self.examples, self.config.n_examples, self._seed, request.passages[0].passage_id),
            language=(language_of(text) or "").capitalize() or None,
            plain=plain,
        )
        return self._call(model, prompt, WRITE, system=not plain)

    def _call(self, model: str, prompt: str, purpose: str, *, system: bool = True) -> Call:
        messages = [Message("system", self.prompts.system())] if system else []
        # Grades are read and not varied.
        temperature = self.config.temperature if purpose == WRITE else 0.0
        params = {"temperature": temperature, "max_tokens": self.config.max_tokens}
        return make_call(model, [*messages, Message("user", prompt)], params, purpose)


def weights_of(config: LlmConfig, split: str) -> dict[str, float]:
    """Return the weights of the kinds that a split is asked for: the held-out kind is kept for dev and test."""
    held_out = config.held_out_kind if config.kinds.get(config.held_out_kind or "question", 0) > 0 else None
    if held_out is None:
        return {str(kind): weight for kind, weight in config.kinds.items()}
    if split == "train":
        return {str(kind): weight for kind, weight in config.kinds.items() if kind != held_out}
    return {str(held_out): 1.0}


def asks_llm(config: GenerateConfig) -> bool:
    """Return whether a language model is to write queries."""
    return config.generator == "llm" and config.queries_from != "source"


def identity_settings(config: GenerateConfig) -> dict[str, object]:
    """Return the settings that determine a dataset; what was read is hashed beside them."""
    without_llm: set[str] | bool = set(LLM_ASKING | _PATHS) if asks_llm(config) else True
    return config.model_dump(mode="json", exclude={"source": True, "reading": True, "strict": True, "llm": without_llm})


def _distinct(pool: PassagePool, split: str) -> list[Passage]:
    """Return the passages of a split, of those that say the same only the first."""
    seen: set[str] = set()
    kept = []
    for passage in pool.of_split(split):
        if passage.passage_id not in seen:
            kept.append(passage)
            seen.update(pool.copies[passage.passage_id])
    return kept


def _limited(passages: list[Passage], limit: int | None, n_all: int, seed: int) -> list[Passage]:
    """Keep a split's part of so many passages, at least two, at random; in document order."""
    if limit is None or not passages:
        return passages
    n_kept = max(2, round(limit * len(passages) / max(1, n_all)))
    drawn = sorted(passages, key=lambda passage: fingerprint(f"{seed}:limit:{passage.passage_id}"))[:n_kept]
    kept = {passage.passage_id for passage in drawn}
    return [passage for passage in passages if passage.passage_id in kept]


_QUERY_TOKENS = 22  # of an answer for each query, JSON included
_FRAME_TOKENS = 12
_CALL_S = 3.0  # of one call, where no rate is given: a guess


def preview(
    planned: Sequence[PlannedCall], outcomes: dict[str, Outcome], config: LlmConfig, n_screened: int
) -> dict[str, object]:
    """Return what the writing of queries would take; calls that grade and relabel come on top and depend on the answers.

    Args:
        planned: All calls.
        outcomes: How they stand by the answers that are there.
        config: Prices and rates.
        n_screened: Passages left out.
    """
    unique = {planned_call.call.key: planned_call for planned_call in planned}
    waiting = [planned_call for key, planned_call in unique.items() if outcomes[key].waits]
    prompt = sum(prompt_tokens(planned_call.call) for planned_call in waiting)
    likely = sum(_FRAME_TOKENS + _QUERY_TOKENS * len(planned_call.request.wanted) for planned_call in waiting)
    most = len(waiting) * config.max_tokens
    n_queries = sum(len(planned_call.request.wanted) for planned_call in planned)
    further = len(unique) * config.judge + n_queries * (config.relabel == "llm")
    prices = Prices(config.price_input, config.price_output)
    return {
        "passages": len({passage.passage_id for planned_call in planned for passage in planned_call.request.passages}),
        "screened_passages": n_screened,
        "queries": n_queries,
        "calls": len(unique),
        "cached": sum(outcome.answer is not None for outcome in outcomes.values()),
        "given_up": sum(outcome.failure is not None for outcome in outcomes.values()),
        "to_ask": len(waiting),
        "further_calls_at_most": further,
        "prompt_tokens": prompt,
        "completion_tokens": likely,
        "price": round(prices.of(prompt, likely), 4) if prices.known else None,
        "price_at_most": round(prices.of(prompt, most), 4) if prices.known else None,
        "seconds": round(_seconds(len(waiting), prompt + likely, config)),
    }


def _seconds(n_calls: int, n_tokens: int, config: LlmConfig) -> float:
    """Return the time at the given rates; without any, with three seconds a call."""
    by_rate = [
        60 * amount / rate
        for amount, rate in ((n_calls, config.requests_per_minute), (n_tokens, config.tokens_per_minute))
        if rate is not None
    ]
    return max([*by_rate, _CALL_S * n_calls / config.concurrency])
