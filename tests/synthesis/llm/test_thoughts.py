"""Thoughts in the marks of the models that think."""

import time

import pytest

from embedtune.synthesis.llm.thoughts import without_thoughts


@pytest.mark.parametrize(
    "text",
    [
        "<think>a draft</think>the answer",
        "<THINKING>a draft</THINKING>\nthe answer",
        '<think time="3">a draft</think>the answer',
        "<thinking>x<think>y</think>a draft</thinking>the answer",
        "a draft</think>the answer",
        "a draft</think>more thoughts</think>the answer",
        "<think>a</think>a draft</think>the answer",
        "the answer<think>a draft",
        "<seed:think>a draft</seed:think>the answer",
        "[THINK]a draft[/THINK]the answer",
        "◁think▷a draft◁/think▷the answer",
        "<|begin_of_thought|>a draft<|end_of_thought|>the answer",
        "<|START_THINKING|>a draft<|END_THINKING|><|START_RESPONSE|>the answer<|END_RESPONSE|>",
        "<|channel|>analysis<|message|>a draft<|end|><|start|>assistant<|channel|>final<|message|>the answer<|return|>",
        "<|channel|>final <|constrain|>json<|message|>the answer",
        "analysisWe need a draftassistantfinalthe answer",
        "Here is my thought process: a draft Here is my response: the answer",
        "a draft <answer>the answer</answer>",
        "<think>a draft</think><answer>a draft</answer> no <answer>the answer<|im_end|>",
    ],
)
def test_what_was_thought_is_taken_out(text):
    assert without_thoughts(text) == ("the answer", True)


@pytest.mark.parametrize(
    "text",
    ["<think>a draft", "a draft</think>", "<|channel|>analysis<|message|>a draft<|end|>", "analysisWe need a draft",
     "Here is my thought process: a draft", "<think>" * 25_000],
)  # fmt: skip
def test_thoughts_alone_say_nothing(text):
    assert without_thoughts(text) == ("", True)


@pytest.mark.parametrize(
    "text", ["", "the answer", "analysis of wings", "how to think <b>twice</b>", '{"queries": ["a"]}']
)
def test_an_answer_without_thoughts_stays(text):
    assert without_thoughts(text) == (text, False)


def test_the_time_is_linear():
    started = time.process_time()
    for text in (
        "<think>" * 200_000,
        "</think>" * 200_000,
        "<|channel|>" * 100_000,
        "<answer>" * 100_000,
        "<think " * 100_000,
    ):
        without_thoughts(text)
    assert time.process_time() - started < 10
