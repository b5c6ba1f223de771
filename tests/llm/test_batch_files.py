"""Answers with stable bytes, and files for batch APIs."""

import json
import sqlite3
from pathlib import Path

import pytest

from embedtune.errors import DataError
from embedtune.llm.batch_files import read_answers, read_batch, write_answers, write_batch
from embedtune.llm.failures import Outcome
from embedtune.llm.store import Answer, Message, make_call

CALLS = [
    make_call("openai:m", [Message("user", f"prompt {number} é")], {"temperature": 0.5}, "write")
    for number in range(40)
]


def asked():
    return [
        (call, Outcome(Answer(f"answer {call.key}", "stop", 3, 4), None) if number % 5 else Outcome(None, "refusal"))
        for number, call in enumerate(CALLS)
    ]


def test_the_order_does_not_matter_and_what_was_written_is_read(tmp_path):
    write_answers(tmp_path / "one", asked())
    write_answers(tmp_path / "two", reversed(asked()))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = {call.key: (call, answer) for call, answer in read_answers(tmp_path / "one")}
    assert len(found) == 32
    assert found[CALLS[1].key] == (CALLS[1], Answer(f"answer {CALLS[1].key}", "stop", 3, 4))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()  # reading changes nothing


def test_other_programs_can_look_into_it(tmp_path):
    write_answers(tmp_path / "llm.sqlite", asked())
    connection = sqlite3.connect(tmp_path / "llm.sqlite")
    assert connection.execute("SELECT count(*) FROM answers WHERE failure = 'refusal'").fetchone() == (8,)
    connection.close()


def test_a_batch_is_in_the_form_of_openais(tmp_path):
    calls = [call._replace(schema={"type": "object"}) for call in CALLS[:2]]
    write_batch(tmp_path / "b.jsonl", calls)
    first = json.loads((tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["custom_id"] == CALLS[0].key
    assert (first["method"], first["url"]) == ("POST", "/v1/chat/completions")
    assert first["body"]["model"] == "m"
    assert first["body"]["messages"] == [{"role": "user", "content": "prompt 0 é"}]
    assert first["body"]["temperature"] == 0.5
    assert first["body"]["response_format"]["json_schema"]["schema"] == {"type": "object"}


def read(*rows):
    return list(read_batch(Path("b.jsonl"), enumerate(rows, 1)))


def test_answers_of_a_batch_and_plain_ones_are_read():
    body = {
        "choices": [{"message": {"content": "a b"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    found = read(
        json.dumps({"custom_id": "k1", "response": {"status_code": 200, "body": body}, "error": None}),
        json.dumps({"custom_id": "k2", "text": "c d"}),
        json.dumps({"custom_id": "k3", "response": {"status_code": 500, "body": {}}, "error": None}),
        json.dumps({"custom_id": "k4", "response": None, "error": {"code": "expired"}}),
    )
    assert [(response.key, response.answer) for response in found] == [
        ("k1", Answer("a b", "length", 3, 2)),
        ("k2", Answer("c d")),
        ("k3", None),
        ("k4", None),
    ]


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        '{"text": "x"}',
        '{"custom_id": 3, "text": "x"}',
        '{"custom_id": "k"}',
        '{"custom_id": "k", "response": {"body": {"choices": []}}}',
    ],
)
def test_other_lines_are_refused_with_their_number(row):
    with pytest.raises(DataError, match=r"^b.jsonl:2: "):
        list(read_batch(Path("b.jsonl"), [(1, '{"custom_id": "k", "text": "x"}'), (2, row)]))
