from embedtune.integrations.hit_facts import hit_facts, passage_facts
from embedtune.records import Passage
from embedtune.serving.hits import Hit, Parts


def test_facts_have_no_empty_values():
    bare = Passage("p-1", "d", "", "text", 0, 4)
    full = bare._replace(title="Title", page=2)
    assert passage_facts(bare) == {"passage_id": "p-1", "document_id": "d"}
    assert passage_facts(full) == {"passage_id": "p-1", "document_id": "d", "title": "Title", "page": 2}
    assert hit_facts(Hit(bare, 0.5, 3, Parts(None, 3)), "bm25") == {
        "passage_id": "p-1", "document_id": "d", "system": "bm25", "rank": 3, "lexical_rank": 3,
    }  # fmt: skip
