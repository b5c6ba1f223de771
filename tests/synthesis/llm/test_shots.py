import pytest

from embedtune.synthesis.llm.prompts import LLM_KINDS, MULTI_HOP
from embedtune.synthesis.llm.shots import own_shots, packaged, turns
from embedtune.types import Passage

SENTENCES = [
    f"Valve number {number} of the boiler opens at {number} bar, and closes again when the pressure has fallen by a tenth. "
    f"The fitter who serves it writes both values into the log of the plant, with the date and the name of room {number}."
    for number in range(3)
]
TEXT = " ".join(SENTENCES)
PASSAGE = Passage("p", "d", "Boiler", TEXT, 0, len(TEXT))


def asked(number, kind="question", passage=PASSAGE):
    return turns(packaged(kind), passage, kind, seed=0, number=number)


@pytest.mark.parametrize("kind", [kind for kind in LLM_KINDS if kind != MULTI_HOP])
def test_each_kind_has_examples_of_its_own(kind):
    shots = packaged(kind)
    assert len({shot.query for shot in shots}) == len(shots) == 5
    assert {shot.query for shot in shots}.isdisjoint(
        shot.query for other in LLM_KINDS[:4] if other != kind for shot in packaged(other)
    )


def test_examples_come_first_and_are_the_same_so_that_a_server_reads_them_once():
    first, second = asked(0), asked(1)
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]
    assert [message.role for message in first] == ["user", "assistant"] * 5 + ["user"]
    assert first[-1].content.startswith("Text: Boiler. ")
    assert first[-1].content.endswith("\nQuestion:")


def test_no_two_calls_about_a_passage_are_the_same_however_many_there_are():
    prompts = [tuple(asked(number)) for number in range(15)]
    assert len(set(prompts)) == 15
    short = Passage("s", "d", "", "Valves open at three bar.", 0, 25)
    assert len({tuple(asked(number, passage=short)) for number in range(5)}) == 5


def test_the_users_queries_stand_with_the_part_of_a_passage_that_they_are_about():
    (shot,) = own_shots([("pressure of valve number 2", PASSAGE)], seed=0)
    assert "number 2 of" in shot.text
    assert len(shot.text) < len(TEXT) / 2
    assert turns([shot], PASSAGE, None, seed=0, number=0)[0].content.endswith("\nSearch query:")
    pairs = [(f"query {number}", PASSAGE) for number in range(9)]
    assert len(own_shots(pairs, seed=0)) == 5
    assert own_shots(pairs, seed=0) == own_shots(pairs, seed=0) != own_shots(pairs, seed=1)
