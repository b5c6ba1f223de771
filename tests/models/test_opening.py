from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from embedtune.errors import ConfigError
from embedtune.models.opening import code_of, has_own_module, is_own_code, open_model

_CODE = "import os, pathlib\npathlib.Path(os.environ['CANARY']).touch()\n"
_CLASS = "from sentence_transformers.sentence_transformer.modules import Transformer\nclass Other(Transformer): pass\n"


def _change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.fixture
def model(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "model"))


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return tmp_path / "canary"


def _with_module_of_its_own(model: Path) -> None:
    modules = json.loads((model / "modules.json").read_text())
    modules[0]["type"] = "other.Other"
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "other.py").write_text(_CODE + _CLASS)


def _with_architecture_of_its_own(model: Path) -> None:
    (config,) = [path for path in model.rglob("config.json") if "num_hidden_layers" in path.read_text()]
    _change(config, model_type="other", auto_map={"AutoConfig": "other.Other", "AutoModel": "other.Other"})
    (model / "other.py").write_text(_CODE)


@pytest.mark.parametrize("bring", [_with_module_of_its_own, _with_architecture_of_its_own])
def test_code_of_a_folder_runs_only_with_trust(model: Path, canary: Path, bring: object) -> None:
    bring(model)
    assert code_of(model)
    with pytest.raises(ConfigError) as refused:
        open_model(model)
    assert not canary.exists()
    assert "--trust-remote-code" in (refused.value.hint or "")
    assert "other" in str(refused.value)


def test_code_of_a_folder_runs_with_trust(model: Path, canary: Path) -> None:
    _with_module_of_its_own(model)
    open_model(model, trust_remote_code=True)
    assert canary.exists()


def test_a_module_of_ours_does_not_carry_trust_to_the_model_within(model: Path, canary: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    from embedtune.models.hybrid_vector import BM25Sketch, HybridVector

    folder = tmp_path / "hybrid"
    sketch = BM25Sketch.fit(["a pump", "a valve of a pump"], 64)
    both = HybridVector(SentenceTransformer(str(model)), sketch, scale=0.5, longest=1.0)
    SentenceTransformer(modules=[both], prompts={"query": "ask: "}).save_pretrained(
        str(folder), create_model_card=False
    )
    assert is_own_code(folder)
    assert not code_of(folder)
    opened = open_model(folder)
    assert has_own_module(opened)
    assert opened.prompts["query"] == "ask: "

    _with_module_of_its_own(folder / "dense")
    assert code_of(folder)
    with pytest.raises(ConfigError, match="no code of its own"):
        open_model(folder)
    assert not canary.exists()


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """Serve a hub that knows nothing, and yield its address and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


_LOAD_ALL = """
import sys
from pathlib import Path
from embedtune.errors import EmbedtuneError
from embedtune.models.locate import find_model
from embedtune.models.opening import open_model
for name in sys.argv[2:]:
    try:
        open_model(Path(name))
    except EmbedtuneError as error:
        print(error)
try:
    find_model("somebody/else", download=False)
except EmbedtuneError as error:
    print(error)
"""


def test_a_local_folder_asks_nobody(model: Path, tmp_path: Path, hub: tuple[str, list[str]]) -> None:
    """Files that name a model elsewhere, and files that are missing: none makes a library ask the hub."""
    address, asked = hub
    folders = [Path(shutil.copytree(model, tmp_path / str(number))) for number in range(4)]
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "somebody/else", "r": 4, "target_modules": ["query"]}
    (folders[0] / "adapter_config.json").write_text(json.dumps(adapter))
    (config,) = [path for path in folders[1].rglob("config.json") if "num_hidden_layers" in path.read_text()]
    _change(config, _name_or_path="somebody/else", model_type="other", auto_map={"AutoModel": "somebody/else--m.M"})
    (config,) = [path for path in folders[2].rglob("config.json") if "num_hidden_layers" in path.read_text()]
    _change(config, quantization_config={"quant_method": "gptq", "bits": 4}, tokenizer_class="OtherTokenizer")
    for path in folders[3].rglob("tokenizer*"):
        path.unlink()
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf")}
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-c", _LOAD_ALL, "x", *map(str, folders)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "adapter_config.json: expected a whole model" in done.stdout
    assert "somebody/else: expected the base model that the run names" in done.stdout
    assert asked == []


def _config(model: Path) -> Path:
    (config,) = [path for path in model.rglob("config.json") if "num_hidden_layers" in path.read_text()]
    return config


def _torn_tokenizer(model: Path) -> None:
    path = next(model.rglob("tokenizer.json"))
    path.write_bytes(path.read_bytes()[:200])


def _modules_are_numbers(model: Path) -> None:
    (model / "modules.json").write_text("[1, 2]")


def _strange_weights(model: Path) -> None:
    path = next(model.rglob("model.safetensors"))
    save_file({name: value.reshape(-1)[:1] for name, value in load_file(path).items()}, path)


BROKEN = {
    "torn-tokenizer": _torn_tokenizer,
    "modules-are-numbers": _modules_are_numbers,
    "modules-are-text": lambda model: (model / "modules.json").write_text('"text"'),
    "modules-without-path": lambda model: (model / "modules.json").write_text('[{"type": "x"}]'),
    "no-modules": lambda model: (model / "modules.json").write_text("[]"),
    "weights-of-other-shapes": _strange_weights,
    "hidden-size-of-a-billion": lambda model: _change(_config(model), hidden_size=10**9),
    "hidden-size-as-float": lambda model: _change(_config(model), hidden_size=1e9),
    "many-layers": lambda model: _change(_config(model), num_hidden_layers=200_000),
    "more-than-the-weights": lambda model: _change(_config(model), hidden_size=60_000, num_hidden_layers=900),
    "negative-positions": lambda model: _change(_config(model), max_position_embeddings=-5),
    "no-positions": lambda model: _change(_config(model), max_position_embeddings=0),
    "small-vocabulary": lambda model: _change(_config(model), vocab_size=3),
    "text-for-a-number": lambda model: _change(_config(model), num_attention_heads="four"),
    "heads-that-do-not-divide": lambda model: _change(_config(model), num_attention_heads=7),
    "prompts-as-list": lambda model: _change(model / "config_sentence_transformers.json", prompts=["query: "]),
    "prompts-as-numbers": lambda model: _change(model / "config_sentence_transformers.json", prompts={"query": 7}),
    "config-is-a-list": lambda model: (model / "config_sentence_transformers.json").write_text("[]"),
    "a-pipe": lambda model: os.mkfifo(model / "extra.json"),
    "a-link-to-a-device": lambda model: (model / "extra.json").symlink_to("/dev/zero"),
    "a-link-to-a-folder": lambda model: (model / "extra").symlink_to("/etc"),
    "a-link-to-nothing": lambda model: (model / "extra.json").symlink_to("gone"),
    "adapter": lambda model: (model / "adapter_config.json").write_text("{}"),
    "window-as-text": lambda model: (model / "sentence_bert_config.json").write_text('{"max_seq_length": "x"}'),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_refused_in_words(model: Path, name: str) -> None:
    BROKEN[name](model)
    with pytest.raises(ConfigError) as refused:
        open_model(model)
    assert "trust" not in (refused.value.hint or "")
    assert len(str(refused.value)) < 3000


def test_a_folder_with_the_name_of_weights_is_no_weights(model: Path) -> None:
    (model / "old.safetensors").mkdir()
    assert open_model(model).encode_query(["a question"]).shape[0] == 1
