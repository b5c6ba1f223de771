"""What ``generate`` prints about a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from embedtune.project.records import ExamplesRecord, LlmRecord


def print_llm(record: LlmRecord) -> None:
    """Show the calls and answers, and how close the queries come to the user's own."""
    failed = ", ".join(f"{count} {name}" for name, count in record.failed.items())
    click.echo(
        f"{record.model}: {record.answered} of {record.calls} calls answered, failed: {failed or 'none'}; "
        f"{record.written} queries written, {record.preambles} preambles taken off"
    )
    if record.screened_passages:
        click.echo(f"{record.screened_passages} passages give orders to a model; nothing was asked about them")
    if record.relabelled:
        click.echo(f"{record.relabelled} further answers found among the fused top ten")
    if record.examples:
        print_closeness(record.examples)
    if record.failed:
        click.echo("the same command with --retry-errors asks the failed again")


def print_closeness(examples: ExamplesRecord) -> None:
    """Compare LLM-generated queries with the user's own."""
    words, forms = examples.words, examples.forms
    click.echo(f"beside your {examples.n_examples} examples (examples, written):")
    click.echo(
        f"  median words {words.examples:g}, {words.written or 0:g}; {words.written_in_range:.0%} within their range"
    )
    listed = ", ".join(f"{form} {share:.0%} {forms.written[form]:.0%}" for form, share in forms.examples.items())
    click.echo(f"  forms {listed}; overlap {forms.overlap:.0%}")
    click.echo(f"  {examples.vocabulary:.0%} of their words occur in the written ones")


def print_llm_plan(plan: Mapping[str, Any]) -> None:
    """Show what asking would take."""
    click.echo(
        f"{plan['queries']} queries from {plan['passages']} passages in {plan['calls']} calls; "
        f"{plan['cached']} answered already, {plan['given_up']} given up, {plan['to_ask']} to ask"
    )
    if plan["screened_passages"]:
        click.echo(f"{plan['screened_passages']} passages give orders to a model and are left out")
    if plan["further_calls_at_most"]:
        click.echo(f"judge and relabelling: up to {plan['further_calls_at_most']} calls more, not counted below")
    click.echo(f"about {plan['prompt_tokens']:,} prompt tokens and {plan['completion_tokens']:,} answer tokens")
    if plan["price"] is None:
        click.echo("price: set llm.price_input and llm.price_output (for a million tokens) to see it")
    else:
        click.echo(
            f"price: about {plan['price']:.2f}, at most {plan['price_at_most']:.2f} if every answer is as long as it may be"
        )
    click.echo(f"time: about {_duration(plan['seconds'])}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
