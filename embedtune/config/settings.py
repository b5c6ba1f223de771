"""Settings: one frozen model for each stage, read from YAML, ``--set`` and named options.

Precedence: default < ``--config`` file < ``--set`` < named option. Library functions below the stages take plain arguments,
never these models.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from embedtune.config.loader import Gathered
from embedtune.errors import ConfigError
from embedtune.quiet import quiet_libraries

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _ModelMeta
else:
    _ModelMeta = type(BaseModel)

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
Precision = Literal["auto", "fp32", "bf16"]
Kind = Literal["heading", "span", "keyphrase", "sentence"]
MethodName = Literal["pca", "linear", "query-lora", "hybrid-vector", "lora", "full"]
LlmKind = Literal["question", "keywords", "claim", "task", "multi_hop"]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
PathText = Annotated[str, BeforeValidator(lambda value: os.fspath(value) if isinstance(value, os.PathLike) else value)]
"""A name or a path: text or ``pathlib.Path``."""
Names = Annotated[
    tuple[PathText, ...],
    BeforeValidator(lambda value: () if value is None else (value,) if isinstance(value, str | os.PathLike) else value),
]
"""None, one name or path, or several."""

MAX_SEED = 2**63 - 1  # torch takes no more


class _SettingsMeta(_ModelMeta):
    """Words what is wrong in a call of a settings class as ``load_config`` does; pydantic's own errors stay inside."""

    def __call__(cls, /, **values: Any) -> Any:
        try:
            return super().__call__(**values)
        except ValidationError as error:
            raise ConfigError.collect(cls.__name__, Gathered().explain(cls, error)) from None  # type: ignore[arg-type]


class _Settings(BaseModel, metaclass=_SettingsMeta):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SplitConfig(_Settings):
    """Shares of the passages; they sum to 1."""

    train: Share = 0.8
    dev: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _sums_to_one(self) -> SplitConfig:
        total = self.train + self.dev + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, dev and test must sum to 1, they sum to {total:g}")
        return self


class ReadingConfig(_Settings):
    """What one file of a folder may cost; a file beyond a bound is skipped with its reason."""

    max_file_mb: int = Field(100, ge=1, description="Size on disk; a text file in UTF-8 may be larger.")
    max_unpacked_mb: int = Field(500, ge=1, description="Size of what an archive (docx, xlsx, epub …) unpacks to.")
    max_text_mb: int = Field(20, ge=1, description="Text, in millions of characters; longer text files come in parts.")
    max_pages: int = Field(5000, ge=1, description="Pages, slides or sheets.")
    timeout_s: float = Field(60.0, gt=0, description="Wall time.")
    memory_mb: int = Field(2048, ge=256, description="Memory of the process that reads.")


