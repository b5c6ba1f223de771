"""What ``fit-map`` prints for people."""

from __future__ import annotations

import click

from embedtune.stages.result import StageResult

_SHOWN = ("hit_rate@5", "mrr@10", "ndcg@10", "recall@100")


def print_mapped(result: StageResult) -> None:
    """Show what the map gained on dev, what was shipped, and the test split with and without it."""
    facts = result.facts
    gain = f"dev gain {facts['dev']['gain']:+.3f} ± {facts['dev']['standard_error']:.3f}"
    if facts["shipped"] == "tuned":
        click.echo(f"shipped: a map for the queries of {facts['embedding']}, strength {facts['strength']:g}, {gain}")
    else:
        click.echo(
            f"shipped: no map; queries of {facts['embedding']} stay as they are: the {gain} is no more than noise"
        )
    click.echo(f"{'test':<8}" + "".join(f"{name:>12}" for name in _SHOWN))
    for name, values in facts["test"].items():
        click.echo(f"{name:<8}" + "".join(f"{values[measure]:>12.3f}" for measure in _SHOWN))
    click.echo(str(result.folder))
