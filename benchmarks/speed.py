"""How fast we train and encode beside the libraries that we stand on, and how long whole commands take.

    python -m benchmarks.speed [train] [encode] [commands] [--pairs COLLECTION] [--repeats 3] [--steps 6]

``train``: seconds of a step of 32 pairs, all-MiniLM-L6-v2, windows of 256 tokens: ours with its usual settings and without
dropout, full and LoRA over each quantisation, beside sentence-transformers' trainer at its defaults (fp32, dropout), the same
in bf16 without dropout, and a plain QLoRA of sentence-transformers, peft and bitsandbytes (nf4, bf16). Rows train in turn,
``--repeats`` times, and a row's figure is the median of all its steps but the first two of each turn. Pairs are those of
COLLECTION's train judgements, a BEIR folder. The machine's peak is measured in the same run, by a product of two bf16 matrices,
and the operations of a step are counted from its tokens: two for each weight of the encoder's linear layers and token forward,
as many backward for the input, and as many for the weights where they are trained, and attention's products.

``encode``: passages a second, beside ``SentenceTransformer.encode`` at its defaults, and fastembed where it is installed.

``commands``: seconds of the clock and of the processor of README's quickstart, of a second run of it, and of ``compare``.

What is not asked for keeps its figures in benchmarks/speed.json; speed.md shows all.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import embedtune
from benchmarks.tables import HERE, header, parser, read_json, row, write_table
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.config.training import TrainConfig
from embedtune.models.encoder import Encoder, choose_precision, find_accelerator, load_model
from embedtune.models.locate import find_model
from embedtune.models.quantisation import load_quantised, set_dropout
from embedtune.models.weights import adaptable_layers, add_adapter

_BATCH, _WINDOW = 32, 256
_SKIPPED = 2  # first steps of a turn, which fill caches
_PEAK_SIZE = 2048
Pairs = list[tuple[str, str]]


class Clock:
    """The seconds of each step."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def tick(self) -> None:
        """End a step."""
        self._times.append(time.perf_counter())

    def steps(self) -> list[float]:
        """Return the seconds of all steps but the first."""
        return [after - before for before, after in zip(self._times, self._times[1:], strict=False)][_SKIPPED - 1 :]


def ours(scheme: str, pairs: Pairs, *, dropout: float | None = None) -> list[float]:
    """Return the seconds of each step of our training; scheme ``full`` trains all weights."""
    import torch

    from embedtune.training.losses import GuidedContrastiveLoss
    from embedtune.training.trainer import Hooks, TrainingSettings, run_training

    torch.manual_seed(0)
    model = load_quantised(find_model(DEFAULT_MODEL), "none" if scheme == "full" else scheme)
    model.max_seq_length = _WINDOW
    if dropout is not None:
        set_dropout(model, dropout)
    if scheme != "full":
        add_adapter(model, rank=TrainConfig().lora_rank, alpha=TrainConfig().lora_alpha)
    columns = {"anchor": [query for query, _ in pairs], "positive": [passage for _, passage in pairs]}
    batches = [list(range(start, start + _BATCH)) for start in range(0, len(pairs), _BATCH)]
    settings = TrainingSettings(1e-4, weight_decay=0.01, precision=choose_precision("auto"), seed=0)
    clock = Clock()
    hooks = Hooks(lambda step: None, lambda n: clock.tick(), lambda step, state: None)
    run_training(model, columns, batches, GuidedContrastiveLoss(model), settings, hooks)
    return clock.steps()


