from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedtune.config.settings import RunConfig, load_config
from embedtune.errors import ConfigError, EmbedtuneError
from embedtune.formats.lines import numbered_lines, read_text
from embedtune.regular import NotRegularError, open_regular, read_regular
from embedtune.synthesis.llm.examples import read_examples
from embedtune.synthesis.llm.prompts import Prompts


@pytest.fixture(params=["pipe", "device", "folder"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a path that is no file."""
    path = tmp_path / "odd"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    return path


def test_only_files_are_opened(odd: Path) -> None:
    with pytest.raises((NotRegularError, IsADirectoryError)):
        open_regular(odd)


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(path, 4)


def test_a_sparse_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with path.open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(ConfigError, match="more than 1,000,000 bytes"):
        load_config(RunConfig, file=path)


def test_whatever_reads_a_named_file_refuses_what_is_none(odd: Path, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "write.jinja").symlink_to(odd)
    for read in (
        lambda: load_config(RunConfig, file=odd),
        lambda: list(numbered_lines(odd)),
        lambda: read_text(odd),
        lambda: read_examples(odd),
        lambda: Prompts(tmp_path / "templates"),
    ):
        with pytest.raises(EmbedtuneError):
            read()
