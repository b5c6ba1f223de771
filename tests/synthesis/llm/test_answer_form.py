from embedtune.synthesis.llm.answer_form import grades_schema, queries_schema, tokens_for
from embedtune.synthesis.llm.prompts import Wanted


def test_the_schema_has_the_number_of_queries_and_room_for_the_longest():
    wanted = (Wanted("keywords", False), Wanted("question", False), Wanted("question", True))
    entries = queries_schema(wanted)["properties"]["queries"]
    assert (entries["minItems"], entries["maxItems"]) == (3, 3)
    assert entries["items"] == {"type": "string", "minLength": 4, "maxLength": 225}
    assert queries_schema(wanted[:1])["properties"]["queries"]["items"]["maxLength"] == 36


def test_grades_have_a_number_and_a_range():
    entries = grades_schema(4, 5)["properties"]["grades"]
    assert (entries["minItems"], entries["maxItems"]) == (4, 4)
    assert entries["items"] == {"type": "integer", "minimum": 0, "maximum": 5}


def test_the_tokens_follow_from_what_is_asked():
    three = tokens_for(queries_schema([Wanted("question", False)] * 3))
    assert 100 < three < 200
    assert tokens_for(queries_schema([Wanted("question", False)])) < three / 2
    assert tokens_for(grades_schema(10, 2)) < 100
