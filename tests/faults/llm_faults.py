"""Ask a server that goes wrong in 37 of 100 calls, and hold what comes out against the same server without faults.

    python tests/faults/llm_faults.py [FOLDER] --calls 2000

writes ``benchmarks/llm_faults.md`` and ``.json``. FOLDER holds ``train_dataset.json`` and ``val_dataset.json`` of
run-llama/finetune-embedding: then the passages are its chunks and the server answers with its recorded questions. Without it
passages and queries are made up. Both sides run at the same rate and concurrency. Afterwards: what ends a run (401, 402, quota)
at once, the cost limit, and keys in what was written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.scale import texts as made_up_texts  # noqa: E402
from embedtune.config.settings import LlmConfig  # noqa: E402
from embedtune.errors import ProviderError  # noqa: E402
from embedtune.llm.store import (  # noqa: E402
    AnswerStore,
    Call,
    Message,
    make_call,
)
from embedtune.synthesis.llm.replies import read_queries  # noqa: E402
from embedtune.synthesis.llm.session import LlmSession  # noqa: E402
from tests.llm_server import FAULTS, GRACE_S, IN_A_ROW, REFUSED, WAIT_S, Script, ServerProcess  # noqa: E402

N_QUERIES = 2
ATTEMPTS = 8
FATAL = ((401, "invalid_api_key"), (402, "payment_required"), (429, "insufficient_quota"))


class Questions:
    """Prompts, and the answer that a good server gives to each."""

    def __init__(self, folder: Path | None, n_calls: int) -> None:
        rows = _recorded(folder) if folder else _made_up(n_calls)
        # More calls than passages: the same passages with other markers, as another seed asks them.
        self.calls = [_call(number, *rows[number % len(rows)]) for number in range(n_calls)]
        self.answers = {f"[[{number}]]": _answer(rows[number % len(rows)][1]) for number in range(n_calls)}


def _call(number: int, passage: str, queries: Sequence[str]) -> Call:
    marker = f"{number:012x}"
    prompt = (
        f"[[{number}]] <<{marker} PASSAGE>>\n{passage}\n<<{marker} END>>\nWrite {len(queries)} queries.\n"
        + json.dumps({"queries": ["…"] * len(queries)}, ensure_ascii=False)
    )
    return make_call("openai:scripted", [Message("user", prompt)], {"temperature": 0.7, "max_tokens": 512}, "write")


def _answer(queries: Sequence[str]) -> str:
    return json.dumps({"queries": list(queries)}, ensure_ascii=False)


def _recorded(folder: Path) -> list[tuple[str, list[str]]]:
    rows = []
    for name in ("train_dataset.json", "val_dataset.json"):
        data = json.loads((folder / name).read_text(encoding="utf-8"))
        asked: dict[str, list[str]] = {}
        for query, (passage,) in data["relevant_docs"].items():
            asked.setdefault(passage, []).append(data["queries"][query])
        rows += [(data["corpus"][passage], queries) for passage, queries in asked.items() if len(queries) == N_QUERIES]
    return rows


def _made_up(n: int) -> list[tuple[str, list[str]]]:
    return [
        (text, [f"what does {number} say", f"facts about {number}"])
        for number, text in enumerate(islice(made_up_texts(), n))
    ]


class Run:
    """One run of all calls against one server."""

    def __init__(self, questions: Questions, script: Script, folder: Path, **settings: Any) -> None:
        self.questions = questions
        self.folder = folder
        script.answers = questions.answers
        folder.mkdir(parents=True, exist_ok=True)
        with ServerProcess(script) as server:
            config = LlmConfig(name="openai:scripted", base_url=server.url, **settings)
            store = AnswerStore(folder / ".llm.sqlite")
            self.error: ProviderError | None = None
            started = time.monotonic()
            self.asking = LlmSession(config, store)
            try:
                self.asking.ask(questions.calls, judge, "ask")
            except ProviderError as error:
                self.error = error
            self.seconds = time.monotonic() - started
            outcomes = self.asking.outcomes(questions.calls, judge)
            self.pairs = {
                (key, text)
                for key, outcome in outcomes.items()
                if outcome.answer
                for text in read_queries(outcome.answer.text, finish=outcome.answer.finish, n=N_QUERIES).texts
            }
            self.failed = {key: outcome.failure for key, outcome in outcomes.items() if outcome.failure}
            self.tokens = store.tokens()
            store.close()
            self.record: dict[str, Any] = server.record()


def judge(call: Call, answer: Any) -> str | None:
    """Tell what is wrong with an answer."""
    return read_queries(answer.text, finish=answer.finish, n=N_QUERIES).fault


def storm(
    questions: Questions,
    scratch: Path,
    rate: float | None,
    concurrency: int,
    seed: int,
    latency_s: float,
    *,
    wait_s: float = WAIT_S,
    hang_s: float = 5.0,
    in_a_row: int = IN_A_ROW,
) -> dict[str, Any]:
    """Ask everything without faults and with them."""
    settings = {"requests_per_minute": rate, "concurrency": concurrency, "timeout_s": hang_s}
    calm = Run(questions, Script(latency_s=latency_s), scratch / "calm", **settings)
    wild = Run(
        questions,
        Script(faults=FAULTS, refused=REFUSED, in_a_row=in_a_row, seed=seed, latency_s=latency_s, wait_s=wait_s),
        scratch / "wild",
        **settings,
    )
    refused = {key for key, failure in wild.failed.items() if failure == "refusal"}
    wanted = {pair for pair in calm.pairs if pair[0] not in refused}
    scripted = sum(int(_prompt_key(call)[:8], 16) % REFUSED == 0 for call in questions.calls)
    faults: dict[str, int] = wild.record["faults"]
    injected = sum(count for name, count in faults.items() if name != "refused_for_ever")
    asked = wild.record["calls"] - faults.get("refused_for_ever", 0)
    return {
        "calls": len(questions.calls),
        "fault_share": round(injected / asked, 4),
        "faults": faults,
        "pairs_without_faults": len(wanted),
        "pairs_with_faults": len(wild.pairs),
        "share_of_pairs": round(len(wild.pairs & wanted) / len(wanted), 5),
        "other_pairs": len(wild.pairs - wanted),
        "refused_for_ever": {"scripted": scripted, "given_up": len(refused)},
        "given_up_otherwise": len(wild.failed) - len(refused),
        "calls_in_a_retry_after_window": wild.record["in_window"],
        "latest_of_these_s": max(wild.record["lateness"], default=None),
        "of_the_same_prompt": wild.record["same_prompt_in_window"],
        "most_attempts": wild.record["most_calls_of_a_prompt"],
        "answered_twice": wild.record["answered_twice"],
        "seconds": {"without_faults": round(calm.seconds, 1), "with_faults": round(wild.seconds, 1)},
        "time_ratio": round(wild.seconds / calm.seconds, 2),
        "rate_per_minute": rate,
        "concurrency": concurrency,
        "faults_in_a_row_at_most": in_a_row or None,
    }


def fatal_ends(questions: Questions, scratch: Path, concurrency: int, *, after: int = 100) -> list[dict[str, Any]]:
    """Let a provider refuse for good after some calls, then go on with one that works."""
    rows = []
    for status, code in FATAL:
        folder = scratch / f"fatal-{status}-{code}"
        ended = Run(questions, Script(fatal=(status, code), fatal_after=after), folder, concurrency=concurrency)
        kept = len(ended.pairs) // N_QUERIES
        calls_after = ended.record["calls"] - after
        again = Run(questions, Script(), folder, concurrency=concurrency)
        rows.append({
            "status": status, "code": code, "exit_code": ended.error.exit_code if ended.error else 0, "answers_kept": kept,
            "calls_after": calls_after, "workers": concurrency, "asked_when_going_on": again.record["calls"],
            "complete_then": len(again.pairs) == N_QUERIES * len(questions.calls),
        })  # fmt: skip
    return rows


def cost_limit(questions: Questions, scratch: Path, concurrency: int, *, limit: float = 0.02) -> dict[str, Any]:
    """Stop at a cost limit."""
    prices = {"price_input": 1.0, "price_output": 4.0}
    run = Run(questions, Script(latency_s=0.02), scratch / "dear", concurrency=concurrency, max_cost=limit, **prices)
    cost = (prices["price_input"] * run.tokens[0] + prices["price_output"] * run.tokens[1]) / 1e6
    return {"limit": limit, "spent": round(cost, 5), "exit_code": run.error.exit_code if run.error else 0}


def _prompt_key(call: Call) -> str:
    import hashlib

    return hashlib.sha256(call.messages[-1].content.encode()).hexdigest()


def main() -> None:
    """Ask, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=1200, help="calls a minute on both sides; 0 is no limit")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--in-a-row", type=int, default=IN_A_ROW, help="faults of one prompt at most; 0 is no limit")
    parser.add_argument("--print-only", action="store_true", help="write no files")
    arguments = parser.parse_args()
    questions = Questions(arguments.folder, arguments.calls)
    with tempfile.TemporaryDirectory(prefix="embedtune-llm-") as scratch:
        found = storm(
            questions,
            Path(scratch),
            arguments.rate or None,
            arguments.concurrency,
            arguments.seed,
            arguments.latency,
            in_a_row=arguments.in_a_row,
        )
        few = Questions(arguments.folder, min(400, arguments.calls))
        result = {
            "schema_version": 1,
            "questions": "recorded in 2023" if arguments.folder else "made up",
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
            "seed": arguments.seed,
            "storm": found,
            "fatal": fatal_ends(few, Path(scratch), 8),
            "cost_limit": cost_limit(few, Path(scratch), 8),
        }
    if not arguments.print_only:
        (ROOT / "benchmarks" / "llm_faults.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (ROOT / "benchmarks" / "llm_faults.md").write_text(table(result), encoding="utf-8")
    print(json.dumps(result, indent=1) if arguments.print_only else table(result))


def table(result: dict[str, Any]) -> str:
    """Return the figures for people."""
    found = result["storm"]
    seconds = found["seconds"]
    refused = found["refused_for_ever"]
    rows = [
        (f"calls ({result['questions']} questions)", "", f"{found['calls']}"),
        ("attempts that went wrong", "about 37 %", f"{found['fault_share']:.1%}"),
        ("pairs, of those whose call is not always refused", "≥ 99.9 %", f"{found['share_of_pairs']:.2%}"),
        ("pairs that the server did not write", "0", f"{found['other_pairs']}"),
        ("always refused: scripted, given up", "equal", f"{refused['scripted']}, {refused['given_up']}"),
        (
            f"calls in a Retry-After window (later than {GRACE_S:g} s after it opened)",
            "0",
            f"{found['calls_in_a_retry_after_window']}",
        ),
        ("attempts of a call at most", "≤ 8", f"{found['most_attempts']}"),
        ("calls answered well twice", "0", f"{found['answered_twice']}"),
        (
            "time with faults, without",
            "≤ 3 ×",
            f"{seconds['with_faults']} s, {seconds['without_faults']} s: {found['time_ratio']} ×",
        ),
    ]
    for row in result["fatal"]:
        name = f"{row['status']} {row['code']}: calls afterwards, exit code, complete when going on"
        rows.append(
            (
                name,
                f"≤ {row['workers']}, 4, yes",
                f"{row['calls_after']}, {row['exit_code']}, {_yes(row['complete_then'])}",
            )
        )
    limit = result["cost_limit"]
    rows.append(
        (
            "cost limit: limit, spent, exit code",
            "≤ limit + calls in flight, 4",
            f"{limit['limit']}, {limit['spent']}, {limit['exit_code']}",
        )
    )
    lines = ["| what | wanted | found |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows), ""]
    most, rate = found["faults_in_a_row_at_most"], found["rate_per_minute"]
    lines.append(
        f"{f'At most {most} faults' if most else 'Any number of faults'} in a row for one prompt; {found['concurrency']} calls at "
        f"once, {f'{rate:g} a minute on both sides' if rate else 'no rate'}, seed {result['seed']}; {result['machine']}."
    )
    return re.sub(r" +\|", " |", "\n".join(lines)) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    main()
