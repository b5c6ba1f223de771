"""``embedtune advise``.

What ``advise`` prints for people: what was measured, and at the end, where the eye falls, the one recommendation.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from embedtune import machine
from embedtune.advise.chunk_sizes import CUT_OFF
from embedtune.advise.result import Advice, Cost, Scaling, WindowShare
from embedtune.cli import options, output
from embedtune.cli.layout import UNBROKEN, echo_wrapped, print_columns, width, wrapped
from embedtune.evaluation.points import with_interval
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import Comparison
from embedtune.systems import System

_MEASURES = (PRIMARY, "mrr@10", "recall@100")
_INDENT = "  "
_LABEL = 6
_MAX_SHOWN = 3  # of each kind
_MAX_WIDTH = 100
_TOLD_GAIN = "2"  # points
_WAYS = {"query_side": "tune the query encoder", "both_sides": "tune both encoders"}
_STEPS = {
    "fix_chunking": "chunks of {size} tokens",
    "use_fusion": "fusion with BM25",
    "use_bm25": "BM25 alone",
    "tune_query_side": "tune the query encoder (train --method query-lora)",
    "tune_fully": "tune on your judged queries (generate --queries-from source, train --method auto)",
    "leave": "change nothing",
}


def print_advice(advice: Advice, out: Path | None = None) -> None:
    """Print everything."""
    _print_source(advice)
    _print_window(advice.window)
    _print_chunks(advice)
    _print_systems(advice)
    _print_outlook(advice)
    if advice.scaling:
        _print_scaling(advice.scaling)
    _print_recommendation(advice)
    if out:
        click.echo(f"\nwritten: {out}")


def _print_source(advice: Advice) -> None:
    language = f", {advice.language.capitalize()}" if advice.language else ""
    corpus = f"{advice.documents:,} documents, {advice.sample.of_passages:,} passages{language}"
    echo_wrapped(f"{advice.source}: {corpus}", _INDENT)
    click.echo(f"base model {advice.model}")
    for label, files in (("not read", advice.skipped), ("note", advice.notes)):
        for name, text in files[:_MAX_SHOWN]:
            _print_filled(f"{label}: {name}: {text}")
        if len(files) > _MAX_SHOWN:
            click.echo(f"{_INDENT}{label}: {len(files) - _MAX_SHOWN:,} more")
    queries = advice.queries
    rules = "synthetic queries, made from the text by rules"
    how = rules if queries.origin == "synthetic" else f"queries of {queries.name}"
    click.echo(f"evaluated on {queries.n:,} {how}, from {queries.clusters:,} {queries.clustered_by}s")


def _print_window(window: WindowShare) -> None:
    _head("Text beyond the model's limit", "most frameworks cut it off silently")
    seen = f"The model reads {window.window_tokens} tokens of a text"
    if not window.share_lost_whole:
        _print_filled(f"{seen}; every document fits ({window.median_tokens:,} tokens at the median).")
        return
    chunks = "".join(
        f"; in chunks of {int(size):,} tokens {share:.0%}" for size, share in window.share_lost_in_chunks.items()
    )
    _print_filled(
        f"{seen}, and {window.share_documents_longer:.0%} of the documents are longer. Embedded whole, they lose "
        f"{window.share_lost_whole:.0%} of their text{chunks}."
    )


def _print_chunks(advice: Advice) -> None:
    chunks, sample = advice.chunks, advice.sample
    _head("Chunk size", f"base model, {sample.chunk_queries} queries, {_among(sample.chunk_passages, advice)}")
    against = {each.system: each for each in chunks.comparisons}
    rows = [("tokens", *_MEASURES, "vectors", f"gain over {_cell_name(chunks.reference)} (95 %)")]
    for name, values in chunks.cells.items():
        mark = " *" if name == str(chunks.best) else ""
        vectors = f"{values['vectors']:,.0f}"
        rows.append((_cell_name(name) + mark, *_figures(values), vectors, _interval(against.get(name))))
    print_columns(rows, _INDENT)


def _print_systems(advice: Advice) -> None:
    sample = advice.sample
    searched = f"{advice.queries.n} queries, {_among(sample.passages, advice)}"
    _head("Search systems", f"chunks of {advice.chunks.best} tokens, {searched}")
    against = {each.system: each for each in advice.comparisons if each.reference == "base"}
    rows = [("", *_MEASURES, "gain over base (95 %)")]
    for name, values in advice.systems.items():
        rows.append((System.parse(name).label, *_figures(values), _interval(against.get(name))))
    print_columns(rows, _INDENT)


def _print_outlook(advice: Advice) -> None:
    headroom = advice.headroom
    _head("Room for improvement, and its cost")
    _labelled(
        "gain",
        f"{100 * headroom.gain:.1f} points of {PRIMARY} at most, by ranking better: {System.parse(headroom.system).label} has "
        f"{headroom.now:.3f}, and {headroom.perfect_order:.3f} if its top 100 were ranked perfectly.",
    )
    counts = " or ".join(f"{each.needed[_TOLD_GAIN]:,} ({each.change})" for each in advice.power)
    _labelled(
        "test",
        f"detecting a gain of {_TOLD_GAIN} points with 80 % power takes about {counts} test queries; "
        f"{advice.queries.n:,} were available.",
    )
    _print_cost(advice.cost)


def _print_cost(cost: Cost) -> None:
    parts = [f"encode the corpus {_duration(cost.encode_corpus_seconds)}"]
    for key, words in _WAYS.items():
        if tuning := getattr(cost, key):
            parts.append(f"{words} {_duration(tuning.seconds)} and {machine.in_words(tuning.memory_bytes)}")
    free = machine.in_words(cost.memory_available_bytes)
    _labelled("cost", f"{'; '.join(parts)} (measured on {cost.cores} cores; {free} of memory free).")


def _print_scaling(scaling: Scaling) -> None:
    _head("Would more queries help?", "query encoder tuned for a few steps, compared with the base")
    rows = [("train queries", f"points of {PRIMARY} (95 %)")]
    rows += [(f"{point.train_queries:,}", with_interval(point.gain, point.ci95)) for point in scaling.points]
    print_columns(rows, _INDENT)
    effect = "more queries help" if scaling.slope_per_doubling > 0 else "more queries harm"
    points = with_interval(scaling.slope_per_doubling, scaling.ci95)
    _print_filled(
        f"Twice as many queries: {points} points; {effect if scaling.distinguishable else 'not significant'}."
    )


def _print_recommendation(advice: Advice) -> None:
    recommended = advice.recommendation
    click.echo("\n" + "═" * min(width(), _MAX_WIDTH))
    for warning in advice.warnings:
        echo_wrapped(f"WARNING: {warning}", _INDENT)
    click.echo(click.style(wrapped(f"Recommendation: {recommended.sentence}", _INDENT), bold=True))
    then = [_STEPS[step].format(size=advice.chunks.best) for step in recommended.then]
    for label, lines in (("why", recommended.reasons), ("then", then), ("but", recommended.weak)):
        for number, line in enumerate(lines):
            _labelled("" if number else label, line)
    for number, line in enumerate(recommended.commands):
        click.echo(f"{_INDENT}{'' if number else 'next':<{_LABEL}}{line}")


def _head(title: str, note: str = "") -> None:
    click.echo("\n" + wrapped(title + (f" ({note})" if note else ""), _INDENT))


def _labelled(label: str, text: str) -> None:
    text = text.replace("95 %", f"95{UNBROKEN}%")
    echo_wrapped(f"{_INDENT}{label:<{_LABEL}}{text}", _INDENT + " " * _LABEL)


def _print_filled(text: str) -> None:
    echo_wrapped(_INDENT + text, _INDENT)


def _figures(values: Mapping[str, float]) -> tuple[str, str, str]:
    first, second, third = (f"{values[measure]:.3f}" for measure in _MEASURES)
    return first, second, third


def _among(n_passages: int, advice: Advice) -> str:
    return f"{n_passages:,} of {advice.sample.of_passages:,} passages"


def _cell_name(name: str) -> str:
    return "cut off" if name == CUT_OFF else name


def _interval(gain: Comparison | None) -> str:
    return with_interval(gain.difference, gain.ci95) if gain else ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


_QUERIES_HELP = (
    "Real queries with judgements: a BEIR folder, a LlamaIndex JSON file or a packaged set; default: synthetic ones."
)
_WINDOW_HELP = "Current or planned chunk size in tokens; other sizes are compared with it.  [default: 128]"


@click.command("advise")
@click.argument("source", required=False)
@click.option("--queries", help=_QUERIES_HELP)
@click.option("--model", help="Base model: hub name or local folder.")
@click.option("--window", "--window-tokens", "window_tokens", type=int, help=_WINDOW_HELP)
@click.option(
    "--scaling", is_flag=True, help="Also measure whether more queries would help, with three small trainings."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the result to this JSON file.")
@options.shared(work=False)
def command(common: options.Shared, queries: str | None, scaling: bool, out: Path | None, **given: Any) -> None:
    """Recommend what to do with your documents, before any tuning: one recommendation, with reasons.

    SOURCE is as for generate: a folder of documents, a BEIR folder, a LlamaIndex JSON file or python-reference. It takes a few
    minutes, and large sources are sampled. Nothing is written without --out.

    \b
    Example: embedtune advise docs/
             embedtune advise docs/ --queries my-queries/ --out advice.json
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.advise.advise import advise
    from embedtune.advise.result import check_file, write_advice
    from embedtune.config.settings import GenerateConfig

    config = common.load(GenerateConfig, "generate", given)
    if out:
        check_file(out)
    advice = advise(config, queries=queries, scaling=scaling)
    if out:
        write_advice(advice, out)
    if common.as_json:
        output.print_json(advice.model_dump(mode="json", by_alias=True))
    else:
        print_advice(advice, out)
