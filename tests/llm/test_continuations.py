from embedtune.llm.continuations import text_to_continue
from embedtune.llm.store import Message


def test_examples_stand_one_after_the_other_and_the_last_waits_for_its_answer():
    turns = [Message("user", "Text: a\nQuery:"), Message("assistant", "b"), Message("user", "Text: c\nQuery:")]
    assert text_to_continue(turns) == "Text: a\nQuery: b\n\nText: c\nQuery:"
    assert text_to_continue(turns[-1:]) == "Text: c\nQuery:"
