"""Parquet files and saved datasets from somebody else: what unpacks to gigabytes, leads elsewhere, or is damaged."""

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedtune.errors import DataError
from embedtune.formats import columnar
from embedtune.formats.columnar import parquet_rows, saved_rows, saved_splits
from embedtune.formats.label_files import read_labels, recognise

ROWS = {"query": ["Fill it?"], "positive": ["Fill it slowly."]}


@pytest.fixture
def saved(tmp_path):
    """A folder as ``save_to_disk`` writes it, and a second one beside it."""
    table = pa.table(ROWS)
    for name in ("mine", "other"):
        folder = tmp_path / name
        folder.mkdir()
        with pa.ipc.new_stream(folder / "data.arrow", table.schema) as writer:
            writer.write_table(table)
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    return tmp_path / "mine"


def test_rows_come_with_the_columns_that_are_wanted(saved, tmp_path):
    pq.write_table(pa.table({**ROWS, "other": [2**62]}), tmp_path / "a.parquet")
    row = {"query": "Fill it?", "positive": "Fill it slowly."}
    assert list(parquet_rows(tmp_path / "a.parquet", lambda _: list(ROWS))) == [row]
    assert list(saved_rows(saved, lambda names: names)) == [row]
    assert saved_splits(saved) == {"train": saved}


@pytest.mark.parametrize(
    "columns",
    [
        {"query": pa.array(["Fill it?"] * 300_000).dictionary_encode(), "positive": ["x"] * 300_000},
        {"query": ["Fill it?"] * 8, "positive": ["x" * 500_000] * 8},
        {"query": ["Fill it?"], "positive": ["x" * 4_000_000]},
    ],
    ids=["rows", "shared text", "cell"],
)
def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path, monkeypatch, columns):
    monkeypatch.setattr(columnar, "_FREE", 1 << 20)
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=300_000)
    assert path.stat().st_size < 20_000
    with pytest.raises(
        DataError, match=r"train\.parquet: expected at most 100 bytes of texts for each of its [\d,]+, found"
    ):
        read_labels(path)


@pytest.mark.parametrize(
    "files",
    [[{"filename": "../other/data.arrow"}], [{"filename": ""}], [{"filename": 5}], [{}], [], None, 7, ["data.arrow"]],
    ids=repr,
)
def test_a_saved_dataset_names_files_of_its_own(saved, files):
    (saved / "state.json").write_text(json.dumps({"_data_files": files}))
    with pytest.raises(DataError, match=r"mine: expected what datasets\.save_to_disk writes, found"):
        read_labels(saved)


def test_an_absolute_name_and_a_link_are_elsewhere_too(saved):
    other = saved.parent / "other" / "data.arrow"
    (saved / "link.arrow").symlink_to(other)
    for name in (str(other), "link.arrow"):
        (saved / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
        with pytest.raises(DataError, match="which is elsewhere"):
            read_labels(saved)


@pytest.mark.parametrize("splits", ['["../other"]', '["/"]', '[".."]', '"train"', "[5]", "[]"])
def test_splits_are_folders_of_its_own(saved, splits):
    (saved / "dataset_dict.json").write_text(f'{{"splits": {splits}}}')
    with pytest.raises(DataError, match=r"expected what datasets\.save_to_disk writes"):
        read_labels(saved)


@pytest.mark.parametrize("text", ["[]", "[" * 100_000, "", "\xff"])
def test_a_damaged_record_is_one_sentence(saved, text):
    (saved / "state.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"expected what datasets\.save_to_disk writes"):
        read_labels(saved)


def test_damaged_rows_are_one_sentence(saved):
    path = saved / "data.arrow"
    whole = path.read_bytes()
    # Offsets of texts that lead out of the file.
    for damaged in (whole[:300], os.urandom(3000), whole.replace(b"\x08\0\0\0\0\0\0\0", b"\x08\0\xff\x7f\0\0\0\0")):
        path.write_bytes(damaged)
        with pytest.raises(DataError):
            read_labels(saved)


def test_a_pipe_is_refused_at_once(saved, tmp_path):
    (saved / "data.arrow").unlink()
    os.mkfifo(saved / "data.arrow")
    with pytest.raises(DataError, match="a pipe"):
        read_labels(saved)
    os.mkfifo(tmp_path / "a.parquet")
    assert recognise(tmp_path / "a.parquet") is None


def test_a_date_that_no_calendar_has(tmp_path):
    pq.write_table(
        pa.table({"query": pa.array([2**62], pa.timestamp("us")), "positive": ["x"]}), tmp_path / "a.parquet"
    )
    with pytest.raises(DataError, match=r"a\.parquet: expected a Parquet file"):
        read_labels(tmp_path / "a.parquet")
