"""The benchmark of judged queries, on a toy BEIR folder: every cell is measured once, on the same labels."""

import json
import sys

import pytest

from benchmarks import labels, labels_report, tables
from embedtune.formats import beir
from embedtune.types import Passage, Query

THINGS = ["boiler", "kettle", "garden", "battery", "invoice", "parcel", "password", "printer", "ladder", "window"]
THINGS += ["tap", "lamp", "sofa", "bicycle", "heater"]
FACTS = [
    ("who repairs the {}", "Ask the caretaker in room {1} when the {0} is broken."),
    ("how old is the {}", "The {0} was bought {1} years ago."),
    ("where do I find the {}", "The {0} is kept behind door {1}, next to the stairs."),
    ("price of the {}", "The {0} costs {1} euros, delivery included."),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "CELLS", tmp_path / "cells")
    monkeypatch.setattr(tables, "HERE", tmp_path)
    monkeypatch.setattr(labels, "PEERS", {key: peer._replace(epochs=1) for key, peer in labels.PEERS.items()})
    path = tmp_path / "toy"
    path.mkdir()
    pairs = [
        (query.format(thing), fact.format(thing, 7 + 3 * n)) for query, fact in FACTS for n, thing in enumerate(THINGS)
    ]
    beir.write_passages(path, [Passage(f"d{n}", f"d{n}", "", text, 0, len(text)) for n, (_, text) in enumerate(pairs)])
    beir.write_queries(path, [Query(f"q{n}", text, "source") for n, (text, _) in enumerate(pairs)])
    beir.write_qrels(path, "dev", {f"q{n}": {f"d{n}": 1} for n in range(len(pairs)) if n % 4})
    beir.write_qrels(path, "test", {f"q{n}": {f"d{n}": 1} for n in range(len(pairs)) if not n % 4})
    return path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["labels", *map(str, arguments)])
    labels.main()


@pytest.mark.slow
def test_ours_and_peers_on_the_same_labels(folder, monkeypatch, capsys):
    run(monkeypatch, f"{folder}:dev", "--seeds", "1", "--rows", "base", "full", "mnrl", "cached-gist", "--rerank")
    text = capsys.readouterr().out
    result = json.loads((folder.parent / "labels.json").read_text())
    assert result["collections"]["toy"].keys() == {"base", "ours", "best_peer", "best_untuned", "best_shipped"}
    assert result["tests"]["toy"].keys() == {f"{system} over {other}" for system, other in labels_report.PAIRS}
    cells = {cell["row"]: cell for cell in result["cells"]}
    assert all(cell["judged_queries"] == 45 and cell["test"]["dense"] > 0.5 for cell in cells.values())
    assert all(cells[name]["pairs"] == 45 and cells[name]["steps"] > 0 for name in ("mnrl", "cached-gist"))
    assert all("rerank" in cell["test"] and cell["peak_mib"] > 0 for name, cell in cells.items() if name != "base")
    assert "| mnrl, dense |" in text and "**ours over best_peer**" in text
    assert text.endswith((folder.parent / "labels.md").read_text() + "\n")  # after what the trainer of the peers prints


@pytest.mark.slow
def test_every_peer_trains(folder, monkeypatch):
    run(monkeypatch, f"{folder}:dev", "--seeds", "1", "--rows", *labels.PEERS)
    cells = {cell["row"]: cell for cell in json.loads((folder.parent / "labels.json").read_text())["cells"]}
    assert all(cells[name]["steps"] > 0 and cells[name]["test"]["dense"] > 0.5 for name in labels.PEERS)


@pytest.mark.slow
def test_fewer_labels_and_peers_in_our_time(folder, monkeypatch):
    given = (f"{folder}:dev", "--seeds", 1, "--labels", 42, "--rows", "base", "full", "mnrl", "--time-of", "full")
    run(monkeypatch, *given)
    result = json.loads((folder.parent / "labels.json").read_text())
    cells = {cell["row"]: cell for cell in result["cells"]}
    assert all(cell["judged_queries"] == 42 for cell in cells.values())
    # The time of ours has an evaluation and a proof in it, so that a recipe of one epoch gets many.
    assert cells["mnrl"]["steps"] > cells["full"]["steps"]
    assert cells["mnrl"]["processor_seconds"] < 1.5 * cells["full"]["processor_seconds"]
    assert result["variants"].keys() == {"42 labels, peers in the time of full"}
    assert result["variants"]["42 labels, peers in the time of full"]["toy"].keys() >= {"base", "ours", "best_peer"}
