"""Rows of Parquet files, and of folders that ``datasets`` saved, one after another.

Both say in a few bytes what fills the memory when it is unpacked, so what comes out is counted and has a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.errors import DataError, EmbedtuneError
from embedtune.formats.lines import unreadable
from embedtune.regular import open_regular, read_json

if TYPE_CHECKING:
    from pyarrow import RecordBatch

_BATCH = 1024  # rows that are decoded at once
_RATIO = 100  # bytes of texts for one of the file: good compression reaches 10
_FREE = 256 << 20  # bytes of texts that any file may have
_ROW = 8  # bytes that a row counts for beside its texts
_SAVED = "what datasets.save_to_disk writes"
_FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What values of other kinds, and of no calendar, end in."""

Wanted = Callable[[Sequence[str]], Collection[str]]
"""The names of a file's columns → those that are read; it raises where they will not do."""


def parquet_names(path: Path) -> list[str]:
    """Return the names of a Parquet file's columns. Raises ``DataError`` if it is none."""
    import pyarrow.parquet as pq

    with _explained(path), open_regular(path) as file:
        return list(pq.read_schema(file).names)


def parquet_rows(path: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file. Raises ``DataError`` if it is none, or unpacks to far more than its size."""
    import pyarrow.parquet as pq

    with _explained(path), open_regular(path) as opened:
        names = list(wanted(parquet_names(path)))
        # A dictionary is kept as one: a long text that a million rows share is there once.
        with pq.ParquetFile(opened, read_dictionary=names) as file:
            room = _Room(path, path.stat().st_size)
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            unpacked = [
                group.column(number).total_uncompressed_size for group in groups for number in range(group.num_columns)
            ]
            room.check(max(unpacked, default=0))
            for batch in file.iter_batches(_BATCH, columns=names):
                yield from _rows(batch, room)


def saved_rows(folder: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield the rows of a folder by ``Dataset.save_to_disk``.

    Raises:
        DataError: If it is none, or names files elsewhere.
    """
    import pyarrow as pa

    with _explained(folder, _SAVED):
        for file in _files(read_json(folder / "state.json"), "_data_files"):
            path = folder / file["filename"]
            _check_inside(path, folder)
            with open_regular(path) as opened, pa.ipc.open_stream(opened) as stream:
                names = wanted(stream.schema.names)
                room = _Room(path, path.stat().st_size)
                for batch in stream:
                    batch.validate(full=True)  # offsets that lead out of the file end the process otherwise
                    yield from _rows(batch.select(list(names)), room)


def saved_splits(folder: Path) -> dict[str, Path]:
    """Return the splits of what ``DatasetDict.save_to_disk`` wrote; a ``Dataset`` alone is ``train``.

    Raises:
        DataError: If it is neither, or names folders elsewhere.
    """
    with _explained(folder, _SAVED):
        if not (folder / "dataset_dict.json").is_file():
            return {"train": folder}
        splits = {name: folder / name for name in _files(read_json(folder / "dataset_dict.json"), "splits")}
        for path in splits.values():
            _check_inside(path, folder)
        return splits


def _files(record: Mapping[str, Any], key: str) -> list[Any]:
    found = record[key]
    if not isinstance(found, list) or not found:
        raise ValueError(f"no list of {key.strip('_')}")
    return found


def _check_inside(path: Path, folder: Path) -> None:
    if path.parent != folder or path.name in ("", "..") or path.is_symlink():
        raise ValueError(f"{str(path)!r:.80}, which is elsewhere")


class _Room:
    """Counts what comes out of one file."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size, self._taken = path, size, 0

    def check(self, n_bytes: int) -> None:
        """Refuse a file with so much in it."""
        if n_bytes > _FREE + _RATIO * self._size:
            raise DataError.at(
                self._path,
                None,
                f"at most {_RATIO} bytes of texts for each of its {self._size:,}",
                f"{n_bytes:,} bytes and more",
                hint="write it as .jsonl, if it is yours",
            )

    def take(self, row: Mapping[str, Any]) -> None:
        """Count a row."""
        self._taken += _ROW + sum(map(_length, row.values()))
        self.check(self._taken)


def _length(value: Any) -> int:
    return sum(map(_length, value)) if isinstance(value, list) else len(value) if isinstance(value, str) else 0


def _rows(batch: RecordBatch, room: _Room) -> Iterator[dict[str, Any]]:
    columns = list(zip(batch.schema.names, batch.columns, strict=True))
    for number in range(batch.num_rows):
        row = {name: column[number].as_py() for name, column in columns}
        room.take(row)
        yield row


@contextmanager
def _explained(path: Path, expected: str = "a Parquet file") -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except EmbedtuneError:
        raise
    except PermissionError as error:
        raise unreadable(path, error) from error
    except (OSError, *_FAULTS, pa.ArrowException) as error:
        raise DataError.at(path, None, expected, str(error).partition("\n")[0][:200]) from error
