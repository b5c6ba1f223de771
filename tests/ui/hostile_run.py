"""A small run whose documents, titles and queries try to run a script: each would set ``window.hacked``."""

from __future__ import annotations

import json
from pathlib import Path

import embedtune
from tests.small_runs import make_dataset, train_nothing

RUN = "window.hacked=1"
HOSTILE = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f"<svg onload={RUN}>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<details open ontoggle={RUN}>",
    f"<body onload={RUN}>",
    f'"><input autofocus onfocus={RUN}>',
    f"' onmouseover='{RUN}",
    f"[link](javascript:{RUN})",
    f'![image](x" onerror="{RUN})',
    f"<a href=javascript:{RUN}>click</a>",
    "${" + RUN + "}",
    "{{constructor.constructor('" + RUN + "')()}}",
    "{{#with this}}{{lookup (lookup this 'constructor') '" + RUN + "'}}{{/with}}",
    "`${" + RUN + "}`",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"<math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"<style>@import 'javascript:{RUN}';</style>\u202e<b>",
]


def make_hostile_run(run: Path, scratch: Path) -> None:
    """Make, train and evaluate a run; query n and document n are the n-th string.

    A query's answer is the next document, which it has nothing to do with: noise on the weights brings some up and others down.
    """
    source = scratch / "source"
    (source / "qrels").mkdir(parents=True)
    rows = [
        {"_id": f"d{number}", "title": f"{text} title", "text": f"{text} about subject{number}. {text}"}
        for number, text in enumerate(HOSTILE)
    ]
    queries = [{"_id": f"q{number}", "text": f"subject{number} {text}"} for number, text in enumerate(HOSTILE)]
    _write(source / "corpus.jsonl", rows)
    _write(source / "queries.jsonl", queries)
    judged = "".join(f"q{number}\td{(number + 1) % len(HOSTILE)}\t1\n" for number in range(len(HOSTILE)))
    for split in ("train", "dev", "test"):
        (source / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", encoding="utf-8")
    base = make_dataset(run, source, scratch / "base", queries_from="source")
    train_nothing(run, base, noise=0.03)
    embedtune.evaluate(embedtune.EvaluateConfig(precision="fp32"), run)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
