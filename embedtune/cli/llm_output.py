"""What ``generate`` prints about a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


def print_llm(facts: Mapping[str, Any]) -> None:
    """Show what was asked and answered, and how close the queries come to the user's own."""
    failed = ", ".join(f"{count} {name}" for name, count in facts["failed"].items())
    click.echo(
        f"{facts['model']}: {facts['answered']} of {facts['calls']} calls answered, failed: {failed or 'none'}; "
        f"{facts['written']} queries written, {facts['preambles']} preambles taken off"
    )
    if facts["screened_passages"]:
        click.echo(f"{facts['screened_passages']} passages give orders to a model; nothing was asked about them")
    if facts["relabelled"]:
        click.echo(f"{facts['relabelled']} further answers found among the fused top ten")
    if examples := facts.get("examples"):
        print_closeness(examples)
    if facts["failed"]:
        click.echo("the same command with --retry-errors asks the failed again")


def print_closeness(examples: Mapping[str, Any]) -> None:
    """Compare written queries with the user's own."""
    words, forms = examples["words"], examples["forms"]
    click.echo(f"beside your {examples['n_examples']} examples (examples, written):")
    click.echo(
        f"  median words {words['examples']:g}, {words['written'] or 0:g}; {words['written_in_range']:.0%} within their range"
    )
    listed = ", ".join(
        f"{form} {forms['examples'][form]:.0%} {forms['written'][form]:.0%}" for form in forms["examples"]
    )
    click.echo(f"  forms {listed}; overlap {forms['overlap']:.0%}")
    click.echo(f"  {examples['vocabulary']:.0%} of their words occur in the written ones")


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
