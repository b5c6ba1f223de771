"""A tuned query writer: a folder with a PEFT adapter, and what it was tuned for, which ``generate --adapter`` reads."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from embedtune.errors import ConfigError, missing_path
from embedtune.project.manifest import write_json
from embedtune.regular import read_regular
from embedtune.text.hashing import hash_files, hash_json

FILE = "writer.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
_MOST_BYTES = 1_000_000
_FORM = 1
"""Of prompts: a writer answers the form that it was tuned on and no other."""


class Writer(BaseModel):
    """What a writer was tuned for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    form: int = Field(_FORM, description="Form of the prompts.")
    base: str = Field(description="Hash of the base model's folder, or its hub name.")
    answer_tokens: int = Field(ge=1, le=1024, description="Tokens that a query may have.")
    hash: str = Field("", exclude=True, description="Hash of the files that answers depend on.")


def write_writer(folder: Path, writer: Writer) -> None:
    """Write what a writer was tuned for beside its adapter."""
    write_json(folder / FILE, writer.model_dump(mode="json"))


def read_writer(folder: Path) -> Writer:
    """Read a writer's folder. Raises ``ConfigError`` if it is none, is not whole, or is of another version."""
    missing = next((name for name in (FILE, *ADAPTER_FILES) if not (folder / name).is_file()), None)
    if missing:
        found = f"none{missing_path(folder)}" if not folder.exists() else f"no {missing} there"
        raise _refused(folder, found)
    try:
        writer = Writer.model_validate(json.loads(read_regular(folder / FILE, _MOST_BYTES)))
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        raise _refused(folder, f"a {FILE} that cannot be read: {str(error).splitlines()[0]}") from error
    if writer.form != _FORM:
        raise _refused(folder, f"one of form {writer.form}, while this version of embedtune writes form {_FORM}")
    files = [folder / name for name in (FILE, *ADAPTER_FILES)]
    return writer.model_copy(update={"hash": hash_json(hash_files(folder, files))[:16]})


def _refused(folder: Path, found: str) -> ConfigError:
    return ConfigError(
        f"--adapter {folder}: expected the folder of a tuned query writer, found {found}",
        hint="embedtune tune-generator SOURCE --llm hf:FOLDER makes one",
    )
