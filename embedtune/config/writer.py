"""Settings of ``tune-generator``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from embedtune.config.base import MAX_SEED, Names, PathText, Settings
from embedtune.config.settings import ReadingConfig


class WriterConfig(Settings):
    """A language model that is tuned to write queries as the judged queries of a source are."""

    source: PathText = Field(
        description="BEIR folder, label file, or documents with labels: judged queries and their texts."
    )
    labels: Names = Field(
        (), description="Label files: queries with the texts or documents of the source that answer them."
    )
    reading: ReadingConfig = Field(ReadingConfig(), description="Limits for one file.")
    llm: str = Field(description="hf:FOLDER: a causal or seq2seq model of transformers, a folder or a hub name.")
    quantize: Literal["none", "int8", "nf4"] = Field("none", description="Quantisation of the frozen weights.")
    max_queries: int | None = Field(
        None, ge=10, description="Maximum number of judged queries to use; more are sampled at random."
    )
    held_out: float = Field(0.2, gt=0, lt=0.9, description="Share of the queries that the writer is measured on.")
    lora_rank: int = Field(16, ge=1, le=512, description="Rank of the LoRA update of each linear layer.")
    lora_alpha: int = Field(32, ge=1, description="The LoRA update is scaled by lora_alpha / lora_rank.")
    learning_rate: float = Field(5e-4, gt=0, lt=1, description="Peak learning rate.")
    batch_size: int = Field(8, ge=1, description="Queries per step.")
    epochs: int = Field(6, ge=1, description="Maximum number of passes over the queries.")
    patience: int = Field(1, ge=1, description="Passes without a gain on the held-out queries that end the training.")
    temperature: float = Field(0.7, ge=0, le=2, description="Sampling temperature of the queries that are compared.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Random seed of sample, held-out queries, adapter and order.")

    @field_validator("llm")
    @classmethod
    def _is_local(cls, llm: str) -> str:
        if not llm.startswith("hf:") or llm == "hf:":
            raise ValueError("expected hf:FOLDER or hf:NAME, a model of transformers in this process")
        return llm
