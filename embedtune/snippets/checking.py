"""Check that a snippet gives the vectors that ``eval`` measured: it runs in a fresh process.

Run as a module it is that fresh process: ``python -m embedtune.snippets.checking JOB.json``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError, IntegrityError, ProviderError
from embedtune.project.layout import DATASET
from embedtune.retrieval.windows import best_of_groups
from embedtune.serving.embedder import Embedder
from embedtune.snippets.rendering import Plug, probe
from embedtune.snippets.routes import TARGETS, Facts, demand_packages

TEXTS = 50
"""Queries and passages that are compared."""

TOLERANCE = 1e-5
"""Of a component, in this process's fp32."""

SERVER_TOLERANCE = 1e-3
"""Of a component, where a server computes in half precision or with other kernels."""

_DEPTH = 10
_SECONDS = 600


class Job(NamedTuple):
    """The inputs of a check: passages are rows with ``id``, ``title`` and ``text``; ``starts``: the first window of each."""

    queries: list[str]
    passages: list[dict[str, str]]
    windows: list[str]
    starts: list[int]


class Expected(NamedTuple):
    """What ``eval`` searches with: unit vectors ``(n, dim)``, and each passage's best score, ``(n_queries, n_passages)``."""

    queries: NDArray[np.float32]
    documents: NDArray[np.float32]
    scores: NDArray[np.float32]


class Answer(NamedTuple):
    """What the code gave; ``found`` are ids of passages by query, from stores alone."""

    queries: NDArray[np.float32]
    documents: NDArray[np.float32]
    found: list[list[str]] | None


class Check(NamedTuple):
    """What was compared, and the largest difference of any component."""

    n_queries: int
    n_passages: int
    difference: float


def check(facts: Facts, plug: Plug, *, url: str | None = None) -> Check:
    """Run printed code in a fresh process and compare its vectors with the run; servers need the ``url`` of a running one.

    Raises:
        ConfigError: If a package is missing, or the address of a server.
        IntegrityError: If the code does not run, a vector differs by more than 1e-5 (1e-3 of servers), or a query has other
            passages among its best ten.
        ProviderError: If a server does not answer.
    """
    target = TARGETS[plug.target]
    demand_packages(target)
    if target.kind == "server" and url is None:
        raise ConfigError(
            f"--check: expected --url of a running server, because {target.title} computes the vectors; nothing was checked",
            hint="start it first: " + "; ".join(plug.commands),
        )
    job, expected = make_job(facts)
    return compare(job, expected, _ask_elsewhere(plug, job), plug.target)


def make_job(facts: Facts) -> tuple[Job, Expected]:
    """Return what to ask of the code for a run, and what the run's own encoder answers."""
    embedder = Embedder.from_run(facts.run, facts.model, device="cpu", trust_remote_code=facts.trust_remote_code)
    dataset = read_dataset(facts.run / DATASET)
    query_texts = [query.text for name in ("test", "dev", "train") for query in dataset.splits[name].queries]
    queries = list(dict.fromkeys(query_texts))[:TEXTS]
    passages = list({passage.full_text: passage for passage in dataset.passages}.values())[:TEXTS]
    cut = embedder.windows_of(passages)
    windows = [text for texts in cut for text in texts]
    starts = np.cumsum([0, *(len(texts) for texts in cut[:-1])])
    vectors = embedder.encode_queries(queries), embedder.encode_documents(windows)
    scores = best_of_groups(vectors[0] @ vectors[1].T, starts)
    rows = [{"id": each.passage_id, "title": each.title, "text": each.text} for each in passages]
    return Job(queries, rows, windows, starts.tolist()), Expected(*vectors, scores)


def ask(code: str, target: str, job: Job) -> Answer:
    """Run code and its target's probe here, as ``__main__``."""
    space: dict[str, Any] = {"__name__": "__main__", **job._asdict()}
    exec(compile(code + probe(target), f"<plug for {target}>", "exec"), space)  # noqa: S102 (what the user is to paste)
    vectors = [np.asarray(space[name], dtype=np.float32) for name in ("query_vectors", "document_vectors")]
    return Answer(vectors[0], vectors[1], space.get("found"))


