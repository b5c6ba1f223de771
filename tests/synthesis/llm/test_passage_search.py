import json

from embedtune.documents.splits import Split
from embedtune.llm.failures import Outcome
from embedtune.llm.store import Answer, Message, make_call
from embedtune.synthesis.llm.passage_search import PassageSearch
from embedtune.synthesis.llm.prompts import Request, Wanted
from embedtune.synthesis.llm.session import PlannedCall
from embedtune.synthesis.query_sampler import PassagePool
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.types import Passage, Query, QuerySet

TEXTS = [
    "Limescale delays the switch of a kettle.",
    "The landlord keeps the deposit for six months.",
    "Bridges freeze before roads.",
]
OTHERS = [f"Room {number} of the office is in use on every day" for number in range(30)]
PASSAGES = [Passage(f"p{number}", f"d{number}", "", text, 0, len(text)) for number, text in enumerate(TEXTS + OTHERS)]
SIDES = {passage.passage_id: "dev" if passage.passage_id == "p2" else "train" for passage in PASSAGES}
POOL = PassagePool(
    PASSAGES, [], {passage.passage_id: [passage.passage_id] for passage in PASSAGES}, Split(SIDES, "document")
)
CALL = make_call("m", [Message("user", "u")], {}, "write")


def usable(*queries):
    wanted = tuple(Wanted("question", False) for _ in queries)
    planned = [PlannedCall(Request((PASSAGES[0],), wanted), CALL)]
    outcomes = {CALL.key: Outcome(Answer(json.dumps({"queries": queries})), None)}
    statistics = CorpusStatistics(TEXTS + OTHERS)
    return PassageSearch(POOL).n_usable(planned, outcomes, statistics, max_copied=5)


def test_queries_count_that_pass_the_filters_and_find_their_passage():
    assert usable("why does my kettle switch late", "12 34 56", "what makes limescale in kettles") == 2
    assert usable("how long does every room of the office stay in use") == 0  # thirty others are found before
    failed = {CALL.key: Outcome(None, "cut_off")}
    planned = [PlannedCall(Request((PASSAGES[0],), (Wanted("question", False),)), CALL)]
    assert PassageSearch(POOL).n_usable(planned, failed, CorpusStatistics(TEXTS), max_copied=5) == 0


def test_the_users_queries_get_the_training_passage_that_answers_them():
    found = PassageSearch(POOL).with_passages(["how long may a landlord keep the deposit", "zeppelin"], None)
    assert [(query, passage.passage_id) for query, passage in found] == [
        ("how long may a landlord keep the deposit", "p1")
    ]
    queries = [Query("a", "switch of the kettle", ""), Query("b", "why do bridges freeze", "")]
    judged = QuerySet("train", queries, {"a": {"d0": 1}, "b": {"d2": 1}}, "document")
    assert [(query, passage.passage_id) for query, passage in PassageSearch(POOL).with_passages([], judged)] == [
        ("switch of the kettle", "p0")
    ]  # the passage of the other is for dev
