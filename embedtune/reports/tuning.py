"""What the page says of the training: loss by step, dev by step and by strength."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedtune.reports.charts import Chart, Points, colour_of, line_chart
from embedtune.reports.rendering import points

_AROUND = 9  # steps: single losses jump, as every batch is another
_TUNED = colour_of("tuned")


def training(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a sentence and the curves of a training; None where nothing is known of it."""
    dev = found.get("dev")
    if not dev:
        return None
    shipped = "the tuned model was shipped" if found["shipped"] == "tuned" else "the base was shipped"
    sentence = (
        f"Method {found['method']}, frozen weights {found['quantize']}. On {dev['n_queries']:,} dev queries, which are not "
        f"those of this report, the {dev['measure']} changed by {points(dev['gain'])} ± {100 * dev['standard_error']:.1f} "
        f"points (± one standard error); {shipped}, at strength {found['strength']:g}."
    )
    return {"sentence": sentence, "charts": [*_losses(found), *_dev_curves(dev)]}


def _losses(found: Mapping[str, Any]) -> list[Chart]:
    if not found["losses"]:
        return []
    title = "Training loss by step"
    if found["n_losses"] > len(found["losses"]):
        title += f", means of {found['n_losses']:,} steps"
    series = {"loss": found["losses"]}
    if len(found["losses"]) >= 2 * _AROUND:
        series[f"mean of {_AROUND} around it"] = _smoothed(found["losses"])
    colours = {"loss": 0} if len(series) > 1 else {"loss": _TUNED}
    return [
        line_chart(series, title=title, x_label="step", y_label="loss", colours=dict.fromkeys(series, _TUNED) | colours)
    ]


def _smoothed(losses: Points) -> Points:
    """Return the mean of each point and its neighbours, of fewer where there are fewer."""
    half = _AROUND // 2
    stretches = [losses[max(0, at - half) : at + half + 1] for at in range(len(losses))]
    return [(losses[at][0], sum(y for _, y in near) / len(near)) for at, near in enumerate(stretches)]


def _dev_curves(dev: Mapping[str, Any]) -> list[Chart]:
    titles = {"by_step": ("Dev by step, at full strength", "step"), "by_strength": ("Dev by strength", "strength")}
    level = ("base", dev["base"])
    return [
        line_chart(
            {dev["measure"]: [(float(x), y) for x, y in dev[key].items()]},
            title=f"{title} ({dev['measure']})",
            x_label=x_label,
            y_label=dev["measure"],
            level=level,
            colours={dev["measure"]: _TUNED},
        )
        for key, (title, x_label) in titles.items()
        if dev.get(key)
    ]
