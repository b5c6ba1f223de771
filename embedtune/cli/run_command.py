"""``embedtune run``."""

from __future__ import annotations

from typing import Any

import click

from embedtune.cli import options, output


@click.command("run")
@click.argument("recipe", required=False)
@click.option("--out", help="Run folder, instead of the recipe's.")
@click.option("--list", "listing", is_flag=True, help="List the packaged recipes.")
@options.shared()
def command(common: options.Shared, recipe: str | None, *, listing: bool, **given: Any) -> None:
    """Generate, train and evaluate with one recipe; stages that are up to date are skipped.

    RECIPE is a YAML file or the name of a packaged recipe.

    \b
    Example: embedtune run --list
             embedtune run quickstart
             embedtune run documents --set generate.source=FOLDER --out runs/mine
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import RunConfig, load_config
    from embedtune.pipeline.run import run
    from embedtune.resources import describe_recipe, find_recipe, recipes

    if listing:
        output.show_facts({name: describe_recipe(path) for name, path in recipes().items()}, as_json=common.as_json)
        return
    if (recipe is None) == (common.file is None):
        raise click.UsageError("expected one recipe, as RECIPE or with --config")
    file = find_recipe(recipe) if recipe else common.file
    if given["seed"] is not None:  # a named option wins over every section's own seed
        given |= {f"{stage}.seed": given["seed"] for stage in ("generate", "train", "eval")}
    config = load_config(RunConfig, file=file, settings=common.settings, options=given)
    output.show_run(run(config, force=common.force, dry_run=common.dry_run), as_json=common.as_json)
