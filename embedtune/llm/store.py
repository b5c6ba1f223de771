"""The durable queue: every planned call, and every answer and failure in order, in one SQLite file.

An answer is committed (write-ahead log, ``synchronous=FULL``) before it is read. Whether it can be used is not stored but
decided from its text each time, so that a better reader costs no second call.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.errors import EmbedtuneError, IntegrityError, ResourceError
from embedtune.redaction import hide_known, redact
from embedtune.text.hashing import hash_json


class Message(NamedTuple):
    """One message of a chat; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


class Call(NamedTuple):
    """One request to a language model."""

    key: str  # hash of model, messages and sampling parameters: equal calls are sent once
    model: str  # name of the model
    messages: tuple[Message, ...]  # the exact prompt
    params: Mapping[str, float]  # sampling parameters by name
    purpose: str  # what the answer is for: write, judge or relabel
    schema: Mapping[str, Any] | None = None  # of the answer, for servers that take one; neither stored nor in the key
    continues: bool = False  # whether its messages are a text to go on with; see ``continuations``


class Answer(NamedTuple):
    """An answer of a model."""

    text: str  # the text
    finish: str = "stop"  # why it ended: stop, length (cut off at the limit) or refusal (the provider's own filter)
    prompt_tokens: int = 0  # as counted by the provider, or estimated
    completion_tokens: int = 0  # as counted by the provider, or estimated


def call_row(call: Call) -> tuple[str, str, str, str, str]:
    """Return a call as columns of a table: key, purpose, model, messages and parameters, the last two as JSON."""
    messages = json.dumps([list(message) for message in call.messages], ensure_ascii=False)
    return (call.key, call.purpose, call.model, messages, json.dumps(dict(call.params), sort_keys=True))


def make_call(
    model: str,
    messages: Sequence[Message],
    params: Mapping[str, float],
    purpose: str,
    schema: Mapping[str, Any] | None = None,
    *,
    continues: bool = False,
) -> Call:
    """Build a call; its key depends on model, messages and parameters alone."""
    key = hash_json([model, [list(message) for message in messages], dict(params)])
    return Call(key, model, tuple(messages), dict(params), purpose, schema, continues)


ANSWER = "answer"
UNUSED = "unused"
"""An answer, and one whose queries were all dropped, so that it is asked for again."""
MOST_TOKENS = 1_000_000_000
"""Of one answer: what a provider counts beyond it is no count."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  key TEXT PRIMARY KEY, purpose TEXT NOT NULL, model TEXT NOT NULL, messages TEXT NOT NULL, params TEXT NOT NULL,
  round INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL REFERENCES calls (key), round INTEGER NOT NULL, outcome TEXT NOT NULL,
  text TEXT NOT NULL, finish TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_of_call ON attempts (key);
"""
_VERSION = 1


class Attempt(NamedTuple):
    """An answer or a failure of a call."""

    outcome: str  # answer, or the class of the failure
    answer: Answer  # the answer; of a failure its message, as text
    current: bool = True  # whether it counts against the call's attempts; not after failed calls were reset


