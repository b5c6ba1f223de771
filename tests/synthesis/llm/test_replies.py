"""Reading what models say; every form here was seen from some model or is what the contract forbids to be taken for a query."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.synthesis.llm.replies import clean, read_grades, read_queries

TWO = ("cold tap water", "how to fill the tank")
JSON = json.dumps({"queries": TWO})


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        json.dumps({"queries": TWO}, indent=2),
        json.dumps(TWO),
        json.dumps({"questions": TWO}),
        json.dumps({"queries": [{"query": TWO[0], "kind": "keywords"}, {"question": TWO[1]}]}),
        json.dumps({"queries": {"1": TWO[0], "2": TWO[1]}}),
        f"```json\n{JSON}\n```",
        f"```\n{JSON}\n```\nLet me know if you need more!",
        f"Here are two questions:\n{JSON}",
        f"<think>The user wants {{two}} queries.</think>\n{JSON}",
        "{'queries': ['cold tap water', 'how to fill the tank',]}",
        "1. cold tap water\n2. how to fill the tank",
        "Here are two queries:\n\n1) cold tap water\n2) how to fill the tank",
        "Sure! Here are the questions:\n- cold tap water\n- how to fill the tank\n\nI hope this helps.",
        "**1.** cold tap water\n**2.** how to fill the tank",
        "Question 1: cold tap water\nQuestion 2: how to fill the tank",
        "cold tap water\nhow to fill the tank",
        '"cold tap water"\n"how to fill the tank"',
        json.dumps({"queries": ["1. cold tap water", "2. “how to fill the tank”"]}),
    ],
)
def test_forms_of_two_queries(text):
    found = read_queries(text, finish="stop", n=2)
    assert (found.texts, found.fault) == (TWO, None)


@pytest.mark.parametrize(
    ("text", "finish", "fault"),
    [
        ("", "stop", "empty"),
        ("   \n", "stop", "empty"),
        ("", "length", "cut_off"),
        ("<think>hm</think>", "stop", "only_thoughts"),
        ("<think>hm", "stop", "only_thoughts"),
        ("<think>hm", "length", "cut_off"),
        ("I'm sorry, but I can't help with that.", "stop", "refusal"),
        ("As an AI language model, I cannot write queries.", "stop", "refusal"),
        ("Es tut mir leid, dabei kann ich nicht helfen.", "stop", "refusal"),
        ("Lo siento, no puedo ayudar.", "stop", "refusal"),
        ("抱歉，我无法提供帮助。", "stop", "refusal"),
        (json.dumps({"queries": ["I'm sorry, I cannot help with that request.", "x y"]}), "stop", "refusal"),
        (JSON, "refusal", "refusal"),
        (JSON[:-12], "stop", "cut_off"),
        (JSON[:-12], "length", "cut_off"),
        ("1. cold tap water\n2. how to f", "length", "cut_off"),
        (JSON[:20] + '" } ]', "stop", "broken"),
        ("<html><body>Bad gateway</body></html>", "stop", "broken"),
        (json.dumps({"queries": [1, 2]}), "stop", "broken"),
        (json.dumps({"answer": "none"}), "stop", "broken"),
        (json.dumps({"queries": [TWO[0]]}), "stop", "wrong_count"),
        (json.dumps({"queries": [*TWO, "third"]}), "stop", "wrong_count"),
        (json.dumps({"queries": [TWO[0], " "]}), "stop", "wrong_count"),
        (json.dumps({"queries": [TWO[0], "…"]}), "stop", "wrong_count"),
        ("cold tap water", "stop", "wrong_count"),
        ("1. a b\n2. c d\n3. e f", "stop", "wrong_count"),
    ],
)
def test_what_is_no_answer_has_a_name_and_gives_no_query(text, finish, fault):
    found = read_queries(text, finish=finish, n=2)
    assert (found.texts, found.fault) == ((), fault)


def test_a_preamble_is_noticed_and_is_no_query():
    found = read_queries(json.dumps({"queries": ["Here are two questions:", *TWO]}), finish="stop", n=2)
    assert (found.texts, found.preamble) == (TWO, True)
    assert read_queries(f"Sure:\n{JSON}", finish="stop", n=2).preamble
    assert not read_queries(JSON, finish="stop", n=2).preamble


def test_a_whole_answer_that_ends_at_the_limit_is_one():
    assert read_queries(f"{JSON} and then", finish="length", n=2).texts == TWO


@given(st.text(max_size=200), st.sampled_from(["stop", "length", "refusal"]), st.integers(1, 4))
def test_any_text_gives_queries_or_a_fault(text, finish, n):
    found = read_queries(text, finish=finish, n=n)
    assert (len(found.texts) == n) is (found.fault is None)
    assert all(query and "\n" not in query for query in found.texts)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_json_gives_queries_or_a_fault(value):
    found = read_queries(json.dumps({"queries": value}), finish="stop", n=2)
    assert (len(found.texts) == 2) is (found.fault is None)


@pytest.mark.parametrize(
    ("text", "grades", "fault"),
    [
        ('{"grades": [5, 1]}', [5, 1], None),
        ("[5, 1]", [5, 1], None),
        ('Here:\n```json\n{"grades": [5, 1]}\n```', [5, 1], None),
        ('{"grades": [5]}', [], "wrong_count"),
        ('{"grades": [5, 9]}', [], "broken"),
        ('{"grades": ["good", "bad"]}', [], "broken"),
        ("", [], "empty"),
        ("I cannot grade this.", [], "refusal"),
    ],
)
def test_grades(text, grades, fault):
    assert read_grades(text, finish="stop", n=2, most=5) == (grades, fault)


@pytest.mark.parametrize(
    "text", ['  3) "cold tap\nwater" ', "Q: cold tap water", "“cold tap water”", "- *cold tap water*"]
)
def test_cleaning(text):
    assert clean(text) == "cold tap water"


def test_what_was_thought_is_no_query():
    draft = '{"queries": ["a rejected draft"]}'
    for text in (
        f"<think>{draft}</think>{JSON}",
        f"{draft} no, better:</think>{JSON}",
        f"<answer>{draft}</answer>\n<answer>{JSON}</answer>",
    ):
        assert read_queries(text, finish="stop", n=2).texts == TWO
    assert read_queries(f"<think>{draft}", finish="stop", n=1) == ((), "only_thoughts", False)
    assert read_grades("<think>[5]", finish="stop", n=1, most=5) == ([], "only_thoughts")


def test_of_several_lists_the_last_that_can_be_used_counts():
    draft = json.dumps({"queries": ["a rejected draft", "and another one"]})
    assert read_queries(f"Draft: {draft}\nBetter: {JSON}", finish="stop", n=2).texts == TWO
    form = json.dumps({"queries": ["…", "…"]}, ensure_ascii=False)
    assert read_queries(f"{JSON} in the form {form}", finish="stop", n=2).texts == TWO


def test_queries_with_control_characters_or_half_characters_are_asked_for_again():
    for character in ("\\u0000", "\\u001b", "\\ud83d", "\\u009b"):
        assert read_queries(f'{{"queries": ["how does {character} it go"]}}', finish="stop", n=1).fault == "garbled"


def test_an_answer_that_is_far_too_long_is_no_answer():
    assert read_queries(str(["a query"] * 100_000), finish="stop", n=3).fault == "cut_off"
