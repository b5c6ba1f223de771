"""Templates that a user wrote, or somebody else: whatever they do, they are refused in words, in time and in memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from embedtune.errors import ConfigError
from embedtune.synthesis.llm import template_process
from embedtune.synthesis.llm.prompts import Prompts, copy_templates
from embedtune.synthesis.llm.template_process import Filled, TemplateProcess, compiled

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
BAD = {
    "loops": LOOPS,
    "calls-itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "memory": "{{ passage * 40000000 }}",
    "memory-by-format": "{{ '%1000000000d' % 7 }}",
    "too-long": "{{ passage * 100000 }}",
    "unknown-value": "{{ nothing }}",
    "unknown-filter": "{{ passage|nothing }}",
    "syntax": "{% for %}",
    "deep": "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
    "many-blocks": "{% if n %}" * 200 + "{% endif %}" * 200,
    "division": "{{ 1 / 0 }}",
    "not-callable": "{{ n() }}",
    "attribute": "{{ passage.__class__.__mro__ }}",
    "random": "{{ ['a', 'b', 'c']|random }}",
    "filler": "{{ lipsum(1) }}",
    "address": "{{ passage.upper }}",
    "address-of-macro": "{% macro m() %}x{% endmacro %}{{ m.__call__ }}",
}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_process, "_SECONDS", 2.0)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_template_is_refused_in_words(name: str, tmp_path: Path) -> None:
    (tmp_path / "write.jinja").write_text("{{ passage }} " + BAD[name], encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(ConfigError) as refused:
        Prompts(tmp_path)
    assert time.monotonic() - started < 30
    assert "write.jinja" in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_a_template_that_was_refused_does_not_stop_the_next() -> None:
    process = TemplateProcess({"loops": LOOPS, "good": "Write {{ n }}."})
    assert "more than 2 s" in process.fill("loops", {}).fault
    assert process.fill("good", {"n": 3}).text == "Write 3."
    process.stop()


def test_the_line_of_a_fault_is_told() -> None:
    found = compiled({"one": "a\n\n{{ b|nothing }}"})
    assert isinstance(found, Filled)
    assert (found.name, found.line) == ("one", 3)
    process = TemplateProcess({"one": "a\n\n{{ b }}"})
    assert process.fill("one", {}).line == 3
    process.stop()


def test_copies_of_the_packaged_templates_work_and_are_made_once(tmp_path: Path) -> None:
    copied = copy_templates(tmp_path / "mine")
    assert copy_templates(tmp_path / "mine") == copied
    assert Prompts(tmp_path / "mine").hash == Prompts().hash
    copied[0].unlink()
    assert copy_templates(tmp_path / "mine") == copied  # what a kill left can be completed
    copied[1].write_text("edited")
    with pytest.raises(ConfigError, match="expected no file there"):
        copy_templates(tmp_path / "mine")
