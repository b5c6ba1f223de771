from __future__ import annotations

import asyncio

import pytest

from embedtune.errors import ConfigError
from embedtune.ui.roots import Root
from embedtune.ui.uploads import MAX_BYTES, MAX_FILE_BYTES, MAX_FILES, Announced, Uploads


@pytest.fixture
def uploads(tmp_path):
    return Uploads(Root([tmp_path]))


def take(uploads, number, name, *chunks):
    async def sent():
        for chunk in chunks:
            yield chunk

    asyncio.run(uploads.take(number, name, sent()))


def test_files_go_into_a_new_folder_below_the_root(uploads, tmp_path):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "mine.txt").write_text("mine")
    number = uploads.announce([Announced(name="a.txt", size=4), Announced(name="sub/b é.md", size=0)])
    assert not (tmp_path / "documents-2").exists()
    take(uploads, number, "a.txt", b"te", b"xt")
    take(uploads, number, "sub/b é.md")
    assert uploads.finish(number) == "documents-2"
    assert (tmp_path / "documents-2" / "a.txt").read_bytes() == b"text"
    assert (tmp_path / "documents-2" / "sub" / "b é.md").read_bytes() == b""
    assert [path.name for path in (tmp_path / "documents").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "files",
    [
        [("x.txt", 1)] * (MAX_FILES + 1),
        [(f"{n}.txt", 1) for n in range(10_000)],
        [("x.txt", MAX_FILE_BYTES + 1)],
        [(f"{n}.txt", MAX_FILE_BYTES) for n in range(1 + MAX_BYTES // MAX_FILE_BYTES)],
        [("x.txt", 2 << 30)],
        [("a", 1), ("a", 1)],
        [("a", 1), ("b/c", 1), ("a/b", 1)],
        [("b/c/d/e", 1), ("b/c", 1)],
        [("a/" * 60 + "b", 1)],
        [],
        *([(name, 1)] for name in ("../x", "/etc/x", "a/../../x", ".hidden", "a/.git/x", "a\0b", "a\nb", "c:x", "", ".", "..\\x", "x" * 300)),
    ],
    ids=lambda files: f"{len(files)} {files[0][0][:12] if files else ''}",
)  # fmt: skip
def test_too_many_too_large_and_names_that_lead_elsewhere_are_refused_whole(uploads, tmp_path, files):
    with pytest.raises(ConfigError, match="expected"):
        uploads.announce([Announced(name=name, size=size) for name, size in files])
    assert list(tmp_path.iterdir()) == []


def test_only_what_was_announced_is_taken_and_nothing_of_another_size_stays(uploads, tmp_path):
    number = uploads.announce([Announced(name="a.txt", size=4), Announced(name="b.txt", size=4)])
    for name, chunks in (("c.txt", [b"text"]), ("a.txt", [b"long", b"er"]), ("b.txt", [b"s"]), ("a.txt", [b"text"])):
        with pytest.raises(ConfigError, match="expected"):
            take(uploads, number, name, *chunks)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(ConfigError, match="nothing was kept"):
        uploads.finish(number)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="announced"):
        take(uploads, "guessed", "a.txt", b"text")


def test_a_page_over_single_runs_takes_none(run):
    with pytest.raises(ConfigError, match="embedtune ui FOLDER"):
        Uploads(Root([run])).announce([Announced(name="a", size=1)])
