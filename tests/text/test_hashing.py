from __future__ import annotations

import hashlib
import json

import pytest

from embedtune.text.hashing import (
    Fingerprints,
    content_id,
    fingerprint,
    hash_file,
    hash_files,
    hash_folder,
    hash_json,
    hash_text,
)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_text_hash_covers_lengths_and_bytes():
    assert hash_text("é", "ab") == sha256(b"2:\xc3\xa92:ab")


def test_text_hash_depends_on_where_parts_end():
    assert hash_text("ab", "c") != hash_text("a", "bc")
    assert hash_text("a", "") != hash_text("a")


def test_text_hash_takes_names_that_are_not_unicode():
    assert hash_text("caf\udce9.txt") == sha256(b"10:caf\xed\xb3\xa9.txt")


def test_content_id_is_a_prefix_and_sixteen_digits():
    assert content_id("p", "doc", "text") == "p-" + hash_text("doc", "text")[:16]


def test_json_hash_ignores_the_order_of_keys():
    assert hash_json({"a": 1, "b": [1, 2]}) == hash_json({"b": [1, 2], "a": 1})


def test_json_hash_minds_the_order_of_lists_and_types():
    assert hash_json([1, 2]) != hash_json([2, 1])
    assert hash_json(1) != hash_json("1")


def test_json_hash_survives_writing_and_reading():
    value = {"learning_rate": 5e-4, "kinds": ["heading", "überschrift"], "none": None}
    assert hash_json(json.loads(json.dumps(value))) == hash_json(value)


def test_file_hash_covers_files_longer_than_a_block(tmp_path):
    data = bytes(range(256)) * 5000
    path = tmp_path / "weights.bin"
    path.write_bytes(data)
    assert len(data) > 1 << 20
    assert hash_file(path) == sha256(data)


def test_folder_hash_lists_nested_files_by_name(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "b" / "z.txt").write_bytes(b"two")
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    expected = {"a.txt": sha256(b"one"), "b/z.txt": sha256(b"two"), "empty": "an empty folder", "link": "no file"}
    assert list(hash_folder(tmp_path).items()) == list(expected.items())


def test_files_hash_takes_only_the_files_given(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode())
    assert hash_files(tmp_path, [tmp_path / "c", tmp_path / "a"]) == {"a": sha256(b"a"), "c": sha256(b"c")}


@pytest.mark.parametrize("in_memory", [1 << 20, 3])
def test_every_occurrence_but_the_first_is_a_repeat(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr("embedtune.text.hashing._IN_MEMORY", in_memory)
    texts = Fingerprints(tmp_path)
    for text in ("a", "b", "a", "c", "", "a", "c", "\ud800"):
        texts.add(text)
    assert len(texts) == 8
    assert texts.repeats().tolist() == sorted(map(fingerprint, "aac"))
    assert list(tmp_path.iterdir()) == []  # the file has no name
    texts.add("b")
    assert texts.repeats().tolist() == sorted(map(fingerprint, "aabc"))


def test_nothing_has_no_repeats():
    assert Fingerprints().repeats().tolist() == []
