"""What a call is known by."""

from embedtune.llm.calls import Message, make_call

SYSTEM, USER = Message("system", "be brief"), Message("user", "two queries, please")
PARAMS = {"temperature": 0.7, "max_tokens": 100}


def test_equal_calls_have_one_key_whatever_they_are_for_and_however_the_parameters_are_ordered():
    one = make_call("openai:m", [SYSTEM, USER], PARAMS, "write")
    other = make_call("openai:m", [SYSTEM, USER], dict(reversed(PARAMS.items())), "judge")
    assert one.key == other.key


def test_model_prompt_and_parameters_each_change_the_key():
    one = make_call("openai:m", [SYSTEM, USER], PARAMS, "write")
    others = [
        make_call("openai:n", [SYSTEM, USER], PARAMS, "write"),
        make_call("openai:m", [USER, SYSTEM], PARAMS, "write"),
        make_call("openai:m", [SYSTEM, USER._replace(content=USER.content + " ")], PARAMS, "write"),
        make_call("openai:m", [SYSTEM, USER], PARAMS | {"temperature": 0.8}, "write"),
    ]
    assert len({one.key, *(other.key for other in others)}) == 5
