"""The folder of a tuned writer."""

import pytest

from embedtune.errors import ConfigError
from embedtune.llm.writers import ADAPTER_FILES, FILE, Writer, read_writer, write_writer


@pytest.fixture
def folder(tmp_path):
    write_writer(tmp_path, Writer(base="abc", answer_tokens=24))
    for name in ADAPTER_FILES:
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_what_was_written_is_read_and_hashed(folder):
    writer = read_writer(folder)
    assert (writer.base, writer.answer_tokens, len(writer.hash)) == ("abc", 24, 16)
    (folder / ADAPTER_FILES[1]).write_text("other weights")
    assert read_writer(folder).hash != writer.hash


@pytest.mark.parametrize("name", [FILE, *ADAPTER_FILES])
def test_a_folder_that_is_not_whole_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=f"expected the folder of a tuned query writer, found no {name}") as refused:
        read_writer(folder)
    assert "tune-generator" in refused.value.hint


@pytest.mark.parametrize("text", ["{", "[]", '{"base": "abc"}', '{"base": "abc", "answer_tokens": 0}', '{"form": "x"}'])
def test_a_record_that_cannot_be_read_is_refused(folder, text):
    (folder / FILE).write_text(text)
    with pytest.raises(ConfigError, match="that cannot be read"):
        read_writer(folder)


def test_a_form_of_another_version_is_refused(folder):
    write_writer(folder, Writer(base="abc", answer_tokens=24, form=9))
    with pytest.raises(ConfigError, match="form 9"):
        read_writer(folder)


def test_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="found none"):
        read_writer(tmp_path / "nothing")
