"""Which queries are asked for."""

from collections import Counter

import pytest

from embedtune.errors import ConfigError, DataError
from embedtune.synthesis.llm.prompts import (
    LLM_KINDS,
    MULTI_HOP,
    NAMES,
    PACKAGED,
    Prompts,
    Request,
    Wanted,
    choose_examples,
    copy_templates,
    delimiter_for,
    plan_requests,
)
from embedtune.types import Passage

WEIGHTS = {"question": 4, "keywords": 2, "claim": 1, "task": 1, MULTI_HOP: 2}


def plan(passages, weights=WEIGHTS, **given):
    return plan_requests(passages, weights, **{"per_passage": 3, "long_share": 0.3, "seed": 0, **given})


def test_every_passage_is_asked_for_as_many_queries_as_were_wanted(passages):
    counts = Counter()
    for request in plan(passages):
        counts[request.passages[0].passage_id] += len(request.wanted)
    assert set(counts.values()) == {3}
    assert len(counts) == len(passages)


def test_kinds_come_by_weight_and_lengths_by_share(passages):
    wanted = [want for request in plan(passages, per_passage=20) for want in request.wanted]
    shares = {kind: count / len(wanted) for kind, count in Counter(want.kind for want in wanted).items()}
    assert abs(shares["question"] - 0.4) < 0.05
    assert abs(shares["claim"] - 0.1) < 0.05
    assert abs(sum(want.long for want in wanted) / len(wanted) - 0.3) < 0.05


def test_two_passages_of_one_document_for_what_needs_both(passages):
    double = [request for request in plan(passages) if len(request.passages) == 2]
    assert double
    for request in double:
        first, second = request.passages
        assert first.document_id == second.document_id
        assert first.passage_id != second.passage_id
        assert {want.kind for want in request.wanted} == {MULTI_HOP}
    assert all(
        want.kind != MULTI_HOP for request in plan(passages) if len(request.passages) == 1 for want in request.wanted
    )


def test_a_passage_without_another_one_is_asked_for_other_kinds(passages):
    alone = passages[:1]
    assert all(want.kind != MULTI_HOP for request in plan(alone) for want in request.wanted)
    assert plan(alone, {MULTI_HOP: 1}) == []


def test_a_passage_is_asked_the_same_whatever_other_documents_there_are(passages):
    document = [passage for passage in passages if passage.document_id == passages[0].document_id]
    assert plan(document) == plan(passages)[: len(plan(document))]


def test_another_seed_asks_otherwise(passages):
    assert plan(passages) != plan(passages, seed=1)


def test_one_query_for_each_request_for_models_that_cannot_write_several(passages):
    requests = plan(passages, single_query=True)
    assert {len(request.wanted) for request in requests} == {1}
    assert len(requests) == 3 * len(passages)


def test_every_kind_is_described_in_both_lengths():
    for kind in LLM_KINDS:
        assert Wanted(kind, True).description
        assert Wanted(kind, True).short
        assert Wanted(kind, True).length != Wanted(kind, False).length


PASSAGE = Passage("p1", "d", "Brava › Tank", "Fill the tank. {{ 7 * 7 }} {% for %} {x.__class__}", 0, 9)
REQUEST = Request((PASSAGE,), (Wanted("question", True), Wanted("keywords", False)))


@pytest.fixture
def write(tmp_path):
    """Return a function that makes a folder with one template."""

    def make(name, text):
        (tmp_path / f"{name}.jinja").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def test_passages_are_values_and_never_templates():
    text = Prompts().write(REQUEST, delimiter="abc", examples=[], language=None, plain=False)
    assert PASSAGE.text in text
    assert text.count("abc") == 2
    assert "a natural question" in text
    assert "12 to 25 words" in text
    assert text.endswith('{"queries": ["…", "…"]}')


def test_language_and_examples_are_asked_for():
    text = Prompts().write(REQUEST, delimiter="m", examples=["how 2 descale"], language="German", plain=False)
    assert "Write in German." in text
    assert "- how 2 descale" in text


def test_two_passages_are_both_shown():
    other = PASSAGE._replace(passage_id="p2", text="Drain it in winter.")
    text = Prompts().write(
        Request((PASSAGE, other), (Wanted("multi_hop", False),)), delimiter="m", examples=[], language=None, plain=False
    )
    assert "Drain it in winter." in text
    assert "both passages" in text


def test_delimiters_depend_on_every_word_and_on_the_seed():
    delimiters = {
        delimiter_for(0, ["a b"]),
        delimiter_for(0, ["a b "]),
        delimiter_for(1, ["a b"]),
        delimiter_for(0, ["a", "b"]),
    }
    assert len(delimiters) == 4
    assert delimiter_for(0, ["a b"]) == delimiter_for(0, ["a b"])


def test_each_prompt_draws_its_own_examples():
    examples = [f"query {number}" for number in range(50)]
    drawn = [choose_examples(examples, 3, 0, passage) for passage in ("p1", "p2", "p1")]
    assert drawn[0] == drawn[2] != drawn[1]
    assert choose_examples(["one"], 3, 0, "p") == ["one"]


def test_a_copy_can_be_edited_and_the_rest_stays_packaged(tmp_path):
    copied = copy_templates(tmp_path / "mine")
    assert sorted(path.stem for path in copied) == sorted(NAMES)
    assert Prompts(tmp_path / "mine").hash == Prompts().hash
    (tmp_path / "mine" / "write.jinja").write_text("Ask about {{ passage }}, please.", encoding="utf-8")
    (tmp_path / "mine" / "judge.jinja").unlink()
    mine = Prompts(tmp_path / "mine")
    assert mine.hash != Prompts().hash
    assert mine.write(REQUEST, delimiter="m", examples=[], language=None, plain=False).startswith(
        "Ask about Fill the tank."
    )
    with pytest.raises(ConfigError, match="expected no file there"):
        copy_templates(tmp_path / "mine")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("{{ passage }}\n{% for %}", 2, "Expected an expression"),
        ("{{ passage }}\n\n{{ nothing }}", 3, "'nothing' is undefined"),
        ("{{ passage.__class__.__mro__ }}", 1, "unsafe"),
        ("{{ passage }}{{ ''.__class__.__base__.__subclasses__() }}", 1, "unsafe"),
        ("{{ passage }}{{ examples.append('x') }}", 1, "unsafe"),
        ("{{ passage }}{{ 1 / 0 }}", 1, "division"),
        ("{{ passage }}{% include '/etc/passwd' %}", 1, "no loader"),
        ("Write something.", None, "found none in what it gave"),
    ],
)
def test_what_a_template_may_not_do_is_refused_with_its_line(write, text, line, words):
    folder = write("write", text)
    with pytest.raises(ConfigError, match=words) as refused:
        Prompts(folder)
    where = str(folder / "write.jinja")
    assert str(refused.value).startswith(f"{where}:{line}: " if line else f"{where}: ")


def test_values_of_a_template_are_named_where_one_is_wrong(write):
    with pytest.raises(ConfigError) as refused:
        Prompts(write("relabel", "{{ passages[0] }} {{ question }}"))
    assert refused.value.hint == "its values are delimiter, passages, query"


def test_folders_without_templates_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="found none of them"):
        Prompts(tmp_path)
    (tmp_path / "write.jinja").write_bytes(b"\xff\xfe{{ passage }}")
    with pytest.raises(DataError, match="a template in UTF-8"):
        Prompts(tmp_path)


def test_all_packaged_templates_are_there():
    assert sorted(path.stem for path in PACKAGED.glob("*.jinja")) == sorted(NAMES)