class LlmConfig(_Settings):
    """Queries written by a language model, and how it is asked."""

    name: str | None = Field(None, description="PROVIDER:MODEL: openai:…, ollama:…, hf:… or a class of llama-index.")
    kinds: dict[LlmKind, Weight] = Field(
        {"question": 4, "keywords": 2, "claim": 1, "task": 1, "multi_hop": 1}, description="Kinds of queries by weight."
    )
    held_out_kind: LlmKind | None = Field(
        "task", description="Kind that only dev and test see; null shows all kinds to all."
    )
    per_passage: int = Field(3, ge=1, le=20, description="Queries asked for each passage.")
    long_share: Share = Field(0.3, description="Share of long queries.")
    limit: int | None = Field(None, ge=1, description="Passages asked about at most; of more a random sample is taken.")
    examples: PathText | None = Field(None, description="File with some of your real queries, one a line.")
    n_examples: int = Field(5, ge=0, le=50, description="Of those, how many each prompt shows.")
    templates: PathText | None = Field(None, description="Folder with templates of your own.")
    screen: bool = Field(True, description="Ask nothing about passages that give orders to a language model.")
    max_copied: int = Field(5, ge=1, description="Words in a row that a query may share with its passage.")
    max_per_document: int | None = Field(None, ge=1, description="Queries of one document at most.")
    judge: bool = Field(False, description="Let the model grade each query; it must reach 4 of 5.")
    relabel: Literal["none", "llm", "cross-encoder"] = Field(
        "none", description="Let the model, or a cross-encoder, look for further answers among the fused top ten."
    )
    cross_encoder: str = Field(
        "cross-encoder/ms-marco-MiniLM-L6-v2", description="The cross-encoder: hub name or folder."
    )
    temperature: float = Field(0.7, ge=0, le=2, description="Of the sampling.")
    max_tokens: int = Field(512, ge=16, description="Tokens of an answer at most.")
    quantize: Literal["none", "int8", "nf4"] = Field("none", description="Weights of a local model.")
    base_url: str | None = Field(None, description="Address of the server; none is the provider's own.")
    key_variable: str | None = Field(None, description="Environment variable that holds the key.")
    concurrency: int = Field(8, ge=1, le=512, description="Calls in flight at most.")
    requests_per_minute: float | None = Field(None, gt=0, description="Calls in any minute at most.")
    tokens_per_minute: float | None = Field(None, gt=0, description="Tokens in any minute at most.")
    timeout_s: float = Field(
        120, gt=0, description="A call without an answer in this time is sent again, sooner where others were quick."
    )
    max_wait_s: float = Field(600, gt=0, description="Longest wait that a server may ask for.")
    price_input: float | None = Field(None, ge=0, description="Price of a million prompt tokens.")
    price_output: float | None = Field(None, ge=0, description="Price of a million answer tokens.")
    max_cost: float | None = Field(None, gt=0, description="Stop before the answers in the run folder cost more.")
    retry_errors: bool = Field(False, description="Ask again what was given up before.")

    @model_validator(mode="after")
    def _asks_for_something(self) -> LlmConfig:
        trained = [kind for kind, weight in self.kinds.items() if weight > 0 and kind != self.held_out_kind]
        if not trained:
            raise ValueError(f"kinds must have one of weight above 0 besides held_out_kind {self.held_out_kind}")
        if self.max_cost is not None and (self.price_input is None or self.price_output is None):
            raise ValueError("max_cost needs price_input and price_output, in the same currency, for a million tokens")
        return self


LLM_ASKING = frozenset(
    {"base_url", "key_variable", "concurrency", "requests_per_minute", "tokens_per_minute", "timeout_s", "max_wait_s",
     "price_input", "price_output", "max_cost", "retry_errors"}
)  # fmt: skip
"""Settings of ``llm`` that say how it is asked; an answer does not depend on them, and no identity holds them."""


class GenerateConfig(_Settings):
    """From documents to passages, queries and judgements."""

    source: PathText = Field(description="Folder of documents, BEIR folder, LlamaIndex JSON, or python-reference.")
    reading: ReadingConfig = Field(ReadingConfig(), description="What one file of a folder may cost.")
    strict: bool = Field(False, description="Stop if a file that is not hidden cannot be read.")
    model: PathText = Field(
        DEFAULT_MODEL, description="Base model: hub name or local folder; its tokenizer cuts the passages."
    )
    query_prompt: str | None = Field(None, description="Text in front of every query; none keeps the model's own.")
    document_prompt: str | None = Field(None, description="Text in front of every passage; none keeps the model's own.")
    trust_remote_code: bool = Field(False, description="Run code that comes with the model.")
    window_tokens: int = Field(
        128, ge=16, description="Own passages are cut to this; longer ready-made ones score as their best window of it."
    )
    window_overlap: float = Field(0.25, ge=0, lt=1, description="Share of a window that the next one repeats.")
    generator: Literal["extractive", "llm"] = Field(
        "extractive", description="What makes queries; extractive needs no LLM."
    )
    llm: LlmConfig = Field(LlmConfig(), description="The language model, for generator llm.")
    queries_from: Literal["generate", "source", "both"] = Field(
        "generate", description="Generated queries, the source's own train and dev judgements, or both."
    )
    kinds: tuple[Kind, ...] = Field(
        ("heading", "span", "keyphrase", "sentence"), description="Kinds of queries to make."
    )
    held_out_kind: Kind = Field(
        "keyphrase", description="Kind that only dev and test see, when another is left to train on."
    )
    per_kind: int = Field(3, ge=1, le=20, description="Queries of one kind for each 150 words of a passage at most.")
    question_share: Share = Field(0.5, description="Share of headings, spans and key phrases asked as a question.")
    held_out_per_passage: int = Field(6, ge=1, le=50, description="Dev and test queries of one passage at most.")
    max_query_passages: int = Field(
        50_000, ge=100, description="Passages that queries are drawn from at most; of more a random sample is taken."
    )
    max_terms: int = Field(
        1_000_000, ge=1000, description="Terms whose frequencies are kept at most; of more the rarest are forgotten."
    )
    split: SplitConfig = Field(SplitConfig(), description="Shares of train, dev and test.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Of the split and the draw of queries.")

    @model_validator(mode="after")
    def _names_its_llm(self) -> GenerateConfig:
        if self.generator == "llm" and self.queries_from != "source" and not self.llm.name:
            raise ValueError("generator llm needs llm.name, for example --llm openai:gpt-4o-mini")
        return self


