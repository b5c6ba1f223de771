from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from embedtune.errors import ConfigError
from embedtune.evaluation.runner import KeptVectors, Model, Search, added_model, check_names
from embedtune.project.vector_cache import VectorCache
from embedtune.types import Passage, Query, QuerySet


def named_model(name, weight=None):
    return Model(name, lambda: pytest.fail("loaded"), weight, ("base", None), name)


def test_an_added_model_is_named_by_its_folder_or_as_on_the_hub(tmp_path):
    (tmp_path / "mine").mkdir()
    assert added_model(str(tmp_path / "mine"), tmp_path / "mine", "fp32").name == "mine"
    hub = added_model("owner/model", tmp_path, "fp32")
    assert (hub.name, hub.documents, hub.weight) == ("owner/model", "owner/model", None)


def test_token_vectors_are_a_models_own_unless_another_is_named():
    assert named_model("tuned").tokens == "tuned"
    assert named_model("tuned")._replace(token_vectors="base").tokens == "base"


def test_every_row_has_a_name_of_its_own():
    check_names([named_model("base", 0.5), named_model("tuned", 0.5), named_model("other")])
    for double in ("base", "bm25", "hybrid_base"):
        with pytest.raises(ConfigError, match=f"found '{double}' more than once"):
            check_names([named_model("base", 0.5), named_model(double)])


TEXTS = ("fill the tank with water", "the lamp blinks orange", "rinse the bowl twice a day")
PASSAGES = [Passage(f"p{n}", "d0" if n < 2 else "d1", "", text, 0, len(text)) for n, text in enumerate(TEXTS)]


