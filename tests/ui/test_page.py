import importlib
import sys

import pytest

from embedtune.errors import ConfigError
from embedtune.ui.judgement_folder import JudgementFolder


def test_fonts_are_the_readers_own_and_nothing_is_open_to_other_programs(runs, tmp_path):
    from embedtune.ui.page import build_page, theme

    page = build_page(runs, JudgementFolder(tmp_path / "mine", runs.first.passages))
    assert theme()._stylesheets == []
    assert page.analytics_enabled is False
    assert page.title == "embedtune · run"
    events = page.config["dependencies"]
    assert len(events) >= 10
    assert {event["api_visibility"] for event in events} == {"private"}
    assert len({fn.concurrency_id for fn in page.fns.values()}) == 1


def test_without_gradio_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "embedtune.ui.page", raising=False)
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ConfigError, match=r"expected the packages of embedtune\[ui\]") as caught:
        importlib.import_module("embedtune.ui.page")
    assert caught.value.hint == 'pip install "embedtune[ui]"'