class QuerySideConfig(_Settings):
    """Tuning of queries alone, by a teacher that ranks the whole corpus."""

    max_queries: int = Field(4000, ge=1, description="Random sample of the train queries, if there are more.")
    max_passages: int = Field(50_000, ge=100, description="Passages that are ranked, all sources among them.")
    batch_size: int = Field(64, ge=1, description="Queries in a step.")
    epochs: int = Field(1, ge=1, description="Passes over the queries.")
    learning_rate: float = Field(1e-3, gt=0, lt=1, description="Of query-lora; peak of the schedule.")
    linear_learning_rate: float = Field(1e-3, gt=0, lt=1, description="Of linear; peak of the schedule.")
    hubness_weight: float = Field(10.0, ge=0, description="Weight of keeping each passage as popular as it was.")
    positive_boost: float = Field(
        2.0, ge=0, description="Lift of a query's own passage, in standard deviations of the score."
    )
    teacher_temperature: float = Field(1.0, gt=0, description="Of the softmax over the teacher's scores.")


class TrainConfig(_Settings):
    """One way to tune, or the best of several."""

    method: Literal["auto", MethodName] = Field(
        "lora",
        description="An adapter for queries and passages, or for queries alone; a linear map of queries, or their "
        "projection; words beside the vector; every weight; auto tries all but the last and ships what wins on dev.",
    )
    auto_methods: tuple[MethodName, ...] = Field(
        ("pca", "linear", "query-lora", "hybrid-vector", "lora"),
        min_length=1,
        description="What auto tries, in this order: seconds, seconds, minutes; seconds and minutes and a new index.",
    )
    teacher: Annotated[str, Field(pattern=r"^(none|bm25|hybrid|cross-encoder:.+)$")] = Field(
        "hybrid", description="What query-lora and linear learn from: none, bm25, hybrid or cross-encoder:MODEL."
    )
    sketch_dimensions: int = Field(
        1024, ge=64, le=8192, description="That lexical adds to each vector; their noise falls with their root."
    )
    query_side: QuerySideConfig = Field(QuerySideConfig(), description="Of query-lora and linear.")
    quantize: Literal["auto", "nf4", "fp4", "int8", "none"] = Field(
        "auto",
        description="How the frozen weights are kept; auto is int8 below 300M parameters, else nf4; none for method full.",
    )
    lora_rank: int = Field(16, ge=1, le=512, description="Rank of the update of each linear layer.")
    lora_alpha: int = Field(32, ge=1, description="The update is scaled by lora_alpha / lora_rank.")
    learning_rate: float = Field(5e-4, gt=0, lt=1, description="Peak of the schedule.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's.")
    batch_size: int = Field(32, ge=2, description="Pairs in a batch; each has batch_size - 1 negatives.")
    epochs: int = Field(1, ge=1, description="Passes over the pairs.")
    max_pairs: int | None = Field(2000, ge=2, description="Random sample of the pairs, if there are more.")
    temperature: float = Field(0.05, gt=0, description="Of the softmax over cosines.")
    false_negative_margin: float = Field(
        0.1, description="A negative whose base cosine is this far above the positive's counts as false and is masked."
    )
    distill_weight: Share = Field(
        0.5, description="Share of the target that the base model's own softmax gets; 0 is InfoNCE."
    )
    sentence_dropout: Share = Field(
        0.5, description="Share of the answers, in training and dev, that lose the sentence the query was drawn from."
    )
    n_evals: int = Field(2, ge=1, description="Evenly spaced steps at which the adapter is held against dev.")
    strengths: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.5, 1.0), min_length=1, description="Interpolation strengths tried on dev."
    )
    max_dev_queries: int = Field(600, ge=1, description="Dev queries at most; more are sampled.")
    max_dev_windows: int = Field(1000, ge=1, description="Windows of the corpus that dev retrieval searches at most.")
    precision: Precision = Field("auto", description="bf16 autocast or fp32 in training and dev retrieval.")
    checkpoint_seconds: float = Field(
        20, ge=0, description="A checkpoint is saved when this time has passed; 0 saves after every step."
    )
    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="Of the initial adapter, the sample and the order of the pairs."
    )

    @model_validator(mode="after")
    def _full_weights_are_not_quantised(self) -> TrainConfig:
        if self.method == "full" and self.quantize not in ("auto", "none"):
            raise ValueError(f"method full trains every weight, so quantize must be none, it is {self.quantize}")
        return self


