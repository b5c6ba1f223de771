from types import SimpleNamespace

from embedtune.llm.store import Message, make_call
from embedtune.synthesis.llm.forms import EXAMPLES, LIST, OWN_EXAMPLES, SINGLE, Forms
from embedtune.synthesis.llm.prompts import MULTI_HOP, Request, Wanted
from embedtune.synthesis.llm.session import PlannedCall
from embedtune.synthesis.llm.shots import Shot
from embedtune.types import Passage


class Settings:
    """Builds calls whose prompt is what they ask for."""

    def __init__(self, templates=None):
        self.config = SimpleNamespace(templates=templates)

    def write(self, request):
        return make_call("m", [Message("user", str(request))], {"max_tokens": 9}, "write")

    def go_on(self, messages, want):
        return make_call("m", messages, {"max_tokens": 9}, "write", continues=True)


TWO = [Passage(name, "d", "", f"The valve {name} opens at three bar.", 0, 9) for name in "ab"]
REQUESTS = [
    Request((TWO[0],), (Wanted("question", True), Wanted("question", False), Wanted("keywords", False))),
    Request(tuple(TWO), (Wanted(MULTI_HOP, True),)),
    Request((TWO[1],), (Wanted("task", False),)),
]
PLAN = [PlannedCall(request, Settings().write(request)) for request in REQUESTS]


def test_a_list_stays_and_single_queries_keep_what_is_wanted():
    forms = Forms(Settings(), [], seed=0)
    assert forms.arrange(PLAN, LIST, {}) == PLAN
    single = forms.arrange(PLAN, SINGLE, {})
    assert [request.wanted for request, _ in single] == [(want,) for request in REQUESTS for want in request.wanted]
    assert single[3].request.passages == tuple(TWO)


def test_by_examples_each_call_is_another_and_two_passages_become_a_question_over_the_first():
    found = Forms(Settings(), [], seed=0).arrange(PLAN, EXAMPLES, {})
    assert [request.wanted[0].kind for request, _ in found] == ["question", "question", "keywords", "question", "task"]
    assert all(call.continues and len(request.passages) == 1 for request, call in found)
    assert len({call.key for _, call in found}) == 5


def test_some_calls_keep_their_form_and_the_others_are_as_without_them():
    forms = Forms(Settings(), [], seed=0)
    mixed = forms.arrange(PLAN, EXAMPLES, {PLAN[0].call.key: LIST})
    assert mixed[0] == PLAN[0]
    assert mixed[1:] == Forms(Settings(), [], seed=0).arrange(PLAN[1:], EXAMPLES, {})


def test_own_queries_and_own_templates_decide_what_is_tried():
    own = [Shot("The valve is shut.", "valve shut")]
    assert Forms(Settings(), [], seed=0).others == [SINGLE, EXAMPLES]
    forms = Forms(Settings(), own, seed=0)
    assert forms.others == [SINGLE, EXAMPLES, OWN_EXAMPLES]
    assert Forms(Settings("folder"), own, seed=0).others == [SINGLE]
    (request, call), *_ = forms.arrange(PLAN, OWN_EXAMPLES, {})
    assert call.messages[1].content == "valve shut"
    assert request.wanted == (Wanted("question", False),)
