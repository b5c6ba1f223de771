import multiprocessing
import os

import pytest

from embedtune.errors import ConfigError, DataError, ResourceError
from embedtune.formats import beir
from embedtune.types import Passage
from embedtune.ui.judgement_folder import UNNAMED, JudgementFolder, judge_name

PASSAGES = [Passage(f"p-{number}", "d.txt", "", f"text {number}", 0, 6) for number in range(200)]


def test_nothing_is_written_before_the_first_query(tmp_path):
    JudgementFolder(tmp_path / "mine", PASSAGES)
    assert not (tmp_path / "mine").exists()


def test_queries_and_grades_are_there_when_it_is_opened_again(tmp_path):
    folder = JudgementFolder(tmp_path / "mine", PASSAGES)
    query = folder.ask("  how do I\tget a refund ")
    assert query.text == "how do I get a refund"
    assert folder.ask("how do I get a refund") == query
    folder.grade(query.query_id, "p-1", 1)
    folder.grade(query.query_id, "p-2", 1)
    folder.grade(query.query_id, "p-2", 0)
    again = JudgementFolder(tmp_path / "mine", PASSAGES)
    assert again.queries == [query]
    assert again.qrels == {query.query_id: {"p-1": 1, "p-2": 0}}
    again.withdraw(query.query_id, "p-1")
    again.withdraw(query.query_id, "p-2")
    assert JudgementFolder(tmp_path / "mine", PASSAGES).qrels == {}
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [".lock", "judges", "qrels", "queries.jsonl"]


def _judge(folder, numbers):
    judgements = JudgementFolder(folder, PASSAGES)
    for number in numbers:
        judgements.grade(judgements.ask(f"query {number % 7}").query_id, f"p-{number}", 1)


def test_two_who_judge_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_judge, args=(tmp_path, range(start, 40, 2))) for start in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    qrels = beir.read_qrels(tmp_path / "qrels" / "test.tsv")
    assert sorted(name for grades in qrels.values() for name in grades) == sorted(f"p-{number}" for number in range(40))
    assert len(beir.read_queries(tmp_path)) == 7


def test_when_writing_fails_the_old_file_stays(tmp_path, monkeypatch):
    folder = JudgementFolder(tmp_path, PASSAGES)
    query = folder.ask("a")
    folder.grade(query.query_id, "p-1", 1)
    before = (tmp_path / "qrels" / "test.tsv").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        folder.grade(query.query_id, "p-2", 1)
    assert (tmp_path / "qrels" / "test.tsv").read_bytes() == before
    assert JudgementFolder(tmp_path, PASSAGES).qrels == {query.query_id: {"p-1": 1}}


def test_judgements_of_another_corpus_are_refused(tmp_path):
    folder = JudgementFolder(tmp_path, PASSAGES)
    folder.grade(folder.ask("a").query_id, "p-1", 1)
    with pytest.raises(DataError, match="of this corpus"):
        JudgementFolder(tmp_path, [Passage("p-other", "d.txt", "", "text", 0, 4)])


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ud83d", "\x9b", "\ufeff", "\u2028"], ids=ascii)
def test_a_typed_query_is_text_and_can_be_read_again(tmp_path, character):
    JudgementFolder(tmp_path / "judged", []).ask("a query that was asked before")
    JudgementFolder(tmp_path / "judged", []).ask(f"how does {character} the keeper go")
    again = JudgementFolder(tmp_path / "judged", [])
    assert [query.text for query in again.queries][1].split() == ["how", "does", "the", "keeper", "go"]
    again.ask("a query that is asked afterwards")
    assert len(JudgementFolder(tmp_path / "judged", []).queries) == 3
    with pytest.raises(ConfigError, match="expected words"):
        again.ask(f" {character} ")


def test_each_judge_has_a_file_and_the_test_set_is_what_they_agree_on(tmp_path):
    folder = JudgementFolder(tmp_path, PASSAGES)
    query = folder.ask("a").query_id
    for judge, grades in {"ada": (1, 1), "bob": (1, 0), "eve": (0, 0)}.items():
        for passage, grade in zip(("p-1", "p-2"), grades, strict=True):
            folder.grade(query, passage, grade, judge)
    assert beir.read_qrels(tmp_path / "qrels" / "test.tsv") == {query: {"p-1": 1, "p-2": 0}}
    assert sorted(path.stem for path in (tmp_path / "judges").iterdir()) == ["ada", "bob", "eve"]
    assert JudgementFolder(tmp_path, PASSAGES).by_judge["bob"] == {query: {"p-1": 1, "p-2": 0}}


def test_a_folder_of_an_earlier_version_is_that_of_a_judge_without_a_name(tmp_path):
    folder = JudgementFolder(tmp_path, PASSAGES)
    query = folder.ask("a").query_id
    folder.grade(query, "p-1", 1)
    (tmp_path / "judges" / f"{UNNAMED}.tsv").unlink()
    again = JudgementFolder(tmp_path, PASSAGES)
    again.grade(query, "p-2", 0, "ada")
    assert again.qrels == {query: {"p-1": 1, "p-2": 0}}
    assert again.by_judge == JudgementFolder(tmp_path, PASSAGES).by_judge


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "a" * 41, "a\0", "<b>"])
def test_a_judges_name_is_a_plain_word(name):
    if not name:
        assert judge_name(name) == UNNAMED
    else:
        with pytest.raises(ConfigError, match="expected a name"):
            judge_name(name)
    assert judge_name(" Ada  Lovelace ") == "Ada-Lovelace"