def compare(job: Job, expected: Expected, answer: Answer, target: str) -> Check:
    """Hold an answer against what was expected; see ``check``."""
    tolerance = SERVER_TOLERANCE if TARGETS[target].kind == "server" else TOLERANCE
    difference = 0.0
    for what, wanted, got in (
        ("queries", expected.queries, answer.queries),
        ("documents", expected.documents, answer.documents),
    ):
        if wanted.shape != got.shape:
            raise IntegrityError(f"{target}: expected vectors of {what} {wanted.shape}, found {got.shape}")
        worst = float(np.abs(wanted - got).max())
        if not worst <= tolerance:
            raise IntegrityError(
                f"{target}: expected the vectors that eval measured, found a difference of {worst:.2g} in those of {what} "
                f"(at most {tolerance:g} is allowed)",
                hint="is it this run's model, with these prompts, in fp32?",
            )
        difference = max(difference, worst)
    if answer.found is None:
        scores = best_of_groups(answer.queries @ answer.documents.T, np.array(job.starts))
        tens = np.argsort(-scores, axis=1, kind="stable")[:, :_DEPTH].tolist()
    else:
        number = {row["id"]: place for place, row in enumerate(job.passages)}
        tens = [[number[name] for name in ids] for ids in answer.found]
    for query, row, numbers in zip(job.queries, expected.scores, tens, strict=True):
        # Passages whose scores are equal but for rounding may change places.
        best = np.sort(row)[::-1][:_DEPTH]
        if len(set(numbers)) != len(best) or np.abs(row[numbers] - best).max() > tolerance:
            raise IntegrityError(
                f"{target}: expected the ten passages that eval finds for {query!r}, found others, or another order"
            )
    return Check(len(job.queries), len(job.passages), difference)


def _ask_elsewhere(plug: Plug, job: Job) -> Answer:
    with tempfile.TemporaryDirectory(prefix="embedtune-plug-") as scratch:
        path = Path(scratch) / "job.json"
        path.write_text(json.dumps({"code": plug.code, "target": plug.target, "job": job}), encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603 (our own module, no shell)
                [sys.executable, "-m", "embedtune.snippets.checking", str(path)],
                cwd=scratch,
                env={
                    **os.environ,
                    "CUDA_VISIBLE_DEVICES": "",
                    "ANONYMIZED_TELEMETRY": "False",
                    "HAYSTACK_TELEMETRY_ENABLED": "False",
                    "PGOPTIONS": "-c search_path=pg_temp,public",  # a check leaves no table behind
                },
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProviderError(f"{plug.target}: expected an answer within {_SECONDS} s, found none") from None
        if done.returncode:
            stderr = done.stderr.strip()
            # The exception, not the indented lines that may follow it.
            *_, last = ["nothing", *(line for line in stderr.splitlines() if not line[:1].isspace())]
            kind = TARGETS[plug.target].kind
            if kind == "server" or (kind == "database" and "OperationalError" in stderr):
                raise ProviderError(
                    f"{plug.target}: expected an answer of the server, found: {last}",
                    hint="start it first: " + ("; ".join(plug.commands) or "PGHOST and PGUSER say where it listens"),
                )
            raise IntegrityError(f"{plug.target}: expected code that runs, found:\n{stderr[-2000:]}")
        with np.load(path.with_suffix(".npz")) as vectors:
            found = json.loads(path.with_suffix(".found").read_text(encoding="utf-8"))
            return Answer(vectors["queries"], vectors["documents"], found)


def _main(path: Path) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    answer = ask(values["code"], values["target"], Job(*values["job"]))
    np.savez(path.with_suffix(".npz"), queries=answer.queries, documents=answer.documents)
    path.with_suffix(".found").write_text(json.dumps(answer.found), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
