"""Folders within one another, more than Python's own functions bear: as documents, in a run, a model, labels, uploads."""

import os
from contextlib import chdir

import pytest

from embedtune.documents.reading import unreadable, walk
from embedtune.errors import ConfigError
from embedtune.formats.label_files import label_files
from embedtune.models.inspect import check_files
from embedtune.project.manifest import MANIFEST, _sealed, clear_leftovers, find_changes, json_text
from embedtune.regular import DEEPEST, remove_folder
from embedtune.text.hashing import NOT_HASHED, hash_folder
from embedtune.ui.roots import Root
from embedtune.ui.uploads import Announced, Uploads

_DEPTH = 1500


def dig(folder):
    """Put folders within one another into a folder, with a file at a depth that is still read."""
    folder.mkdir()
    with chdir(folder):
        for level in range(_DEPTH):
            os.mkdir("a")  # noqa: PTH102 (by its short name: the whole one is longer than a system takes)
            os.chdir("a")
            if level == DEEPEST // 2:
                with open("note.md", "w") as file:  # noqa: PTH123
                    file.write("A note.\n")
    return folder


def bury(folder):
    """Remove it again; ``shutil.rmtree`` cannot."""
    with chdir(folder):
        for _ in range(_DEPTH):
            os.chdir("a")
        for _ in range(_DEPTH):
            os.chdir("..")
            if os.path.exists("a/note.md"):  # noqa: PTH110
                os.unlink("a/note.md")  # noqa: PTH108
            os.rmdir("a")  # noqa: PTH106


@pytest.fixture
def deep(tmp_path):
    yield dig(tmp_path / "deep")
    bury(tmp_path / "deep")


def test_documents_are_read_as_deep_as_anyone_has_them(deep):
    end, note = walk(deep)
    assert note.name == "note.md"
    assert unreadable(end) == f"more than {DEEPEST} folders within one another"


def test_a_model_and_labels_are_refused(deep):
    with pytest.raises(ConfigError, match="found too many within one another"):
        check_files(deep)
    (deep / "pairs.jsonl").write_text('{"query": "a?", "pos": ["x"]}')
    assert label_files(deep) == []


def test_a_run_is_not_whole(deep):
    hashes = hash_folder(deep)
    assert len(hashes) == 2
    assert NOT_HASHED & set(hashes.values())


def test_leftovers_stay_and_nothing_breaks(tmp_path):
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    (run / "model" / MANIFEST).write_text("{}")
    dug = [dig(run / name) for name in (".checkpoints", ".embedtune-old-x")]
    clear_leftovers(run)
    for folder in dug:
        remove_folder(folder)
        bury(folder)


def test_uploads_have_no_such_names(tmp_path):
    with pytest.raises(ConfigError, match="expected a plain file name"):
        Uploads(Root([tmp_path])).announce([Announced(name="a/" * 60 + "b.md", size=1)])


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname"), lambda path: path.mkdir()])
def test_a_manifest_cannot_vouch_for_what_is_no_file(tmp_path, make):
    make(tmp_path / "corpus.jsonl")
    manifest = _sealed({"identity_hash": "x", "outputs": hash_folder(tmp_path)})
    assert set(manifest["outputs"].values()) <= NOT_HASHED
    (tmp_path / MANIFEST).write_text(json_text(manifest))
    assert find_changes(tmp_path) == ["corpus.jsonl"]