class Stub:
    """Encodes a text as the set of its letters; its tokens are what a pattern finds."""

    def __init__(self, pattern=r"\S+", window=100, prompts=None):
        self.window = window
        self.precision, self.document_prompt = "fp32", None
        self.model = SimpleNamespace(prompts=prompts or {})
        self._pattern = pattern
        self.documents = []

    def token_offsets(self, text):
        return [match.span() for match in re.finditer(self._pattern, text)]

    def encode_queries(self, texts, on_progress=None):
        texts = [self.model.prompts.get("query", "") + text for text in texts]
        vectors = np.array([[letter in text for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts], np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_queries_without_prompt(self, texts):
        return Stub().encode_queries(texts)

    def encode_documents(self, texts, on_progress=None):
        self.documents.append(list(texts))
        return Stub().encode_queries(texts)


def query_set(name, *texts, judged_unit="passage"):
    queries = [Query(f"{name}{n}", text, "source") for n, text in enumerate(texts)]
    return QuerySet(name, queries, {query.query_id: {} for query in queries}, judged_unit)


def search(*query_sets, tokens=100):
    return Search(PASSAGES, query_sets, window_tokens=tokens, window_overlap=0.0, depth=100)


def model(name, encoder, weight=None, family="one", documents=None):
    return Model(name, lambda: encoder, weight, (family, None), documents or name)


def test_a_model_is_encoded_once_for_all_query_sets():
    encoder = Stub()
    found = search(query_set("a", "tank", "lamp"), query_set("b", "bowl", judged_unit="document"))
    found.add(model("base", encoder, weight=0.5))
    assert len(encoder.documents) == 1
    first, second = (each.runs for each in found.sets)
    assert list(first) == list(second) == ["bm25", "base", "hybrid_base", "rrf_base"]
    assert list(first["base"]) == ["a0", "a1"]
    assert set(first["base"]["a0"]) == {"p0", "p1", "p2"}
    assert set(second["base"]["b0"]) == {"d0", "d1"}


def test_what_was_added_stands_behind_and_has_no_fusion():
    found = search(query_set("a", "tank"))
    for name, weight in (("base", 0.5), ("mine", None), ("tuned", 0.5)):
        found.add(model(name, Stub(), weight))
    assert list(found.sets[0].runs) == [
        "bm25", "base", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned", "mine",
    ]  # fmt: skip


def test_each_family_cuts_windows_with_its_own_tokenizer_and_length():
    words, again, letters, short = Stub(), Stub(), Stub(r"\S"), Stub(window=2)
    found = search(query_set("a", "tank"), tokens=4)
    for name, encoder, family in (("base", words, "w"), ("tuned", again, "w"), ("x", letters, "l"), ("y", short, "s")):
        found.add(model(name, encoder, family=family))
    assert words.documents[0] == again.documents[0]
    assert max(len(text.split()) for text in words.documents[0]) == 4
    assert len(letters.documents[0]) > len(words.documents[0])
    assert max(len(text.split()) for text in short.documents[0]) == 2


@pytest.mark.parametrize("name", ["base", "bm25", "hybrid_base", "BASE"])
def test_a_model_cannot_take_the_name_of_another_row(name):
    check_names([model("base", None, 0.5), model("mine", None)])
    with pytest.raises(ConfigError, match="a name of its own"):
        check_names([model("base", None, 0.5), model(name, None)])


def test_audits_get_what_a_plainer_stack_would_find():
    found = search(query_set("a", "tank", "lamp"))
    for name in ("base", "tuned"):
        found.add(model(name, Stub(prompts={"query": "zzz"}), 0.5))
    (plainer,) = found.sets
    assert plainer.query_cosine is None  # the same vectors to the bit: only passages can have been tuned
    assert set(plainer.cut_off) == set(plainer.bare) == {"a0", "a1"}
    # Without the prompt's letters in the way the scores are higher.
    assert max(plainer.bare["a0"].values()) > max(found.sets[0].runs["tuned"]["a0"].values())
    alone = search(query_set("a", "tank"))
    alone.add(model("base", Stub(), 0.5))
    assert (alone.sets[0].bare, alone.sets[0].query_cosine) == (None, None)


def test_a_model_of_tuned_queries_searches_the_vectors_of_the_base():
    base, tuned = Stub(), Stub()
    found = search(query_set("a", "tank", "lamp"))
    found.add(model("base", base))
    found.add(model("tuned", tuned, documents="base"))
    assert len(base.documents) == 1
    assert tuned.documents == []
    (runs,) = (each.runs for each in found.sets)
    assert runs["tuned"] == runs["base"]


def test_passage_vectors_of_the_run_s_own_models_are_kept(tmp_path):
    """What eval encoded, compare and serving read."""
    base, tuned, added = Stub(), Stub(), Stub()
    for _ in range(2):
        kept = KeptVectors(VectorCache(tmp_path), {"base": "b", "tuned": "t"}, "{}-{}".format)
        found = Search(PASSAGES, [query_set("a", "tank")], window_tokens=100, window_overlap=0.0, depth=100, kept=kept)
        for name, encoder in (("base", base), ("tuned", tuned), ("mine", added)):
            found.add(model(name, encoder))
    assert (len(base.documents), len(tuned.documents), len(added.documents)) == (1, 1, 2)
    searched = VectorCache(tmp_path).find_search("b-fp32")
    assert searched.starts == list(range(len(PASSAGES)))
    assert searched.queries["tank"].tolist() == base.encode_queries(["tank"])[0].tolist()
    assert VectorCache(tmp_path).find_search("mine-fp32") is None


def test_queries_are_projected_onto_the_directions_of_the_corpus():
    found = Search(
        PASSAGES, [query_set("a", "tank", "lamp")], window_tokens=100, window_overlap=0.0, depth=100, directions=2
    )
    found.add(model("base", Stub()))
    (runs,) = (each.runs for each in found.sets)
    assert list(runs) == ["bm25", "base", "base_pca"]
    assert runs["base_pca"] != runs["base"]


class Tokens(Stub):
    """Has a vector for each word, as for a text."""

    def encode_query_tokens(self, texts):
        return [self.encode_queries(text.split()) for text in texts]

    def encode_document_tokens(self, texts):
        self.documents.append(list(texts))
        return [Stub().encode_queries(text.split()) for text in texts]


def reranking(*query_sets):
    return Search(PASSAGES, query_sets, window_tokens=100, window_overlap=0.0, depth=100, rerank=2)


def test_the_best_of_a_fusion_are_reranked_by_their_tokens():
    found = reranking(query_set("a", "the water lamp"), query_set("b", "bowl", judged_unit="document"))
    found.add(model("base", Tokens(), 0.5))
    found.add(model("mine", Tokens()))
    first, second = (each.runs for each in found.sets)
    assert list(first) == ["bm25", "base", "hybrid_base", "rrf_base", "rerank_base", "mine"]
    assert set(first["rerank_base"]["a0"]) == {"p0", "p1", "p2"}
    assert set(second["rerank_base"]["b0"]) == {"d0", "d1"}
    last = [min(run["a0"], key=run["a0"].get) for run in (first["hybrid_base"], first["rerank_base"])]
    assert last[0] == last[1]


def test_pairs_whose_tokens_are_known_are_not_matched_again():
    base, same, other = Tokens(), Tokens(), Tokens()
    found = reranking(query_set("a", "tank"))
    found.add(model("base", base, 0.5))
    found.add(model("tuned", same, 0.5)._replace(token_vectors="base"))
    assert len(same.documents) == 1  # its own passages, no tokens
    assert found.sets[0].runs["rerank_tuned"] == found.sets[0].runs["rerank_base"]
    again = reranking(query_set("a", "tank"))
    again.add(model("base", base, 0.5))
    again.add(model("tuned", other, 0.5))
    assert len(other.documents) == 2


def test_an_index_of_the_shipped_model_is_held_against_its_exact_search(tmp_path):
    kept = KeptVectors(VectorCache(tmp_path), {"base": "hash"}, lambda *_: "name")
    options = {"window_tokens": 100, "window_overlap": 0.0, "depth": 100, "kept": kept}
    found = Search(PASSAGES, [query_set("a", "tank", "lamp")], **options, shipped="base", indexes=["hnsw4"])
    found.add(model("base", Stub(), weight=0.5))
    (table,) = found.sets
    assert list(table.runs) == ["bm25", "base", "hybrid_base", "rrf_base", "base:hnsw4"]
    (index,) = table.indexes
    assert (index.system, index.recall_at_10, index.flat_bytes) == ("base:hnsw4", 1.0, 3 * 26 * 4)
    assert index.n_bytes > index.flat_bytes
    assert table.runs["base:hnsw4"]["a0"] == pytest.approx(table.runs["base"]["a0"])
