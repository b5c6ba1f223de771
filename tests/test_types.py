from embedtune.types import Passage, Query


def test_a_title_stands_in_front_of_the_text():
    passage = Passage("p-1", "d", "", "Drain the tank.", 0, 15)
    assert passage.full_text == "Drain the tank."
    assert passage._replace(title="Boiler › Frost").full_text == "Boiler › Frost\nDrain the tank."


def test_only_queries_of_people_come_with_a_label():
    kinds = ("heading", "question", "source")  # by rules, by a language model, by people
    assert [Query("q", "text", kind).came_with_label for kind in kinds] == [False, False, True]
