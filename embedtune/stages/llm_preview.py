"""What asking a language model would take: calls, tokens, price and time, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from embedtune.config import LlmConfig
from embedtune.llm.cost import Prices, prompt_tokens
from embedtune.llm.outcomes import Outcome
from embedtune.stages.llm_plan import Asked

_QUERY_TOKENS = 22  # of an answer for each query, JSON included
_FRAME_TOKENS = 12
_CALL_S = 3.0  # of one call, where no rate is given: a guess


def preview(
    planned: Sequence[Asked], standing: dict[str, Outcome], config: LlmConfig, n_screened: int
) -> dict[str, Any]:
    """Return what the writing of queries would take; calls that grade and relabel come on top and depend on the answers.

    Args:
        planned: All calls.
        standing: How they stand by the answers that are there.
        config: Prices and rates.
        n_screened: Passages left out.
    """
    unique = {asked.call.key: asked for asked in planned}
    waiting = [asked for key, asked in unique.items() if standing[key].waits]
    prompt = sum(prompt_tokens(asked.call) for asked in waiting)
    likely = sum(_FRAME_TOKENS + _QUERY_TOKENS * len(asked.request.wanted) for asked in waiting)
    most = len(waiting) * config.max_tokens
    n_queries = sum(len(asked.request.wanted) for asked in planned)
    further = len(unique) * config.judge + n_queries * (config.relabel == "llm")
    prices = Prices(config.price_input, config.price_output)
    return {
        "passages": len({passage.passage_id for asked in planned for passage in asked.request.passages}),
        "screened_passages": n_screened,
        "queries": n_queries,
        "calls": len(unique),
        "cached": sum(outcome.answer is not None for outcome in standing.values()),
        "given_up": sum(outcome.failure is not None for outcome in standing.values()),
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
