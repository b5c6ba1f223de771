from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import embedtune
from embedtune.config.settings import RunConfig, load_config
from embedtune.errors import ConfigError, DataError, EmbedtuneError
from embedtune.formats.label_files import read_labels
from embedtune.formats.lines import numbered_lines, read_text
from embedtune.formats.llama_index import read_llama_index
from embedtune.models.inspect import inspect_model
from embedtune.models.language_fit import stated_languages
from embedtune.models.opening import open_model
from embedtune.pipeline.verify import verify_run
from embedtune.project.manifest import is_run, read_manifest
from embedtune.project.records import Record
from embedtune.project.trained_run import read_trained_run
from embedtune.regular import NotRegularError, open_regular, read_json, read_regular
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


def test_what_is_read_as_a_whole_has_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text('{"a": "é"}', encoding="utf-8")
    assert read_json(path) == {"a": "é"}
    with path.open("wb") as file:
        file.truncate(8 << 30)
    with pytest.raises(OSError, match="more than 268,435,456 bytes"):
        read_json(path)
    for read in (read_llama_index, read_labels):
        with pytest.raises(DataError, match=r"set\.json: expected at most 1 GiB .*, found 8\.0 GiB"):
            read(path)


ODD = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "gigabytes": lambda path: (path.touch(), os.truncate(path, 3 << 30)),
    "folder": Path.mkdir,
    "deep": lambda path: path.write_text("[" * 200_000),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\0"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("odd_file", ODD.values(), ids=ODD)
def test_an_odd_file_of_a_run_or_a_model_is_refused_in_words(
    odd_file: Callable[[Path], object], tmp_path: Path
) -> None:
    for name in ("dataset", "model", "eval"):
        (tmp_path / "run" / name).mkdir(parents=True)
        odd_file(tmp_path / "run" / name / "manifest.json")
    odd_file(tmp_path / "run" / ".lock-owner.json")
    (tmp_path / "model").mkdir()
    odd_file(tmp_path / "model" / "modules.json")
    odd_file(tmp_path / "model" / "README.md")
    assert is_run(tmp_path / "run") is False
    assert stated_languages(tmp_path / "model") is None
    for read in (
        lambda: read_manifest(tmp_path / "run" / "dataset", Record),
        lambda: read_trained_run(tmp_path / "run"),
        lambda: inspect_model(tmp_path / "model"),
        lambda: open_model(tmp_path / "model"),
    ):
        with pytest.raises(EmbedtuneError) as refused:
            read()
        assert len(str(refused.value)) < 2000
    with suppress(EmbedtuneError):
        assert {each.state for each in verify_run(tmp_path / "run")} <= {"changed", "absent"}


def test_files_that_others_may_have_made_are_opened_here_alone() -> None:
    """A pipe, a device or gigabytes in place of a file must not hang or fill the memory, whatever reads it."""
    own = {"regular.py", "machine.py", "resources.py", "cli/generate_output.py", "snippets/checking.py", "ui/app.py",
           "synthesis/llm/prompts.py"}  # fmt: skip # of the machine, of the package, or just written
    opening = re.compile(r"\.(read_text|read_bytes)\(|(?<!os)\.open\((?!.*\"wb?\")|(?<![\w.])open\(")
    package = Path(embedtune.__file__).parent
    found = [
        f"{path.relative_to(package)}:{number}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if opening.search(line) and "documents/readers" not in path.as_posix()  # which run in the sandbox
        if path.relative_to(package).as_posix() not in own
    ]
    assert found == []