class EvaluateConfig(_Settings):
    """Measures of base and tuned model beside BM25 and fusion, and what they prove."""

    queries: Names = Field(
        (), description="BEIR folder, LlamaIndex JSON or packaged set, or several; none takes the run's test split."
    )
    models: Names = Field((), description="Further models in the table: hub names or local folders.")
    forgetting: Names = Field((), description="BEIR folders besides the general set to look for forgetting on.")
    precision: Precision = Field("auto", description="bf16 autocast or fp32 for all encoders alike.")
    measures: Names = Field((), description="Further measures, by their names in ir_measures, such as P@5 or AP.")
    depth: int = Field(100, ge=100, description="Length of the run files.")
    rerank: int = Field(20, ge=0, le=100, description="Best passages of a fusion to rerank by tokens; 0 for none.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Of the resamples that intervals and tests draw.")


class RunConfig(_Settings):
    """A recipe: the three stages in one file."""

    out: PathText = Field(description="The run folder.")
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Seed of every stage that names none.")
    generate: GenerateConfig
    train: TrainConfig = TrainConfig()
    eval: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="before")
    @classmethod
    def _spread_seed(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("seed"), int):
            for stage in ("generate", "train", "eval"):
                if isinstance(section := values.get(stage) or {}, dict):
                    values[stage] = {"seed": values["seed"], **section}
        return values


Config = TypeVar("Config", bound=_Settings)
Result = TypeVar("Result")


def takes_settings(
    model: type[_Settings], *, first: str | None = None
) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Let a stage be called with keywords in place of its settings: ``train(run, method="lora")``.

    Settings come first, then what the stage itself takes; keywords that are no parameter of the stage are settings.

    Args:
        model: The settings that the stage takes as its first argument, ``config``.
        first: Name of the setting that a first positional argument stands for; None for none.
    """

    def decorate(stage: Callable[..., Result]) -> Callable[..., Result]:
        own = set(stage.__annotations__)

        @wraps(stage)
        @quiet_libraries()
        def call(*args: Any, **keywords: Any) -> Result:
            if "config" in keywords or (args and isinstance(args[0], model)):
                return stage(*args, **keywords)
            settings = {name: keywords.pop(name) for name in list(keywords) if name not in own}
            rest = args
            if first and args:
                settings[first], rest = args[0], args[1:]
            return stage(model(**settings), *rest, **keywords)

        return call

    return decorate


def load_config(
    model: type[Config],
    *,
    section: str | None = None,
    file: Path | None = None,
    settings: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Config:
    """Build settings from a file, ``key=value`` strings and named options.

    Args:
        model: What to build.
        section: Stage whose section of a recipe is meant; ``--set`` keys may carry it as a prefix.
        file: YAML recipe.
        settings: ``key=value``; the value is read as YAML, dots go into sections.
        options: Named options; None, and of those that repeat an empty tuple, mean not given.

    Raises:
        ConfigError: With every problem found, each with its line in the file or the option that brought it.
    """
    gathered = Gathered()
    if file:
        gathered.add_recipe(file, section, list(RunConfig.model_fields), seeded="seed" in model.model_fields)
    for setting in settings:
        gathered.add_setting(setting, section)
    for key, value in (options or {}).items():
        if value not in (None, ()):
            gathered.add_option(key, value)
    problems = gathered.problems
    try:
        config = model.model_validate(gathered.values)
    except ValidationError as error:
        problems = problems + gathered.explain(model, error)
    if problems:
        raise ConfigError.collect(str(file) if file else "settings", problems)
    return config
