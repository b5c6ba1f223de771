"""Every method over a base and a quantisation of it: what it gains from people's labels, and what it takes.

    python -m benchmarks.methods COLLECTION[:SPLIT] [--model MODEL | --decoder LANGUAGE_MODEL] [--methods lora dora …]
                                 [--quantize none int8 nf4 …] [--seeds 1] [--max-pairs 3000] [--window 256] [--set KEY=VALUE …]

COLLECTION is a BEIR folder with judgements of SPLIT, by default train, and of test. A cell trains one method with one seed on
the labels of SPLIT, a tenth of which is dealt to dev, reads the test labels once, and is a process of its own, so that its peak
memory is its own.
``--decoder`` takes a language model and makes a base of it by last-token pooling. The method ``base`` is the base as it is, and
methods that a quantisation or a base cannot have leave a row that says why. Cells live in benchmarks/cache/methods, whatever
``--set`` says; benchmarks/methods.md and .json hold all that are done.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import yaml

import embedtune
from benchmarks.labels import Collection, Options
from benchmarks.labels_report import MEASURE, means_of
from benchmarks.peers import Training
from benchmarks.tables import CACHE, MACHINE, cached, header, parser, read_json, row, spread, write_table
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.errors import ConfigError
from embedtune.models.locate import find_model
from embedtune.project.layout import MODEL
from embedtune.project.manifest import read_manifest
from embedtune.project.records import ModelRecord
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.training.recipe import JUDGED
from embedtune.training.updates.registry import UPDATES

CELLS = CACHE / "methods"
UNTUNED = "base"


def make_embedder(language_model: Path, window: int) -> Path:
    """Make a base of a decoder by last-token pooling, unless it is made."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    folder = CELLS / "bases" / f"{language_model.parent.name}-{language_model.name}"
    if not (folder / "modules.json").is_file():
        transformer = Transformer(str(language_model), max_seq_length=window)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="lasttoken")
        SentenceTransformer(modules=[transformer, pooling]).save_pretrained(str(folder), create_model_card=False)
    return folder


