"""What ``generate`` prints for people: counts, sample queries, and the calls of an LLM."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from embedtune.cli.layout import echo_wrapped, print_next

if TYPE_CHECKING:
    from embedtune.project.records import DatasetRecord, ExamplesRecord, LlmRecord, WindowRecord
    from embedtune.project.stage import StageResult

_N_SAMPLES = 5
_FEW_DOCUMENTS = 200  # with more than these the test split has enough of them
_DROPPED = {
    "not_language": "without enough words",
    "boilerplate": "boilerplate",
    "duplicate": "duplicates",
    "fits_anywhere": "too generic",
    "round_trip": "not findable by BM25",
}


def print_generated(result: StageResult[DatasetRecord]) -> None:
    """Print what generate made, and some of its queries."""
    record = result.record
    click.echo(f"{record.documents} documents, {record.skipped} not read, {record.passages} passages")
    if record.passages_from_labels:
        click.echo(
            f"texts of the labels that stand in no document and are passages of their own: {record.passages_from_labels}"
        )
    click.echo(_window(record.window))
    for split, kinds in record.queries.items():
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        click.echo(f"{split:<6}{sum(kinds.values()):>6} queries: {listed or 'none'}")
    if record.split_by == "section":
        click.echo("too few documents to split by document, so each was divided into a train, a dev and a test part")
    dropped = ", ".join(f"{n} {_DROPPED.get(name, name)}" for name, n in record.dropped_queries.items() if n)
    echo_wrapped(f"dropped queries: {dropped or 'none'}")
    if record.llm:
        _print_llm(record.llm)
    _print_samples(result.folder / "queries.jsonl")
    if record.documents < _FEW_DOCUMENTS:
        _print_few_clusters(result.folder)
    click.echo(str(result.folder))
    print_next(f"embedtune train {result.folder.parent}")


def _window(window: WindowRecord) -> str:
    size = f"chunks of {window.tokens} tokens; model limit {window.model_tokens}"
    if not window.share_lost and not window.share_lost_by_truncation:
        return f"no text is cut off ({size})"
    return (
        f"{window.share_lost:.0%} of the tokens are cut off ({size}); without chunks it would be "
        f"{window.share_lost_by_truncation:.0%}"
    )


def _print_samples(path: Path) -> None:
    rows = path.read_text(encoding="utf-8").splitlines()
    if not rows:
        return
    click.echo("sample queries:")
    for row in rows[:: -(-len(rows) // _N_SAMPLES)]:
        query = json.loads(row)
        kind = query.get("metadata", {}).get("kind", "")
        echo_wrapped(f"  {kind:<10}{query['text']}", " " * 12)


def _print_few_clusters(folder: Path) -> None:
    """Warn when the test split can never show a significant difference."""
    from embedtune.dataset import read_dataset
    from embedtune.evaluation.significance import FEWEST_CLUSTERS
    from embedtune.evaluation.slices import group_queries

    dataset = read_dataset(folder)
    groups = group_queries(dataset.splits["test"], dataset.passages)
    if (n := len(set(groups.labels))) < FEWEST_CLUSTERS:
        echo_wrapped(
            f"The test queries come from {n} {groups.unit}{'s' * (n != 1)}; significance needs at least "
            f"{FEWEST_CLUSTERS}. Evaluate with your own queries (eval --queries), or enlarge the test split "
            "(--set split.train=0.6 --set split.test=0.3)."
        )


def _print_llm(record: LlmRecord) -> None:
    failed = ", ".join(f"{count} {name}" for name, count in record.failed.items())
    click.echo(
        f"{record.model}: {record.answered} of {record.calls} calls answered, failed: {failed or 'none'}; "
        f"{record.written} queries, {record.preambles} preambles removed"
    )
    if record.screened_passages:
        click.echo(f"{record.screened_passages} passages contain instructions to an LLM and were not sent")
    if record.relabelled:
        click.echo(f"{record.relabelled} further relevant passages found in the top ten of hybrid search")
    if record.examples:
        print_closeness(record.examples)
    if record.failed:
        click.echo("to retry the failed calls, run the same command with --retry-errors")


def print_closeness(examples: ExamplesRecord) -> None:
    """Compare LLM-generated queries with the user's own."""
    words, forms = examples.words, examples.forms
    click.echo(f"compared with your {examples.n_examples} examples (examples, generated):")
    click.echo(
        f"  median words {words.examples:g}, {words.written or 0:g}; {words.written_in_range:.0%} within their range"
    )
    listed = ", ".join(f"{form} {share:.0%} {forms.written[form]:.0%}" for form, share in forms.examples.items())
    click.echo(f"  forms {listed}; overlap {forms.overlap:.0%}")
    click.echo(f"  {examples.vocabulary:.0%} of the words of the examples occur in the generated queries")


def print_llm_plan(plan: Mapping[str, Any]) -> None:
    """Print the calls, tokens, price and time that generation with an LLM would take."""
    click.echo(
        f"{plan['queries']} queries from {plan['passages']} passages in {plan['calls']} calls; "
        f"{plan['cached']} answered already, {plan['given_up']} failed before, {plan['to_ask']} to send"
    )
    if plan["screened_passages"]:
        click.echo(f"{plan['screened_passages']} passages contain instructions to an LLM and are left out")
    if plan["further_calls_at_most"]:
        click.echo(f"judge and relabelling: up to {plan['further_calls_at_most']} further calls, not counted below")
    click.echo(f"about {plan['prompt_tokens']:,} prompt tokens and {plan['completion_tokens']:,} completion tokens")
    if plan["price"] is None:
        click.echo("price: set llm.price_input and llm.price_output (per million tokens) to see it")
    else:
        most = f"at most {plan['price_at_most']:.2f} (if every answer is of full length)"
        click.echo(f"price: about {plan['price']:.2f}, {most}")
    click.echo(f"time: about {_duration(plan['seconds'])}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
