"""Trained on the recorded Lyft questions alone: the 2023 notebook's recipe and ours, both tested on Uber.

    python -m benchmarks.notebook_2023 FOLDER --seeds 3

FOLDER holds train_dataset.json (Lyft) and val_dataset.json (Uber) of run-llama/finetune-embedding. Every row starts from
all-MiniLM-L6-v2 and sees passages through a window of the same length. A chunk is longer than the window: the notebook cuts it
off there, when it trains and when it searches; we search all its windows and take the best. The table shows both ways to search
for both models, so that what is gained by the windows and what by the training can be told apart.

The notebook's recipe: MultipleNegativesRankingLoss (scale 20), all weights, batch 10 in the order of the file, 2 epochs,
warm-up over 10 % of the steps, AdamW at 2e-5. Ours: the defaults of embedtune train on the same questions, split by document
into train and dev. Strength, shipping and fusion weight are chosen on that dev split of Lyft; the Uber questions are read only
to measure. Cells lie in benchmarks/cache/notebook_2023 and are resumed; the table is written to benchmarks/notebook_2023.md
and .json.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import embedtune
from benchmarks.tables import CACHE, MACHINE, cached, header, parser, row, spread, write_table
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.documents.chunking import keep_whole
from embedtune.evaluation.measures import means, per_query
from embedtune.formats.llama_index import read_llama_index
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.locate import find_model
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.searcher import PassageVectors, Searcher, units_of
from embedtune.retrieval.windows import corpus_windows, split_windows
from embedtune.systems import find_kind
from embedtune.text.hashing import hash_file, hash_json
from embedtune.types import Vectors

CELLS = CACHE / "notebook_2023"
MEASURE = "hit_rate@5"
_DEPTH, _OVERLAP = 100, 0.25
NOTEBOOK = {"scale": 20.0, "batch": 10, "epochs": 2, "warmup": 0.1, "learning_rate": 2e-5, "weight_decay": 0.01}


class Data:
    """The two files."""

    def __init__(self, folder: Path) -> None:
        self.lyft, self.uber = folder / "train_dataset.json", folder / "val_dataset.json"
        self.key = hash_json([hash_file(self.lyft), hash_file(self.uber)])[:12]


def base_cell(data: Data, window: int) -> dict[str, Any]:
    """Search with the untrained model and with BM25."""

    def measure() -> dict[str, Any]:
        uber = Uber(data.uber)
        return {"bm25": uber.bm25(), **uber.search(find_model(DEFAULT_MODEL), window, None)}

    return cached(CELLS / f"base-{window}-{data.key}.json", measure)


def notebook_cell(data: Data, window: int, seed: int) -> dict[str, Any]:
    """Train by the notebook's recipe, and search both ways."""
    model = CELLS / f"notebook-{window}-{seed}-{data.key}"

    def measure() -> dict[str, Any]:
        _train_as_in_2023(data.lyft, model, window, seed)
        return Uber(data.uber).search(model, window, None)

    return cached(model.with_suffix(".json"), measure)