def measure(
    folder: Path,
    split: str,
    model: str,
    method: str,
    quantize: str,
    seed: int,
    max_pairs: int,
    window: int,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Train and evaluate one cell in this process."""
    collection = Collection(folder, split, Options(model, window))
    facts = {"collection": folder.name, "base": Path(model).name, "method": method, "quantize": quantize, "seed": seed}
    test = collection.data.splits["test"]
    if method == UNTUNED:
        found = collection.search(collection.encoder, collection.vectors, test, ["dense"], DEFAULT_WEIGHT)
        size = _bytes(find_model(model))
        return facts | {
            "shipped": "base", MEASURE: means_of(found)["dense"], "trained_parameters": 0, "peak_bytes": 0, "seconds": 0,
            "disk_bytes": size,
        }  # fmt: skip
    run = collection.cells / f"{method}-{quantize}-{seed}.run"
    collection.begin(run)
    training, counted = Training(), _Counted()
    try:
        tuned = embedtune.tune(
            model, collection.deal(seed, None), method, run=run, seed=seed, quantize=quantize, max_pairs=max_pairs,
            window_tokens=collection.encoder.window, callbacks=[training.callback, counted.callback],
            **{"strengths": (1.0,), "ship_errors": 0.0, **settings},
        )  # fmt: skip
    except ConfigError as error:  # what a base or a quantisation cannot have
        shutil.rmtree(run)
        return facts | {"refused": str(error).splitlines()[0]}
    cost, record = training.cost(), read_manifest(run / MODEL, ModelRecord).record
    encoder = collection.encoder_of(tuned.model)
    vectors = collection.vectors_of(run, encoder)
    found = collection.search(encoder, vectors, test, ["dense"], tuned.fusion_weight)
    adapter = run / MODEL / "adapter"
    size = _bytes(adapter if adapter.is_dir() else run / MODEL / "merged")
    shutil.rmtree(run)
    return facts | {
        "shipped": "tuned" if record.is_tuned else "base", "quantize": record.quantize, "dev_gain": tuned.gain,
        MEASURE: means_of(found)["dense"], "trained_parameters": counted.parameters,
        "peak_bytes": cost["peak_mib"] << 20, "seconds": cost["seconds"], "disk_bytes": size, "steps": cost["steps"],
    }  # fmt: skip


class _Counted:
    """Counts the weights that a training trains."""

    def __init__(self) -> None:
        from transformers import TrainerCallback

        outer = self

        class _Callback(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
            def on_train_begin(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
                outer.parameters = outer.parameters or sum(
                    each.numel() for each in model.parameters() if each.requires_grad
                )

        self.parameters = 0
        self.callback = _Callback()


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def write_report(cells: Sequence[Mapping[str, Any]]) -> str:
    """Write methods.json and .md of finished cells, the best first within a base, and return the latter."""
    lines = ["# Methods", ""]
    for collection, base in dict.fromkeys((cell["collection"], cell["base"]) for cell in cells):
        of_base = [cell for cell in cells if (cell["collection"], cell["base"]) == (collection, base)]
        groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for cell in of_base:
            groups.setdefault((cell["method"], cell["quantize"]), []).append(cell)
        lines += [f"## {base} on {collection}", ""]
        lines += header(
            "method", "frozen weights", MEASURE, "parameters trained", "peak memory, MB", "seconds", "MB on disk"
        )
        lines += sorted(
            (_line(*key, group) for key, group in groups.items()), key=lambda line: line.split("|")[3], reverse=True
        )
        lines.append("")
    lines.append(
        f"{MEASURE} of people's test queries, read once by each cell; mean ± standard deviation over the seeds. Seconds and "
        f"peak memory are those of training; megabytes those of the adapter, or of all weights. {MACHINE}."
    )
    return write_table("methods", {"rows": list(cells)}, lines)


def _line(method: str, quantize: str, cells: Sequence[Mapping[str, Any]]) -> str:
    if refused := [cell["refused"] for cell in cells if "refused" in cell]:
        return row(method, quantize, "–", refused[0], "–", "–", "–")
    first, seconds = cells[0], sum(cell["seconds"] for cell in cells) / len(cells)
    score = spread([cell[MEASURE] for cell in cells])
    costs = (f"{first['trained_parameters']:,}", f"{first['peak_bytes'] / 1e6:.0f}", f"{seconds:.0f}")
    return row(method, quantize, score, *costs, f"{first['disk_bytes'] / 1e6:.1f}")


def _measure_elsewhere(*arguments: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.methods", "--cell", json.dumps(arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own module, no shell)
    cell: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return cell


def main() -> None:
    options = parser(__doc__)
    options.add_argument("collection", nargs="?", help="BEIR folder, with :SPLIT if it is not train")
    options.add_argument("--model", default=DEFAULT_MODEL)
    options.add_argument("--decoder", type=Path, help="folder of a language model")
    options.add_argument("--methods", nargs="+", default=[UNTUNED, *UPDATES])
    options.add_argument("--quantize", nargs="+", default=["none"])
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--max-pairs", type=int, default=JUDGED["max_pairs"])
    options.add_argument("--window", type=int, default=256, help="tokens, special ones included")
    options.add_argument(
        "--set", nargs="*", default=(), metavar="KEY=VALUE", help="settings of train, such as layers=2"
    )
    options.add_argument("--cell", help="of this program's own: measure one cell and print it")
    given = options.parse_args()
    if given.cell:
        folder, *rest = json.loads(given.cell)
        print(json.dumps(measure(Path(folder), *rest)))
        return
    if given.collection:
        folder, _, split = given.collection.partition(":")
        model = str(make_embedder(given.decoder, given.window)) if given.decoder else given.model
        settings = {key: yaml.safe_load(value) for key, _, value in (each.partition("=") for each in given.set)}
        suffix = "".join(f"-{each}" for each in given.set)
        for seed, quantize, method in product(range(given.seeds), given.quantize, given.methods):
            if method == UNTUNED and (seed or quantize != "none"):
                continue
            name = f"{Path(folder).name}-{Path(model).name}-{method}{suffix}-{quantize}-{seed}.json"
            cell = (folder, split or "train", model, method, quantize, seed, given.max_pairs, given.window, settings)
            cached(CELLS / name, partial(_measure_elsewhere, *cell))
            write_report([read_json(path) for path in sorted(CELLS.glob("*.json"))])
    print(write_report([read_json(path) for path in sorted(CELLS.glob("*.json"))]))


if __name__ == "__main__":
    main()
