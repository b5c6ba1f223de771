"""Which queries are asked for."""

from collections import Counter

from embedtune.synthesis.llm.kinds import LLM_KINDS, MULTI_HOP, Wanted, plan_requests

WEIGHTS = {"question": 4, "keywords": 2, "claim": 1, "task": 1, MULTI_HOP: 2}


def plan(passages, weights=WEIGHTS, **given):
    return plan_requests(passages, weights, **{"per_passage": 3, "long_share": 0.3, "seed": 0, **given})


def test_every_passage_is_asked_for_as_many_queries_as_were_wanted(passages):
    counts = Counter()
    for request in plan(passages):
        counts[request.passages[0].passage_id] += len(request.wanted)
    assert set(counts.values()) == {3}
    assert len(counts) == len(passages)


def test_kinds_come_by_weight_and_lengths_by_share(passages):
    wanted = [want for request in plan(passages, per_passage=20) for want in request.wanted]
    shares = {kind: count / len(wanted) for kind, count in Counter(want.kind for want in wanted).items()}
    assert abs(shares["question"] - 0.4) < 0.05
    assert abs(shares["claim"] - 0.1) < 0.05
    assert abs(sum(want.long for want in wanted) / len(wanted) - 0.3) < 0.05


def test_two_passages_of_one_document_for_what_needs_both(passages):
    double = [request for request in plan(passages) if len(request.passages) == 2]
    assert double
    for request in double:
        first, second = request.passages
        assert first.document_id == second.document_id
        assert first.passage_id != second.passage_id
        assert {want.kind for want in request.wanted} == {MULTI_HOP}
    assert all(
        want.kind != MULTI_HOP for request in plan(passages) if len(request.passages) == 1 for want in request.wanted
    )


def test_a_passage_without_another_one_is_asked_for_other_kinds(passages):
    alone = passages[:1]
    assert all(want.kind != MULTI_HOP for request in plan(alone) for want in request.wanted)
    assert plan(alone, {MULTI_HOP: 1}) == []


def test_a_passage_is_asked_the_same_whatever_other_documents_there_are(passages):
    document = [passage for passage in passages if passage.document_id == passages[0].document_id]
    assert plan(document) == plan(passages)[: len(plan(document))]


def test_another_seed_asks_otherwise(passages):
    assert plan(passages) != plan(passages, seed=1)


def test_one_query_for_each_request_for_models_that_cannot_write_several(passages):
    requests = plan(passages, single_query=True)
    assert {len(request.wanted) for request in requests} == {1}
    assert len(requests) == 3 * len(passages)


def test_every_kind_is_described_in_both_lengths():
    for kind in LLM_KINDS:
        assert Wanted(kind, True).description
        assert Wanted(kind, True).short
        assert Wanted(kind, True).length != Wanted(kind, False).length
