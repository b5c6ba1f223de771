"""Settings of training: the method, and how it trains."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from embedtune.config.base import MAX_SEED, Numbers, PathText, Precision, Settings, Share, Trust

MethodName = Literal[
    "pca", "linear", "query-lora", "hybrid-vector", "passage-residuals", "lora", "rslora", "lora-plus", "dora", "pissa",
    "ia3", "bottleneck", "prefix", "adaption-prompt", "head", "full",
]  # fmt: skip
UNQUANTISED = ("full", "pissa", "head")
"""Methods that train what others freeze, start from it, or need no more than its vectors."""
ADAPTED = ("bottleneck", "prefix", "adaption-prompt")
"""Methods whose adapters stay beside the weights."""


class QuerySideConfig(Settings):
    """Tuning of the query encoder alone, distilled from a teacher that ranks the whole corpus."""

    max_queries: int = Field(4000, ge=1, description="Maximum number of train queries; more are sampled at random.")
    max_passages: int = Field(
        50_000, ge=100, description="Passages that the teacher ranks, including those of every query."
    )
    batch_size: int = Field(64, ge=1, description="Queries per step.")
    epochs: int = Field(1, ge=1, description="Passes over the queries.")
    learning_rate: float = Field(1e-3, gt=0, lt=1, description="Peak learning rate of query-lora.")
    linear_learning_rate: float = Field(1e-3, gt=0, lt=1, description="Peak learning rate of linear.")
    hubness_weight: float = Field(10.0, ge=0, description="Weight of the penalty on passages that become hubs.")
    positive_boost: float = Field(
        2.0, ge=0, description="Boost of a query's own passage, in standard deviations of the teacher's scores."
    )
    teacher_temperature: float = Field(1.0, gt=0, description="Temperature of the softmax over the teacher's scores.")


class TrainConfig(Settings):
    """A tuning method, or the best of several on dev."""

    method: Literal["auto", MethodName] = Field(
        "lora",
        description="Tuning method; query-lora, linear and pca leave document embeddings unchanged. auto tries each method "
        "of auto_methods and keeps the best on dev, or the base model.",
    )
    trust_remote_code: Trust = False
    auto_methods: tuple[MethodName, ...] = Field(
        ("pca", "linear", "query-lora", "hybrid-vector", "lora"),
        min_length=1,
        description="Methods that auto tries, in this order.",
    )
    teacher: Annotated[str, Field(pattern=r"^(none|bm25|hybrid|cross-encoder:.+)$")] = Field(
        "hybrid", description="Teacher of query-lora and linear: none, bm25, hybrid or cross-encoder:MODEL."
    )
    sketch_dimensions: int = Field(
        1024, ge=64, le=8192, description="Dimensions that hybrid-vector adds; noise falls with their square root."
    )
    residual_learning_rate: float = Field(3e-3, gt=0, lt=1, description="Learning rate of passage-residuals.")
    residual_epochs: int = Field(6, ge=1, description="Passes of passage-residuals over the judged queries.")
    query_side: QuerySideConfig = Field(QuerySideConfig(), description="Settings of query-lora and linear.")
    quantize: Literal["auto", "nf4", "fp4", "int8", "none"] = Field(
        "auto",
        description="Quantisation of the frozen weights; auto is int8 below 300M parameters, else nf4; none for full, pissa, "
        "head and dora.",
    )
    start: PathText | None = Field(
        None, description="Run over the same base whose LoRA adapter training goes on from; rank and scale are its own."
    )
    replay: float = Field(
        1.0,
        ge=0,
        description="Pairs of earlier documents for each pair of new ones, where an update goes on from an adapter.",
    )
    lora_rank: int = Field(16, ge=1, le=512, description="Rank of the LoRA update of each linear layer.")
    lora_alpha: int = Field(32, ge=1, description="The LoRA update is scaled by lora_alpha / lora_rank.")
    lora_plus_ratio: float = Field(16.0, ge=1, description="Learning rate of lora-plus for B, as a multiple of A's.")
    adapter_width: int = Field(64, ge=1, le=4096, description="Width of the adapters of bottleneck.")
    prompt_tokens: int = Field(
        16, ge=1, le=512, description="Trained tokens of prefix and adaption-prompt in each layer."
    )
    layers: int | None = Field(
        None,
        ge=1,
        description="Number of upper layers that lora and its kin, ia3, bottleneck and full train; null is all.",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Peak learning rate; default: the method's own, 5e-4 for lora and full; judged queries: 1e-3, 5e-5.",
    )
    weight_decay: float = Field(0.01, ge=0, description="Weight decay of AdamW.")
    dropout: Share | None = Field(None, description="Dropout in training; default: the base's; judged queries: 0.")
    batch_size: int = Field(
        32, ge=2, description="Pairs per batch, fewer where none can be filled; each has batch_size - 1 negatives."
    )
    epochs: int = Field(1, ge=1, description="Passes over the pairs.")
    max_pairs: int | None = Field(2000, ge=2, description="Maximum number of pairs; more are sampled at random.")
    synthetic_pairs: int = Field(
        0, ge=0, description="Pairs of synthetic queries beside those of judged ones, for lora and full."
    )
    synthetic_weight: Share = Field(0.3, description="Weight of such a pair; that of a judged one is 1.")
    temperature: float | None = Field(
        None,
        gt=0,
        description="Temperature of the softmax over cosines (1 / scale); default: as far as the base's cosines lie apart, "
        "0.05 for MiniLM, 0.01 for E5.",
    )
    false_negative_margin: float | None = Field(
        None,
        description="Mask a negative whose base cosine exceeds the positive's by this; default: twice the temperature.",
    )
    hard_negatives: int = Field(
        0, ge=0, le=16, description="Mined hard negatives of each pair, for lora and full; judged queries: 1."
    )
    query_epochs: int = Field(
        0,
        ge=0,
        description="Epochs of a second part of lora and full, which trains queries alone over the tuned vectors of the whole "
        "corpus; judged queries: 2.",
    )
    ship_errors: float = Field(
        1.0,
        ge=0,
        description="Standard errors by which dev must gain for a model to be shipped; judged queries: 0, the expected value.",
    )
    dims: Numbers = Field(
        (),
        description="Numbers of dimensions, such as 256,128,64, in which vectors that are cut must retrieve too (Matryoshka), "
        "for lora, full and others that train pairs.",
    )
    dev_held_out: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the dev queries that only decide whether the tuned model is shipped; the others choose step and "
        "strength. 0 lets all of them do both.",
    )
    distill_weight: Share = Field(
        0.5, description="Weight of the base model's own softmax in the target (self-distillation); 0 is InfoNCE."
    )
    sentence_dropout: Share = Field(
        0.5, description="Share of the positives, in training and dev, without the sentence the query was made from."
    )
    n_evals: int = Field(2, ge=1, description="Dev evaluations during training, evenly spaced.")
    strengths: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.5, 1.0),
        min_length=1,
        description="Interpolation coefficients α between base and tuned weights (WiSE-FT) to try on dev.",
    )
    max_dev_queries: int = Field(600, ge=1, description="Maximum number of dev queries; more are sampled at random.")
    max_dev_windows: int = Field(
        1000, ge=1, description="Maximum number of passage windows that dev retrieval searches."
    )
    precision: Precision = Field("auto", description="bf16 autocast or fp32, in training and dev retrieval.")
    checkpoint_seconds: float = Field(
        20, ge=0, description="Seconds between checkpoints; 0 saves one after every step."
    )
    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="Random seed of the adapter, the sample and the order of the pairs."
    )
    trainer_args: dict[str, Any] = Field(
        {},
        description="Further arguments of SentenceTransformerTrainingArguments, such as report_to, optim, "
        "lr_scheduler_type or gradient_accumulation_steps.",
    )

    @model_validator(mode="after")
    def _whole_weights_are_not_quantised(self) -> TrainConfig:
        if self.method in UNQUANTISED and self.quantize not in ("auto", "none"):
            raise ValueError(
                f"method {self.method} needs whole weights, so quantize must be none, it is {self.quantize}"
            )
        if self.method == "dora" and self.quantize == "int8":
            raise ValueError("method dora needs weights whose rows it can measure: quantize must be none, nf4 or fp4")
        return self
