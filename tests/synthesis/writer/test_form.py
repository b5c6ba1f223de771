"""The form in which a tuned writer is asked."""

from embedtune.llm.cost import estimate_tokens
from embedtune.synthesis.writer.form import LEARNED, plan_writing, shortened, writer_prompt
from embedtune.types import Passage

PASSAGE = Passage("p", "d", "Kettles", "Fill the tank\nwith cold tap water.", 0, 34)


def test_the_prompt_holds_title_and_text_on_one_line():
    (message,) = writer_prompt(PASSAGE.full_text)
    assert message.role == "user"
    assert "Kettles Fill the tank with cold tap water." in message.content


def test_a_long_text_is_cut_between_words():
    text = " ".join(f"word{number}" for number in range(1000))
    short = shortened(text)
    assert text.startswith(f"{short} ")
    assert 40 < estimate_tokens(short) <= 130
    assert shortened("x" * 5000) == "x" * 5000  # one word is never cut


def test_each_passage_is_asked_so_often_with_numbers_of_its_own():
    planned = plan_writing([PASSAGE, PASSAGE._replace(passage_id="q")], 2)
    assert [(request.passages[0].passage_id, number) for request, number in planned] == [
        ("p", 0), ("p", 1), ("q", 0), ("q", 1)
    ]  # fmt: skip
    assert {want.kind for request, _ in planned for want in request.wanted} == {LEARNED}
