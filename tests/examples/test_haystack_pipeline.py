from __future__ import annotations

from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex

QUESTION = "clean the spray arm with warm water"


def test_store_and_run_answer_as_the_retriever_does(example, served_run, capsys):
    run = served_run("query-lora", prompts=True, evaluated=True)
    windows, passages = example("haystack_pipeline").main([str(run), QUESTION])
    dense = [
        hit.passage.passage_id for hit in Retriever.from_run(run, RunIndex(run).decision.model).retrieve(QUESTION, 5)
    ]
    assert windows[0].meta["passage_id"] == dense[0]
    assert {window.meta["passage_id"] for window in windows} <= set(dense)
    expected = [hit.passage.passage_id for hit in Retriever.from_run(run).retrieve(QUESTION, 5)]
    assert [document.id for document in passages] == expected
    assert expected[0] in capsys.readouterr().out