def library(pairs: Pairs, *, bf16: bool, has_dropout: bool = True, scheme: str | None = None) -> list[float]:
    """Return the same of sentence-transformers' trainer, with a plain LoRA where weights are quantised."""
    from datasets import Dataset as Rows
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer import losses
    from transformers import TrainerCallback

    model = load_quantised(find_model(DEFAULT_MODEL), scheme) if scheme else load_model(find_model(DEFAULT_MODEL))
    model.max_seq_length = _WINDOW
    if scheme:
        from peft import LoraConfig, TaskType

        kind, rank, alpha = TaskType.FEATURE_EXTRACTION, TrainConfig().lora_rank, TrainConfig().lora_alpha
        model.add_adapter(LoraConfig(task_type=kind, r=rank, lora_alpha=alpha, target_modules="all-linear"))
    if not has_dropout:
        set_dropout(model, 0.0)
    clock = Clock()

    class _Callback(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.tick()

    with TemporaryDirectory() as scratch:
        arguments = SentenceTransformerTrainingArguments(
            scratch, num_train_epochs=1, per_device_train_batch_size=_BATCH, seed=0, bf16=bf16,
            use_cpu=find_accelerator() is None, save_strategy="no", report_to="none", dataloader_pin_memory=False,
            disable_tqdm=True, logging_strategy="no",
        )  # fmt: skip
        rows = Rows.from_list([{"anchor": query, "positive": passage} for query, passage in pairs])
        loss = losses.MultipleNegativesRankingLoss(model)
        SentenceTransformerTrainer(model, arguments, train_dataset=rows, loss=loss, callbacks=[_Callback()]).train()
    return clock.steps()


TRAINED: Mapping[str, Callable[[Pairs], list[float]]] = {
    "sentence-transformers, its defaults": lambda pairs: library(pairs, bf16=False),
    "sentence-transformers, bf16, no dropout": lambda pairs: library(pairs, bf16=True, has_dropout=False),
    "sentence-transformers + peft + bitsandbytes, nf4": lambda pairs: library(pairs, bf16=True, scheme="nf4"),
    "ours, full": lambda pairs: ours("full", pairs),
    "ours, LoRA": lambda pairs: ours("none", pairs),
    "ours, LoRA over int8": lambda pairs: ours("int8", pairs),
    "ours, LoRA over int8, no dropout": lambda pairs: ours("int8", pairs, dropout=0.0),
    "ours, LoRA over nf4, no dropout": lambda pairs: ours("nf4", pairs, dropout=0.0),
}
_OURS = "ours, LoRA over int8, no dropout"  # what labels are trained with


def measure_training(pairs: Pairs, repeats: int) -> dict[str, Any]:
    """Return the seconds of a step of each row, the ratios to ours, and the share of the machine's peak."""
    times: dict[str, list[float]] = {name: [] for name in TRAINED}
    for _ in range(repeats):
        for name, train in TRAINED.items():
            times[name] += train(pairs)
            print(f"{name}: {statistics.median(times[name]):.2f} s a step", file=sys.stderr, flush=True)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    peak, operations = _peak(), _operations(pairs)
    default, bf16, qlora, *_ = seconds.values()
    return {
        "train_seconds": {name: _quartiles(values) for name, values in times.items()},
        "train_ratio": default / seconds[_OURS],
        "train_ratio_bf16": bf16 / seconds[_OURS],
        "qlora_ratio": qlora / seconds["ours, LoRA over nf4, no dropout"],
        "peak_share": operations / seconds[_OURS] / peak,
        "peak_tflops": peak / 1e12,
        "step_tflop": operations / 1e12,
    }


def _quartiles(values: Sequence[float]) -> list[float]:
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    return [round(float(each), 3) for each in (median, low, high)]


def _peak() -> float:
    """Return the operations a second of a large product of bf16 matrices, the best of five."""
    import torch

    left, right = (torch.randn(_PEAK_SIZE, _PEAK_SIZE, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(5):
        started = time.perf_counter()
        torch.mm(left, right)
        times.append(time.perf_counter() - started)
    return float(2 * _PEAK_SIZE**3 / min(times))


def _operations(pairs: Pairs) -> float:
    """Return the mean operations of a step of LoRA, without padding and without the update's own products."""
    model = load_model(find_model(DEFAULT_MODEL))
    encoder = Encoder(model)
    weights = sum(layer.weight.numel() for layer in adaptable_layers(model).values())
    width, depth = model[0].model.config.hidden_size, model[0].model.config.num_hidden_layers
    lengths = np.array([min(_WINDOW, count + 2) for pair in pairs for count in encoder.token_counts(pair)])
    linear = 2 * 2 * weights * lengths.sum()
    attention = 3 * 2 * 2 * width * depth * np.square(lengths).sum()
    return float(linear + attention) / (len(pairs) / _BATCH)


def measure_encoding(texts: Sequence[str], repeats: int) -> dict[str, Any]:
    """Return passages a second of each way to encode, and ours over the others."""
    model = load_model(find_model(DEFAULT_MODEL))
    model.max_seq_length = _WINDOW
    encoders = {each: Encoder(model, precision=each) for each in dict.fromkeys(("fp32", choose_precision("auto")))}
    ways: dict[str, Callable[[], Any]] = {"encode": lambda: model.encode(list(texts), show_progress_bar=False)}
    for name, encoder in encoders.items():
        ways[f"ours, {name}"] = lambda encoder=encoder: encoder.encode_documents(texts)  # type: ignore[misc]
    with suppress(ImportError):
        from fastembed import TextEmbedding

        name = "sentence-transformers/all-MiniLM-L6-v2"
        with suppress(Exception):  # its weights come from a hub that may not be reached
            fast = TextEmbedding(name)
            ways["fastembed"] = lambda: list(fast.embed(texts))
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, encode in ways.items():
            started = time.perf_counter()
            encode()
            speeds[name].append(len(texts) / (time.perf_counter() - started))
    best = f"ours, {choose_precision('auto')}"
    fastest = statistics.median(speeds[best])
    plain, quick = encoders["fp32"].encode_documents(texts), encoders[choose_precision("auto")].encode_documents(texts)
    figures = {
        "encode_speeds": {name: _quartiles(values) for name, values in speeds.items()},
        "encode_ratio": fastest / statistics.median(speeds["encode"]),
        "encode_cosine": float((plain * quick).sum(axis=1).min()),
    }
    if "fastembed" in speeds:
        figures["encode_ratio_fastembed"] = fastest / statistics.median(speeds["fastembed"])
    return figures


def measure_commands() -> dict[str, Any]:
    """Return seconds of the clock, and of the processor, of the demo, of a second run, and of one comparison."""
    with TemporaryDirectory() as folder:
        run = str(Path(folder) / "quickstart")
        demo = ["run", "pipelines/quickstart.yaml", "--out", run]
        commands = {"demo": demo, "again": demo, "compare": ["compare", run, "how is a class defined?"]}
        figures: dict[str, Any] = {}
        for name, arguments in commands.items():
            clock, processor = _time(arguments)
            figures |= {f"{name}_seconds": clock, f"{name}_processor_seconds": processor}
    return figures


def _time(arguments: Sequence[str]) -> tuple[float, float]:
    started, before = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    program = shutil.which("embedtune", path=str(Path(sys.executable).parent)) or "embedtune"
    subprocess.run([program, *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (our own)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return round(time.time() - started, 1), round(processor, 1)


_RATIOS = {
    "train_ratio": "training, over sentence-transformers' defaults",
    "train_ratio_bf16": "training, over its bf16 without dropout",
    "qlora_ratio": "LoRA over nf4, over sentence-transformers + peft + bitsandbytes",
    "peak_share": "share of the machine's bf16 peak in a step",
    "encode_ratio": "encoding, over `encode` at its defaults",
    "encode_ratio_fastembed": "encoding, over fastembed",
}
_COMMANDS = {
    "demo": "README's quickstart", "again": "the same again, nothing to do", "compare": "`compare`, one question"
}  # fmt: skip


def write_report(figures: Mapping[str, Any]) -> str:
    """Write speed.json and .md, and return the latter."""
    kept = read_json(HERE / "speed.json", {})
    figures = {name: kept[name] for name in kept if name not in {"schema_version", "machine", "versions"}} | figures
    lines: list[str] = []
    lines += _rows("training, seconds a step of 32 pairs", figures.get("train_seconds", {}), 2)
    lines += _rows("encoding, passages a second", figures.get("encode_speeds", {}), 0)
    ratios = [row(text, f"{figures[name]:.2f}") for name, text in _RATIOS.items() if name in figures]
    lines += [*header("ours over others", "ratio"), *ratios] if ratios else []
    commands = [
        row(text, f"{figures[f'{name}_seconds']:.0f}", f"{figures[f'{name}_processor_seconds']:.0f}")
        for name, text in _COMMANDS.items()
        if f"{name}_seconds" in figures
    ]
    lines += ["", *header("command", "seconds", "of the processor"), *commands] if commands else []
    return write_table("speed", figures, lines)


def _rows(title: str, values: Mapping[str, Sequence[float]], digits: int) -> list[str]:
    rows = [
        row(name, f"{median:.{digits}f}", f"{low:.{digits}f}–{high:.{digits}f}")
        for name, (median, low, high) in values.items()
    ]
    return [*header(title, "median", "half of all within"), *rows, ""] if rows else []


def main() -> None:
    options = parser(__doc__)
    options.add_argument("parts", nargs="*", choices=("train", "encode", "commands", []), help="without it all")
    options.add_argument("--pairs", default="../shared/collections/scifact", help="a BEIR folder with train judgements")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--steps", type=int, default=6)
    given = options.parse_args()
    parts = given.parts or ["train", "encode", "commands"]
    figures: dict[str, Any] = {}
    if {"train", "encode"} & set(parts):
        data = embedtune.Dataset.from_beir(Path(given.pairs))
        texts = {passage.passage_id: passage.full_text for passage in data.passages}
        train = data.splits["train"]
        judged = [
            (query.text, texts[passage])
            for query in train.queries
            for passage, grade in train.qrels[query.query_id].items()
            if grade > 0
        ]
        if "train" in parts:
            figures |= measure_training(judged[: given.steps * _BATCH], given.repeats)
        if "encode" in parts:
            figures |= measure_encoding(list(texts.values())[:256], given.repeats)
    if "commands" in parts:
        figures |= measure_commands()
    print(write_report(figures))


if __name__ == "__main__":
    main()