class AnswerStore:
    """The answers of one run folder."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, readable by its owner alone.

        As every method, raises ``IntegrityError`` if the file is damaged or not ours, ``ResourceError`` if the disk refuses.
        """
        self.path = path
        self._lock = threading.Lock()
        with _explained(path):
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise IntegrityError(
                    f"{path}: expected answers in format {_VERSION}, found format {version}",
                    hint="use the newer embedtune",
                )
            self._connection.execute(f"PRAGMA user_version={_VERSION}")
        self._pending: list[tuple[tuple[str, Attempt], asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Close the file; the write-ahead log is folded in."""
        with self._lock:
            self._connection.close()

    def register(self, calls: Iterable[Call]) -> None:
        """Add calls that will be sent; known calls stay as they are."""
        rows = map(call_row, list(calls))
        with self._transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO calls (key, purpose, model, messages, params) VALUES (?, ?, ?, ?, ?)", rows
            )

    def known(self) -> set[str]:
        """Return the keys of all calls."""
        with self._reading() as connection:
            return {key for (key,) in connection.execute("SELECT key FROM calls")}

    def histories(self, keys: Sequence[str]) -> dict[str, list[Attempt]]:
        """Return the attempts of some calls in order; calls without any are left out."""
        wanted, histories = set(keys), dict[str, list[Attempt]]()
        query = (
            "SELECT key, outcome, text, finish, prompt_tokens, completion_tokens, attempts.round = calls.round "
            "FROM attempts JOIN calls USING (key) ORDER BY id"
        )
        with self._reading() as connection:
            for key, outcome, *answer, current in connection.execute(query):
                if key in wanted:
                    histories.setdefault(key, []).append(Attempt(outcome, Answer(*answer), bool(current)))
        return histories

    def tokens(self) -> tuple[int, int]:
        """Return the prompt and completion tokens of all answers so far."""
        sums = [f"coalesce(sum(min({column}, {MOST_TOKENS})), 0)" for column in ("prompt_tokens", "completion_tokens")]
        query = f"SELECT {', '.join(sums)} FROM attempts"  # noqa: S608 (no word of a user)
        with self._reading() as connection:
            prompt, completion = connection.execute(query).fetchone()
        return int(prompt), int(completion)

    def renew(self, keys: Iterable[str]) -> None:
        """Reset the attempts of calls; earlier answers are kept."""
        with self._transaction() as connection:
            connection.executemany("UPDATE calls SET round = round + 1 WHERE key = ?", [(key,) for key in keys])

    def set_aside(self, keys: Iterable[str]) -> None:
        """Let the answers of calls count as failures, which are kept: nothing that they hold could be used."""
        names = list(keys)
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE attempts SET outcome = ? WHERE key = ? AND outcome = ?",
                [(UNUSED, key, ANSWER) for key in names],
            )
        self.renew(names)

    def add(self, rows: Iterable[tuple[str, Attempt]]) -> None:
        """Commit attempts of known calls; returns when they are on the disk."""
        values = []
        for key, (outcome, (text, *answer), _) in rows:
            safe = hide_known(text) if outcome == ANSWER else redact(text)
            values.append((key, outcome, safe.encode("utf-8", "replace").decode(), *answer))
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO attempts (key, round, outcome, text, finish, prompt_tokens, completion_tokens) "
                "VALUES (?1, coalesce((SELECT round FROM calls WHERE key = ?1), 0), ?2, ?3, ?4, ?5, ?6)",
                values,
            )

    async def record(self, key: str, attempt: Attempt) -> None:
        """Commit one attempt; attempts during a commit are committed together."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(((key, attempt), done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._pending:
            taken, self._pending = self._pending, []
            failure: BaseException | None = None
            try:
                await asyncio.to_thread(self.add, [row for row, _ in taken])
            except BaseException as error:
                failure = error
                if not isinstance(error, EmbedtuneError):
                    raise
            finally:
                for _, done in taken:
                    if not done.done():
                        done.set_exception(failure) if failure else done.set_result(None)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _explained(self.path):
            yield self._connection


@contextmanager
def snapshot(path: Path) -> Iterator[AnswerStore]:
    """Open a temporary copy of a store, so that reading writes nothing; an empty one if there is none."""
    with tempfile.TemporaryDirectory(prefix="embedtune-") as folder:
        for suffix in ("", "-wal"):
            if (source := path.with_name(path.name + suffix)).is_file():
                shutil.copyfile(source, Path(folder, path.name + suffix))
        with closing(AnswerStore(Path(folder, path.name))) as store:
            yield store


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the disk into ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        words = str(error)
        if any(cause in words for cause in ("full", "readonly", "unable to open", "disk I/O")):
            raise ResourceError(
                f"{path}: expected to write there, found: {words}",
                hint="free disk space or mend its permissions, and give the same command again; no answer is lost",
            ) from error
        raise IntegrityError(
            f"{path}: expected the answers of an LLM in SQLite, found: {words}",
            hint="restore the file, or move it away; then its answers are asked for again",
        ) from error
    except OSError as error:
        raise ResourceError(f"{path}: expected to write there, found: {error}", hint="choose another folder") from error
