"""A small language model behind llama.cpp's server: SmolLM2 as a GGUF file, named by ``SMOLLM2_GGUF``, and the wheel xllamacpp."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.llm.failures import RateLimiter
from embedtune.llm.providers import load_provider
from embedtune.llm.store import Message, make_call
from embedtune.synthesis.llm.answer_form import queries_schema, tokens_for
from embedtune.synthesis.llm.prompts import Wanted

_SERVE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], 4096, 2
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.hostnames, params.port = ["127.0.0.1"], int(sys.argv[2])
server = xllamacpp.Server(params)
time.sleep(3600)
"""
_PORT = 18047
_MODEL = os.environ.get("SMOLLM2_GGUF", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (_MODEL and find_spec("xllamacpp")), reason="needs SMOLLM2_GGUF and pip install xllamacpp"),
]


@pytest.fixture
def url():
    process = subprocess.Popen([sys.executable, "-c", _SERVE, _MODEL, str(_PORT)])
    address = f"http://127.0.0.1:{_PORT}"
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{address}/health") as response:
                if json.load(response)["status"] == "ok":
                    break
        except OSError:
            time.sleep(0.5)
    yield f"{address}/v1"
    process.kill()
    process.wait()


def test_llama_cpp_tells_its_slots_streams_and_keeps_to_the_schema(url):
    schema = queries_schema([Wanted("question", False)] * 3)
    params = {"temperature": 0.7, "max_tokens": tokens_for(schema)}
    call = make_call(
        "openai:m", [Message("user", "Write three questions about kettles, in JSON.")], params, "write", schema
    )
    gate = RateLimiter(concurrency=32)

    async def ask():
        provider = load_provider(LlmConfig(name="openai:m", base_url=url))
        provider.attach(gate)
        answer = await provider.ask(call)
        await provider.close()
        return answer

    answer = asyncio.run(ask())
    queries = json.loads(answer.text)["queries"]
    assert len(queries) == 3
    assert all(4 <= len(query) <= 81 for query in queries)
    assert 0 < answer.completion_tokens <= params["max_tokens"]
    assert gate.most == 2
