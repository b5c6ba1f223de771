"""The pages show what ``embedtune plug`` prints, which the tests of the probes run."""

import re
from pathlib import Path

import pytest

from embedtune.evaluation.decision import Decision
from embedtune.snippets.rendering import render
from embedtune.snippets.routes import Facts

PAGES = Path(__file__).parents[2] / "docs" / "integrations"
RUN = Path("/srv/runs/mine")
MERGED = RUN / "model" / "merged"
ONE = Facts(
    RUN, Decision("tuned", "Ship the tuned model."), "tuned", MERGED, "mine", "lora", "one", "query: ", "passage: ", 384, 128,
    False, True, None,
)  # fmt: skip
TWO = ONE._replace(method="query-lora", shape="two")
MAP = ONE._replace(
    method="linear", shape="map", has_adapter=False,
    map_file=MERGED / "query_2_Dense" / "model.safetensors",
)  # fmt: skip
SHOWN = [
    ("servers", "tei", TWO),
    ("servers", "vllm", ONE),
    ("servers", "ollama", MAP),
    ("sentence-transformers", "sentence-transformers", TWO),
    ("txtai", "txtai", TWO),
]


@pytest.mark.parametrize(("page", "target", "facts"), SHOWN)
def test_a_page_shows_what_is_printed(page, target, facts):
    blocks = re.findall(r"^```python\n(.*?)^```", (PAGES / f"{page}.md").read_text(encoding="utf-8"), re.S | re.M)
    assert render(facts, target).code in blocks
