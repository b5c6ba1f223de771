"""Settings of ``search``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from embedtune.config.base import MAX_SEED, Settings, Trust
from embedtune.config.training import TrainConfig


class Range(Settings):
    """All numbers between two bounds, both included."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _is_in_order(self) -> Range:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"expected low below high, and above 0 with log, found {self.low:g} and {self.high:g}")
        return self


Dimension = Literal["auto"] | Range | tuple[float, ...] | None
"""Where a setting is searched: a range, a list of values, what suits the method, or nowhere: then it is that of ``train``."""


class SearchSpace(Settings):
    """What is searched, and where."""

    learning_rate: Dimension = Field(
        "auto", description="auto: from a fifth to four times the method's own, on a log scale."
    )
    lora_rank: Dimension = Field(
        "auto", description="auto: 4, 8, 16, 32, 64 for methods with one. lora_alpha keeps its ratio to it."
    )
    epochs: Dimension = Field("auto", description="auto: from 1 to 2 more than train would take, at least 3.")
    batch_size: Dimension = Field("auto", description="auto: 16, 32, 64.")
    hard_negatives: Dimension = Field("auto", description="auto: 0, 1, 2.")
    distill_weight: Dimension = Field("auto", description="auto: from 0 to 0.8.")
    adapter_width: Dimension = Field("auto", description="auto: 16, 32, 64, 128 for bottleneck.")
    prompt_tokens: Dimension = Field("auto", description="auto: 4, 8, 16, 32 for prefix and adaption-prompt.")
    temperature: Dimension = Field(None, description="auto: from half to twice that of the base, on a log scale.")
    dropout: Dimension = Field(None, description="auto: from 0 to 0.3.")
    weight_decay: Dimension = Field(None, description="auto: from 0.001 to 0.3, on a log scale.")
    max_pairs: Dimension = Field(None, description="auto: 1000, 2000, 4000.")


class SearchConfig(Settings):
    """Several trainings of one method, compared on dev."""

    trials: int = Field(20, ge=1, description="Number of trainings, those of earlier searches of the same included.")
    minutes: float = Field(30, gt=0, description="No training begins after so many minutes; the first one always does.")
    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="Random seed of the proposals; train.seed is that of each training."
    )
    space: SearchSpace = SearchSpace()
    train: TrainConfig = Field(
        TrainConfig(),
        description="Settings of every training; in a search n_evals is 3 and dev_held_out 0.5 unless they are set.",
    )
    trust_remote_code: Trust = False
