"""The answers of a dataset as a file with stable bytes, and the files of batch APIs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.errors import DataError
from embedtune.llm.completions import message_text
from embedtune.llm.cost import known_count
from embedtune.llm.failures import CallError, Outcome
from embedtune.llm.store import Answer, Call, Message, call_row
from embedtune.redaction import hide_known

_TABLE = """
CREATE TABLE answers (
  key TEXT PRIMARY KEY, purpose TEXT NOT NULL, model TEXT NOT NULL, messages TEXT NOT NULL, params TEXT NOT NULL,
  answer TEXT, finish TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, failure TEXT
) WITHOUT ROWID
"""


def write_answers(path: Path, outcomes: Iterable[tuple[Call, Outcome]]) -> None:
    """Write calls with the answers that were used, sorted by key: equal answers give equal bytes."""
    rows = {}
    for call, outcome in outcomes:
        key, purpose, model, messages, params = call_row(call)
        answer = outcome.answer or (None, None, None, None)
        rows[key] = (key, purpose, model, hide_known(messages), params, *answer, outcome.failure)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size=4096")
        connection.execute("PRAGMA journal_mode=OFF")  # the folder is temporary; it is synced as a whole
        connection.execute("BEGIN")
        connection.execute(_TABLE)
        connection.executemany(f"INSERT INTO answers VALUES ({', '.join('?' * 10)})", sorted(rows.values()))  # noqa: S608 (only marks)
        connection.execute("COMMIT")


def read_answers(path: Path) -> list[tuple[Call, Answer]]:
    """Read the answers of a finished dataset; calls that failed are left out."""
    query = (
        "SELECT key, purpose, model, messages, params, answer, finish, prompt_tokens, completion_tokens FROM answers "
        "WHERE answer IS NOT NULL"
    )
    answers = []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        for key, purpose, model, messages, params, *answer in connection.execute(query):
            prompt = tuple(Message(*message) for message in json.loads(messages))
            answers.append((Call(key, model, prompt, json.loads(params), purpose), Answer(*answer)))
    return answers


def write_batch(path: Path, calls: Sequence[Call]) -> None:
    """Write calls as JSON lines in the form of OpenAI's batch API, which vLLM's ``run_batch`` reads too."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for call in calls:
            body: dict[str, object] = {
                "model": call.model.partition(":")[2],
                "messages": [message._asdict() for message in call.messages],
                **call.params,
            }
            if call.schema:
                body["response_format"] = response_format(call.schema)
            row = {"custom_id": call.key, "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameter of OpenAI's interface for the JSON schema of an answer."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


class Response(NamedTuple):
    """One line of a file of answers."""

    key: str  # of the call
    answer: Answer | None  # the answer, or None for a call that failed
    line: int  # its line, from 1


def read_batch(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[Response]:
    """Read a batch API's output, or lines of ``{"custom_id": …, "text": …}``. Raises ``DataError`` at any other line."""
    for number, line in lines:
        try:
            row = json.loads(line)
            key = row["custom_id"]
            if not isinstance(key, str):
                raise TypeError("custom_id is no string")
            yield Response(key, _answer(row), number)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, CallError) as error:
            raise DataError.at(
                path,
                number,
                'an object with "custom_id" and "response" (OpenAI\'s batch output) or "text"',
                f"{type(error).__name__}: {error} in {line[:80]!r}",
                hint="export-prompts writes the custom_id of each call; an answer must carry it",
            ) from error


def _answer(row: Mapping[str, Any]) -> Answer | None:
    if isinstance(row.get("text"), str):
        return Answer(row["text"], str(row.get("finish_reason") or "stop"))
    response = row["response"]
    if row.get("error") or response is None or int(response.get("status_code", 200)) >= 400:
        return None
    choice = response["body"]["choices"][0]
    usage = response["body"].get("usage")
    counts = (
        [known_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")]
        if isinstance(usage, dict)
        else []
    )
    finish = {"length": "length", "content_filter": "refusal"}.get(choice.get("finish_reason"), "stop")
    text = message_text(choice["message"]) or choice["message"].get("refusal") or ""
    return Answer(str(text), finish, *(count or 0 for count in counts))
