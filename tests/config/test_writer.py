"""Settings of ``tune-generator``, and of a generation with the writer that it made."""

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.config.writer import WriterConfig
from embedtune.errors import ConfigError


@pytest.mark.parametrize("name", ["hf:", "openai:gpt-4o-mini", "SmolLM2", "gguf:model.gguf"])
def test_only_a_model_of_transformers_is_tuned(name):
    with pytest.raises(ConfigError, match="llm: expected hf:FOLDER"):
        WriterConfig(source="docs", llm=name)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"name": "openai:m"}, "adapter needs name hf:FOLDER"),
        ({}, "adapter needs name hf:FOLDER"),
        ({"name": "hf:m", "judge": True}, "only writes queries"),
        ({"name": "hf:m", "relabel": "llm"}, "only writes queries"),
        ({"name": "hf:m", "kinds": {"question": 1}, "long_share": 0.1}, "kinds, long_share would have no effect"),
        ({"name": "hf:m", "examples": "q.txt"}, "examples would have no effect"),
    ],
)
def test_what_a_writer_cannot_do_is_refused(settings, found):
    with pytest.raises(ConfigError, match=found):
        LlmConfig(adapter="writer", **settings)


def test_a_writer_takes_what_is_left():
    config = LlmConfig(adapter="writer", name="hf:m", per_passage=5, limit=10, relabel="cross-encoder", temperature=1.0)
    assert (config.adapter, config.per_passage) == ("writer", 5)
