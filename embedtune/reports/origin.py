"""What the page says of where its figures come from: settings, versions, seeds, time, machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from embedtune.reports.rendering import share, spoken


def origin(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stages with time and machine, a sentence on the dataset, and all settings as rows."""
    stages = [
        {
            "stage": stage,
            "started": made.get("started", "–"),
            "seconds": f"{made['duration_s']:,}" if "duration_s" in made else "–",
            "seed": data["settings"][stage].get("seed", "–"),
            "machine": ", ".join(
                str(part) for part in (made.get("system"), _cores(made), _python(made)) if part is not None
            ),
        }
        for stage, made in data["made"].items()
    ]
    settings = [(f"Settings of {stage}", list(_rows(values))) for stage, values in data["settings"].items()]
    versions = ("Versions", list(_rows(data["versions"])))
    return {"stages": stages, "dataset": _dataset(data["dataset"]), "settings": [*settings, versions]}


def _cores(made: Mapping[str, Any]) -> str | None:
    return f"{made['cpus']} cores" if made.get("cpus") else None


def _python(made: Mapping[str, Any]) -> str | None:
    return f"Python {made['python']}" if made.get("python") else None


def _dataset(found: Mapping[str, Any]) -> str:
    """Say what the dataset holds."""
    queries = "; ".join(
        f"{split} {sum(kinds.values()):,} ({', '.join(f'{count:,} {kind}' for kind, count in kinds.items()) or 'none'})"
        for split, kinds in found["queries"].items()
    )
    window = found.get("window")
    cut_off = (
        f" A window holds {window['tokens']:,} tokens; passages cut off at the model's own {window['model_tokens']:,} would "
        f"lose {share(window['share_lost_by_truncation'])} of all."
        if window
        else ""
    )
    return (
        f"{found['documents']:,} documents were read and {found['skipped']:,} skipped. Queries by split: {queries}. "
        f"The splits are parted by {found['split_by']}.{cut_off}"
    )


def _rows(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the value of each setting, those of a group under its name."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{spoken(name)} › ")
        else:
            yield f"{prefix}{spoken(name)}", _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value is None else str(value)
