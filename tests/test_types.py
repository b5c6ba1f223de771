from embedtune.types import Passage


def test_a_title_stands_in_front_of_the_text():
    passage = Passage("p-1", "d", "", "Drain the tank.", 0, 15)
    assert passage.full_text == "Drain the tank."
    assert passage._replace(title="Boiler › Frost").full_text == "Boiler › Frost\nDrain the tank."