def own_cell(data: Data, window: int, seed: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Train by our recipe, and search both ways and fused."""
    run = CELLS / f"own-{window}-{seed}-{data.key}-{hash_json(dict(settings))[:8]}"

    def measure() -> dict[str, Any]:
        split = embedtune.SplitConfig(train=0.9, dev=0.1, test=0.0)
        made = embedtune.GenerateConfig(
            source=str(data.lyft), queries_from="source", window_tokens=window, seed=seed, split=split
        )
        embedtune.generate(made, run)
        trained = embedtune.train(embedtune.TrainConfig(seed=seed, **settings), run).record
        weight = trained.fusion_weights[trained.shipped]
        return {"shipped": trained.shipped, **Uber(data.uber).search(run / "model" / "merged", window, weight)}

    return cached(run.with_suffix(".json"), measure)


class Uber:
    """The Uber chunks and their recorded questions."""

    def __init__(self, path: Path) -> None:
        documents, queries, self._qrels = read_llama_index(path)
        self._passages = list(keep_whole(documents))
        self._ids = [query.query_id for query in queries]
        self._texts = [query.text for query in queries]
        self._units = units_of(self._passages, "document")
        self._lexical = BM25([passage.full_text for passage in self._passages])

    def bm25(self) -> float:
        """Return hit rate at 5 of BM25."""
        return self._search(Searcher(self._units, lexical=self._lexical), None, "bm25")

    def search(self, model: Path, window: int, weight: float | None) -> dict[str, float]:
        """Return hit rate at 5 with chunks cut off at the window, by their best window, and fused if there is a weight."""
        encoder = Encoder(load_model(model))
        encoder.model.max_seq_length = window + encoder.model.tokenizer.num_special_tokens_to_add()
        queries = encoder.encode_queries(self._texts)
        whole = split_windows(self._passages, encoder.token_offsets, 1 << 20, 1 << 20)  # the model cuts them off
        parts = corpus_windows(self._passages, Encoder(encoder.model), window, _OVERLAP)
        rates = {}
        for name, windows in (("cut_off", whole), ("windows", parts)):
            dense = PassageVectors(encoder.encode_documents(windows.texts), windows)
            searcher = Searcher(self._units, lexical=self._lexical, dense=dense, weight=weight or 1.0)
            rates[name] = self._search(searcher, queries, "dense")
            if weight is not None and name == "windows":
                rates["fused"] = self._search(searcher, queries, "hybrid")
        return rates

    def _search(self, searcher: Searcher, queries: Vectors | None, kind: str) -> float:
        run = searcher.runs(self._ids, self._texts, queries, [find_kind(kind)], _DEPTH)[kind]
        return round(means(per_query(self._qrels, run))[MEASURE], 4)


def _train_as_in_2023(lyft: Path, target: Path, window: int, seed: int) -> None:
    """Do what the notebook's ``SentenceTransformersFinetuneEngine`` did; the loader does not shuffle."""
    import torch
    from sentence_transformers.losses import MultipleNegativesRankingLoss
    from transformers import get_linear_schedule_with_warmup

    if (target / "modules.json").is_file():
        return
    passages, queries, qrels = read_llama_index(lyft)
    texts = {passage.document_id: passage.text for passage in passages}
    pairs = [(query.text, texts[next(iter(qrels[query.query_id]))]) for query in queries]
    torch.manual_seed(seed)
    model = load_model(find_model(DEFAULT_MODEL))
    model.max_seq_length = window + model.tokenizer.num_special_tokens_to_add()
    loss = MultipleNegativesRankingLoss(model, scale=NOTEBOOK["scale"])
    size = int(NOTEBOOK["batch"])
    steps = int(NOTEBOOK["epochs"]) * -(-len(pairs) // size)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=NOTEBOOK["learning_rate"], weight_decay=NOTEBOOK["weight_decay"]
    )
    schedule = get_linear_schedule_with_warmup(optimizer, int(steps * NOTEBOOK["warmup"]), steps)
    model.train()
    for _ in range(int(NOTEBOOK["epochs"])):
        for start in range(0, len(pairs), size):
            columns = zip(*pairs[start : start + size], strict=True)
            value = loss([model.preprocess(list(column)) for column in columns], torch.zeros(0))
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    part = target.with_name("part")
    shutil.rmtree(part, ignore_errors=True)
    model.eval().save_pretrained(str(part), create_model_card=False)
    part.rename(target)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--window", type=int, default=128, help="tokens")
    options.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="a setting of train"
    )
    arguments = options.parse_args()
    started = time.time()
    data = Data(arguments.folder)
    settings = dict(setting.split("=", 1) for setting in arguments.settings)
    seeds = range(arguments.seeds)
    result = {
        "measure": MEASURE,
        "window": arguments.window,
        "settings": settings,
        "base": base_cell(data, arguments.window),
        "notebook": [notebook_cell(data, arguments.window, seed) for seed in seeds],
        "own": [own_cell(data, arguments.window, seed, settings) for seed in seeds],
    }
    result["seconds"] = round(time.time() - started)
    print(write_table("notebook_2023", result, table(result)))


def table(result: Mapping[str, Any]) -> list[str]:
    base, notebook, own = result["base"], result["notebook"], result["own"]
    return [
        *header(
            "trained on the recorded Lyft questions, hit rate@5 on Uber", "chunks cut off", "best window of each chunk"
        ),
        row("BM25, whole chunks", f"{base['bm25']:.3f}", ""),
        row("untrained", f"{base['cut_off']:.3f}", f"{base['windows']:.3f}"),
        row("the 2023 notebook's recipe", _spread(notebook, "cut_off"), _spread(notebook, "windows")),
        row("our recipe", _spread(own, "cut_off"), _spread(own, "windows")),
        row("our recipe + BM25", "", _spread(own, "fused")),
        "",
        "Ours as it is shipped (best window) − the notebook's as it is published (cut off): "
        f"{_gain(own, 'windows', notebook, 'cut_off')} points; "
        f"both with the best window: {_gain(own, 'windows', notebook, 'windows')} points; both cut off: "
        f"{_gain(own, 'cut_off', notebook, 'cut_off')} points.",
        "",
        f"Mean ± standard deviation over {len(own)} seeds; all-MiniLM-L6-v2, window of {result['window']} tokens; shipped: "
        f"{', '.join(cell['shipped'] for cell in own)}; {MACHINE}; {result.get('seconds', 0)} s.",
    ]


def _spread(cells: Sequence[Mapping[str, Any]], name: str) -> str:
    return spread([cell[name] for cell in cells])


def _gain(cells: Sequence[Mapping[str, Any]], name: str, others: Sequence[Mapping[str, Any]], other: str) -> str:
    gains = [100 * (cell[name] - against[other]) for cell, against in zip(cells, others, strict=True)]
    return spread(gains, 1, "+")


if __name__ == "__main__":
    main()
