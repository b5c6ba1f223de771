"""The forms in which models give a list."""

import json
import time

import pytest

from embedtune.synthesis.llm.wrappings import first_value, json_lists, markup_list

TEXTS = ["cold tap water", "how to fill the tank", "the tank holds ten litres"]
KINDS = ("question", "keywords", "claim")
OBJECTS = [{"query": text} for text in TEXTS]
DOUBLE = '{{"question": "{}", "question": "{}", "keywords": "{}"}}'.format(*TEXTS)


@pytest.mark.parametrize(
    "value",
    [
        TEXTS,
        {"queries": TEXTS},
        {"Queries": TEXTS},
        {"search_queries": TEXTS},
        {"queries": dict(enumerate(TEXTS))},
        {"response": {"data": {"queries": TEXTS}}},
        {"name": "write", "arguments": {"queries": TEXTS}},
        dict(zip(KINDS, TEXTS, strict=True)),
        [{kind: text} for kind, text in zip(KINDS, TEXTS, strict=True)],
        {"question": TEXTS[:2], "keywords": TEXTS[2:]},
        {"1": {"type": "question", "query": TEXTS[0]}, "2": {"query": TEXTS[1]}, "3": {"text": TEXTS[2]}},
        [{"question": text, "answer": "ten litres"} for text in TEXTS],
        [{"type": "claim", "claim": text} for text in TEXTS],
        {"thinking": "two words", "drafts": ["no", "no"], "queries": TEXTS},
        [{"queries": TEXTS}],
        json.dumps(TEXTS),
        {"answer": json.dumps({"queries": TEXTS})},
    ],
)
def test_json_of_any_shape(value):
    assert json_lists(json.dumps(value)) == ([TEXTS], False)


@pytest.mark.parametrize(
    "words",
    [
        "\n".join(map(json.dumps, TEXTS)),
        "\n".join(map(json.dumps, OBJECTS)),
        ", ".join(map(json.dumps, OBJECTS)),
        f"```json\n{json.dumps(TEXTS)}\n```",
        str(TEXTS),
        DOUBLE,
    ],
)
def test_values_one_after_the_other_and_json_that_is_not_quite_json(words):
    assert json_lists(words) == ([TEXTS], False)


def test_several_lists_are_told_apart_and_text_around_them_is_noticed():
    words = f"Draft: {json.dumps(['a', 'b'])}\nBetter: {json.dumps(TEXTS)}"
    assert json_lists(words) == ([["a", "b"], TEXTS], True)
    assert json_lists(f"```\n{json.dumps(['a', 'b'])}\n```\n```\n{json.dumps(TEXTS)}\n```")[0] == [["a", "b"], TEXTS]


@pytest.mark.parametrize("value", [{}, [], {"queries": [1, 2]}, {"answer": "none"}, {"queries": None}, [[]]])
def test_json_without_texts(value):
    assert not any(json_lists(json.dumps(value))[0])


@pytest.mark.parametrize(
    "words",
    [
        "".join(f"<query>{text}</query>" for text in TEXTS),
        "<queries>\n" + "\n".join(f'<query_{n} kind="claim">{text}</query_{n}>' for n, text in enumerate(TEXTS)) + "\n</queries>",
        "| # | query |\n|---|:---|\n" + "\n".join(f"| {n} | {text} |" for n, text in enumerate(TEXTS)),
        " ".join(f"{n}. {text}" for n, text in enumerate(TEXTS, 1)),
    ],
)  # fmt: skip
def test_markup(words):
    assert [text.strip() for text in markup_list(words)] == TEXTS


def test_prose_is_no_markup():
    assert markup_list("version 1. 2 is old") is None
    assert markup_list("<html><body>Bad gateway</body></html>") is None


def test_the_first_value_that_holds_others():
    assert first_value('grades: {"grades": [1]} or [2]') == {"grades": [1]}
    assert first_value("5") is None


def test_the_time_is_bounded():
    started = time.process_time()
    for words in (
        "[" * 14_000,
        "{" * 14_000,
        '{"a":' * 3_000,
        '"' * 14_000,
        "<query>" * 2_000,
        "1. " * 5_000,
        "```" * 5_000,
        "[]" * 7_000,
    ):
        json_lists(words)
        markup_list(words)
    assert time.process_time() - started < 10
