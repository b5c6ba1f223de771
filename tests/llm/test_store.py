"""The durable queue."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing

import pytest

from embedtune.errors import IntegrityError, ResourceError
from embedtune.llm.store import ANSWER, Answer, AnswerStore, Attempt, Message, make_call, snapshot

SYSTEM, USER = Message("system", "be brief"), Message("user", "two queries, please")
PARAMS = {"temperature": 0.7, "max_tokens": 100}


def test_equal_calls_have_one_key_whatever_they_are_for_and_however_the_parameters_are_ordered():
    one = make_call("openai:m", [SYSTEM, USER], PARAMS, "write")
    other = make_call("openai:m", [SYSTEM, USER], dict(reversed(PARAMS.items())), "judge")
    assert one.key == other.key


def test_model_prompt_and_parameters_each_change_the_key():
    one = make_call("openai:m", [SYSTEM, USER], PARAMS, "write")
    others = [
        make_call("openai:n", [SYSTEM, USER], PARAMS, "write"),
        make_call("openai:m", [USER, SYSTEM], PARAMS, "write"),
        make_call("openai:m", [SYSTEM, USER._replace(content=USER.content + " ")], PARAMS, "write"),
        make_call("openai:m", [SYSTEM, USER], PARAMS | {"temperature": 0.8}, "write"),
    ]
    assert len({one.key, *(other.key for other in others)}) == 5


CALLS = [make_call("m", [Message("user", f"prompt {number}")], {"temperature": 0.5}, "write") for number in range(3)]
KEYS = [call.key for call in CALLS]


@pytest.fixture
def store(tmp_path):
    store = AnswerStore(tmp_path / "answers.sqlite")
    store.register(CALLS)
    yield store
    store.close()


def answer(text):
    return Attempt(ANSWER, Answer(text, "stop", 7, 3))


def test_what_came_back_is_there_in_its_order(store):
    store.add(
        [(KEYS[0], Attempt("timeout", Answer("no answer in time"))), (KEYS[1], answer("b")), (KEYS[0], answer("a"))]
    )
    histories = store.histories(KEYS)
    assert [attempt.outcome for attempt in histories[KEYS[0]]] == ["timeout", ANSWER]
    assert histories[KEYS[1]][0].answer == Answer("b", "stop", 7, 3)
    assert KEYS[2] not in histories
    assert store.tokens() == (14, 6)
    assert store.known() == set(KEYS)


def test_it_survives_the_process_and_registering_twice_changes_nothing(store, tmp_path):
    store.add([(KEYS[0], answer("a"))])
    other = AnswerStore(tmp_path / "answers.sqlite")  # while the first is still open, as after a kill
    other.register(CALLS)
    assert other.histories(KEYS)[KEYS[0]][0].answer.text == "a"
    other.close()


def test_commits_are_synchronous(store):
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_renewed_calls_keep_their_history_but_it_no_longer_counts(store):
    store.add([(KEYS[0], Attempt("server", Answer("500")))])
    store.renew([KEYS[0]])
    store.add([(KEYS[0], Attempt("server", Answer("again")))])
    assert [attempt.current for attempt in store.histories(KEYS)[KEYS[0]]] == [False, True]


def test_many_at_once_are_committed_together_and_all_are_there_when_awaited(store):
    async def record():
        await asyncio.gather(*(store.record(KEYS[number % 3], answer(str(number))) for number in range(60)))
        return sum(map(len, store.histories(KEYS).values()))

    assert asyncio.run(record()) == 60


def test_a_failing_disk_reaches_whoever_waits(store, monkeypatch):
    def refuse(rows):
        raise ResourceError("disk full")

    monkeypatch.setattr(store, "add", refuse)
    with pytest.raises(ResourceError):
        asyncio.run(store.record(KEYS[0], answer("a")))


def test_a_snapshot_is_a_copy_and_writes_nothing(store, tmp_path):
    store.add([(KEYS[0], answer("a"))])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with snapshot(tmp_path / "answers.sqlite") as copy:
        assert copy.histories(KEYS)[KEYS[0]]
        copy.renew(KEYS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with snapshot(tmp_path / "nowhere.sqlite") as empty:
        assert empty.known() == set()
    assert not (tmp_path / "nowhere.sqlite").exists()


def test_keys_that_a_server_echoes_are_not_stored(store, monkeypatch, tmp_path):
    monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "planted-key-0123456789")
    store.add(
        [
            (KEYS[0], answer("your key is planted-key-0123456789, dear")),
            (KEYS[1], Attempt("server", Answer("Bearer abcdefgh12345"))),
        ]
    )
    assert store.histories(KEYS)[KEYS[0]][0].answer.text == "your key is ***, dear"
    assert all(
        b"planted-key" not in path.read_bytes() and b"abcdefgh12345" not in path.read_bytes()
        for path in tmp_path.iterdir()
    )


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_nobody_else_can_read_it(store, tmp_path):
    assert stat.S_IMODE((tmp_path / "answers.sqlite").stat().st_mode) == 0o600


def test_other_files_are_refused_with_a_way_out(tmp_path):
    path = tmp_path / "answers.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(IntegrityError, match="expected the answers of an LLM in SQLite") as refused:
        AnswerStore(path)
    assert "move it away" in refused.value.hint


def test_a_later_format_is_refused(tmp_path):
    path = tmp_path / "answers.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=9")
    connection.close()
    with pytest.raises(IntegrityError, match="format 9"):
        AnswerStore(path)


def test_a_folder_in_the_way_is_a_matter_of_resources(tmp_path):
    (tmp_path / "answers.sqlite").mkdir()
    with pytest.raises(ResourceError):
        AnswerStore(tmp_path / "answers.sqlite")


def test_half_a_character_does_not_stop_a_run(store):
    store.add([(KEYS[0], answer("\ud800 torn"))])
    assert store.histories(KEYS)[KEYS[0]][0].answer.text == "? torn"


def test_answers_that_are_set_aside_are_asked_for_again(tmp_path):
    call = make_call("m", [Message("user", "ask")], {}, "write")
    with closing(AnswerStore(tmp_path / "answers")) as store:
        store.register([call])
        store.add([(call.key, Attempt("answer", Answer("a text", prompt_tokens=7)))])
        store.set_aside([call.key])
        (attempt,) = store.histories([call.key])[call.key]
        assert (attempt.outcome, attempt.answer.text, attempt.current) == ("unused", "a text", False)
        assert store.tokens() == (7, 0)


def test_counts_that_no_sum_can_hold_are_cut(tmp_path):
    call = make_call("m", [Message("user", "ask")], {}, "write")
    with closing(AnswerStore(tmp_path / "answers")) as store:
        store.register([call])
        store.add((call.key, Attempt("answer", Answer("a", "stop", 2**63 - 1, 0))) for _ in range(3))
        assert store.tokens() == (3 * 10**9, 0)
